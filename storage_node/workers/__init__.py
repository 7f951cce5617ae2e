"""A storage node of several processes (`workers` above 1): the first one is *home*, the others serve
beside it.

    home      the first process: index writer, journal, outbox, bus, map, heartbeats, scrub, jobs, renders
    worker    reads and uploads on the same port, with a RAM cache and a read-only index of its own

Whatever must exist once is home's. A worker asks home for it over a socket pair (link.py), hands
connections it has no answer for to home (passing.py), and is told what to forget before home confirms a
delete (memories.py).
"""
