"""Hostile pictures, made by code: all that a node must survive, what each attacks, what is expected.

`registry` lists the families, one small file each; `bricks` has the pieces that containers are built of;
`judge` has a file looked at and rendered by the node's own workers, and measures that. No file of the corpus
is kept in the repository: `python -m corpus DIR` (in tests/) writes all of them with a manifest,
`python -m corpus --measure` makes the table of docs/hostile-input.md. The same seed makes the same files.
"""
