"""Measurements of Atoll against peers, on this machine, in the same run: `make bench`, `make bench-hot_get`.

Map: `__main__` runs what `registry` names; each benchmark is one file with `run(ctx) -> Result` (`result`);
`context` orders what is compared (A B A B), `cores` says where each side runs, `watch` what every process
took; `peers/` has who is compared with, a file each (`peer`); `machine` says where it ran; `report` writes
results/latest.*, and `document` makes docs/performance.md of them.
`one_node`, `lean_client` and `pictures` are what the storage node's benchmarks are made of.
"""
