"""A seeded chaos run: traffic and faults against a whole cluster, judged by an independent record.

plan.py       what will happen, all of it decided by the seed before anything starts (pure)
register.py   what did happen: every operation with its answer, on disk, and what must therefore be true
traffic.py    uploads, reads, deletes, restores, over plain HTTP
faults.py     what breaks, and how it is mended
run.py        the run itself, and the judgement at its end
__main__.py   `make chaos SEED=n MINUTES=m`
"""
