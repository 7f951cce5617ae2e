"""The replicator: one per storage node; it tells its node what to pull.

Reads `blob.stored` and `asset.deleted` of its node's set from every region's stream, with a durable
consumer of its own, and orders its node to pull, or to apply the tombstone. A message is acknowledged
only after the node answered that it is durable. The node walks the sources, verifies and writes; the
replicator never touches its disk, and keeps nothing but a copy of the cluster map.

    region_reader ─► intake ─► window ─► workers ─► pulls / tombstones / parking ─► own_node
    (one a region)            (newest,   (parallel)            │                     ▲
                               smallest)                       └─ wanted (durable in the node) ─ wanted_walk
    anti_entropy ─► (behind the window) a window of its own ─► workers of its own ─► mends ─► own_node

A node that is away pauses everything and costs no message a try (gate). A blob that no source can give
is noted with the node as wanted, so that it never blocks the rest. A message that can never be processed
is parked on a subject of its own.
"""
