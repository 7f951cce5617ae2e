"""The peers, one file each; `benchmarks.peer` says what is in them."""
