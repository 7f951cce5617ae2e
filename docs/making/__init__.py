"""Makes the pages of docs/reference from the code, and the list of decisions from the decisions.

`make reference` writes them, `make openapi` too; a test holds what is committed against what the code makes.
The only place beside the tests that looks into all daemons at once: no daemon imports it, and it is not
installed.
"""
