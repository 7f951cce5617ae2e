"""One JSON object a line, whatever is logged."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
from aiohttp import BadContentDispositionHeader, BadContentDispositionParam

from atoll.log import configure


@pytest.fixture
def stream():
    """What the process logs; pytest's own handlers are put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # `configure` closes what it finds
    out = io.StringIO()
    configure("monitor/monitor-1", "INFO", out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().split("\n") if line]


def test_a_line_says_when_who_what_and_the_facts(stream):
    logging.getLogger("atoll.bus").warning("lost %s", "NATS", extra={"node": "eu-1", "tries": 3})
    (line,) = lines(stream)
    assert (
        line.items()
        >= {
            "level": "WARNING",
            "daemon": "monitor/monitor-1",
            "logger": "atoll.bus",
            "message": "lost NATS",
            "node": "eu-1",
            "tries": 3,
        }.items()
    )
    assert line["at"].endswith("Z")


def test_newlines_and_strange_values_stay_inside_one_line(stream):
    logging.getLogger("x").error("a\nb\u2028c", extra={"path": object(), "text": "\n\x00"})
    assert len(stream.getvalue().split("\n")) == 2
    assert lines(stream)[0]["message"] == "a\nb\u2028c"


def test_a_traceback_is_a_member(stream):
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "ValueError: why" in lines(stream)[0]["traceback"]


def test_what_is_below_the_level_is_not_written(stream):
    logging.getLogger("x").debug("quiet")
    assert lines(stream) == []


@pytest.mark.parametrize("quoting", [BadContentDispositionHeader, BadContentDispositionParam])
def test_what_strangers_write_in_a_forms_headers_is_not_repeated(stream, quoting):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        configure("storage_node/eu-1", "INFO", stream)
        warnings.warn(quoting("x" * 7000), stacklevel=1)
        warnings.warn("other", RuntimeWarning, stacklevel=1)
    assert [str(warning.message) for warning in said] == ["other"]
    assert "xxx" not in str(globals().get("__warningregistry__"))
