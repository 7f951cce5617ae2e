"""The storage node: the only owner of one data directory, in one region.

Takes uploads, serves and verifies blobs, pulls what it lacks from peers, publishes its outbox, sends
heartbeats. Speaks to other daemons over the wire only.
"""
