"""Logs: one JSON object a line on standard error, for machines; nothing else writes there."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from typing import TextIO

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _JsonLines(logging.Formatter):
    def __init__(self, daemon: str) -> None:
        super().__init__()
        self._daemon = daemon

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "at": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "daemon": self._daemon,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _STANDARD}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(daemon: str, level: str, stream: TextIO = sys.stderr) -> None:
    """Send all logging of this process to `stream`; facts go in `extra={...}` and become members.

    aiohttp warns of what it cannot read in a form's headers by quoting it whole, to standard error, and the
    interpreter remembers each such text for ever: anybody could fill disk and memory. The sender is answered.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_JsonLines(daemon))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("nats").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    for quoting in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.simplefilter("ignore", quoting)
