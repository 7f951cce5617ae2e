"""The monitor: hears every node's heartbeat, says who is healthy, and warns before a disk is full.

Heartbeats come in sealed on core NATS; nodes and sets come from the cluster map. What follows from them is
served as JSON and as Prometheus metrics, and announced as alerts. Speaks to other daemons over the wire only.
"""
