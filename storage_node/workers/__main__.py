"""python -m storage_node.workers NUMBER PROCESSES LINK PASSING BOARD, by home only (crew.py): the rest of
what it needs comes by standard input.
"""

from __future__ import annotations

import ctypes
import pickle
import signal
import sys
from functools import partial

from atoll import lifecycle, log
from storage_node.settings import NodeSettings
from storage_node.workers import wire
from storage_node.workers.app import Post, run

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """The life of one worker. Exit codes as of every daemon."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # what home cannot do for it is lost
    number, processes, link, passing, board = map(int, argv)
    letter: tuple[NodeSettings, bytes] = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by home
    settings, news = letter
    log.configure(f"storage_node/{settings.name}/worker-{number}", settings.log_level)
    post = Post(number, processes, settings, wire.map_of(news), link, passing, board)
    return lifecycle.run(partial(run, post))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
