"""What a picture looks like at a glance, found in the inspection worker while its pixels are there anyway.

`small` makes the one copy that all is found from, `look` puts it together: `thumbhash`, `blurhash` and
`dominant`, on the sums of `waves`. Plain Python on 256 pixels: numpy would do the same in a tenth of the
time, and cost every worker 10 MB and a tenth of a second at its start. `faces`, where installed and wanted,
has a larger copy of its own. Called by `picture_check`.
"""
