"""Commits rows to the database named on the command line, for ever, and tells each one that is durable."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from storage_node.index_schema import connect

if __name__ == "__main__":
    index = connect(Path(sys.argv[1]))
    index.execute("PRAGMA wal_autocheckpoint = 20")
    index.execute("CREATE TABLE work (number INTEGER PRIMARY KEY, body BLOB)")
    for number in count():
        index.execute("INSERT INTO work VALUES (?, randomblob(3000))", (number,))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
