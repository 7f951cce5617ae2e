"""Measurements of Atoll against peers, on this machine, in the same run: `make bench ARGS="upload …"`.

Map: `__main__` runs what `registry` names; each benchmark is one file with `run(ctx) -> Result` (`result`);
`rounds` orders what is compared (A B A B); `machine` says where it ran; `report` writes results/latest.*, and
`document` makes docs/performance.md of them.
`one_node`, `lean_client` and `pictures` are what the storage node's benchmarks are made of.
"""
