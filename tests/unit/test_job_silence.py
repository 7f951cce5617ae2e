"""How long nothing may be heard of a job: counted from its last word, never for one that has ended."""

from __future__ import annotations

import pytest

from query_service.job_silence import PREPARING_MS, Silence

HOUR = 3_600_000
SILENCE = Silence(24 * HOUR)
OUTCOME = {"number": 0, "tries": 1, "node": "eu-1", "rank": 1}


def job(*states: str, ready: bool = True, at: int = 5 * HOUR, **more: object) -> dict[str, object]:
    tasks = {
        f"t{number}": {**OUTCOME, "number": number, "state": state, "at": at}
        for number, state in enumerate(states)
    }
    return {"_id": "0" * 26, "created_at": HOUR, "total": 2, "ready": ready, "tasks": tasks, **more}


def test_it_is_counted_from_the_last_word():
    assert SILENCE.ends_of(job()) == 25 * HOUR
    assert SILENCE.ends_of(job("running")) == 29 * HOUR
    assert SILENCE.ends_of(job("done", "running")) == 29 * HOUR


@pytest.mark.parametrize("ended", [job("done", "failed"), job("done", cancelled_at=9)])
def test_what_has_ended_by_itself_is_not_waited_for(ended):
    assert SILENCE.ends_of(ended) is None


def test_what_was_given_up_is_looked_at_until_all_is_seen_to():
    given_up = job("running", given_up={"at": 30 * HOUR, "why": "silent"})
    assert SILENCE.ends_of(given_up) == 29 * HOUR


def test_an_order_that_is_not_queued_whole_is_waited_for_a_quarter_of_an_hour():
    assert SILENCE.ends_of(job(ready=False)) == HOUR + PREPARING_MS
    assert Silence(1000).ends_of(job(ready=False)) == HOUR + 1000
    assert "order it again" in SILENCE.why(job(ready=False))


def test_the_reason_says_how_much_is_left():
    assert "1 of 2 tasks for 24 h" in SILENCE.why(job("done"))
    assert "2 of 2 tasks for 0.000278 h" in Silence(1000).why(job())
