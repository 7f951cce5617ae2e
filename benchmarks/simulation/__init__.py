"""A cluster that nobody can rent for a test: 30 regions, 300 nodes, 10^9 images, in simulated time.

`python -m benchmarks.simulation` runs it and writes results and the figures of docs/scale.md; the same seed
gives the same results. It is no part of what is installed.

Map: `events` is the loop; `figures` has every number taken from outside, with its source; `regions` says
where machines stand; `world` is the cluster as Atoll's own code sees it (cluster map, health, views, the
choice of upload nodes, the order of reads); `stock` counts images, copies and bytes; `uploads`, `reads` and
`loss` are what happens; `story` runs all of it; `outcome` is what it found; `page` writes.

Images are counted in shards of ten thousand, which arrive together and lie in one set. Draws are therefore
coarser than in a real cluster: real nodes are filled more evenly than these.
"""
