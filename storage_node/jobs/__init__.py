"""The node's processor: heavy work from the region's queue, for images that this node's set holds.

`processor` reads the queue, `attempt` does one task once, `reports` says what came of it; what a kind of
work means is one class each (`*_job`), registered in `side` by kind.
"""
