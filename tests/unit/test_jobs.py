"""Tasks as they travel: their ids, their seals, and portions that are never too long. No I/O."""

from __future__ import annotations

import msgspec
import pytest

from atoll import jobs
from atoll.ids import new_id
from atoll.jobs import BadTask, JobItem, LookWork, new_task, open_task, packs, task_body, upload_job_id
from atoll.signing import Keys, seal

KEYS, OTHER = Keys(b"k" * 32), Keys(b"o" * 32)
ITEM = JobItem("1" * 26, "cats/tom", f"s1/{'0' * 64}.jpg", 9)
TASK = new_task("2" * 26, 3, "eu", "s1", 1, LookWork("photos", (ITEM,)))


def headers(body: bytes, keys: Keys = KEYS, subject: str = TASK.subject) -> dict[str, str]:
    return {jobs.SIGNATURE_HEADER: seal(keys.event, subject, body)}


def test_a_task_comes_back_as_it_was():
    body = task_body(TASK)
    assert TASK.subject == f"atoll.eu.work.look.s1.{'2' * 26}"
    assert open_task(TASK.subject, body, headers(body), KEYS) == TASK


@pytest.mark.parametrize("number", [0, 7, 1234])
def test_the_name_of_an_exports_file_says_whose_it_is(number):
    job = new_id()
    name = jobs.export_path(job, number).rpartition("/")[2]
    assert jobs.export_task(name) == (job, number)
    for other in (name[1:], name.replace("-", "-1", 1), "a.zip", "", "--", "²-²-².zip"):
        assert jobs.export_task(other) is None


@pytest.mark.parametrize("case", ["unsigned", "of others", "changed", "no task", "elsewhere"])
def test_what_is_no_task_of_ours_is_refused(case):
    body, subject = task_body(TASK), TASK.subject
    signed = headers(body)
    if case == "unsigned":
        signed = {}
    elif case == "of others":
        signed = headers(body, OTHER)
    elif case == "changed":
        body += b" "
    elif case == "no task":
        body = b'{"id": 1}'
        signed = headers(body)
    else:
        subject = subject.replace(".s1.", ".s2.")
        signed = headers(body, subject=subject)
    with pytest.raises(BadTask):
        open_task(subject, body, signed, KEYS)


def test_a_task_s_id_follows_from_its_job_and_number():
    job = new_id()
    ids = [new_task(job, number, "eu", "s1", 1, LookWork("photos", ())).id for number in range(100)]
    assert len({*ids, job, upload_job_id(job)}) == 102
    assert new_task(job, 7, "us", "s2", 2, LookWork("photos", ())).id == ids[7]


def test_portions_are_bounded_by_number_and_by_length():
    items = [ITEM] * 25
    assert [len(pack) for pack in packs(items, 10)] == [10, 10, 5]
    length = len(msgspec.json.encode(ITEM)) + 1
    assert [len(pack) for pack in packs(items, 1000, 4 * length)] == [4, 4, 4, 4, 4, 4, 1]
    assert list(packs([], 10)) == []


def test_a_word_that_a_job_is_cancelled_is_sealed():
    body, signed = jobs.seal_cancel("2" * 26, KEYS)
    assert jobs.open_cancel(body, signed, KEYS) == "2" * 26
    with pytest.raises(BadTask):
        jobs.open_cancel(body, signed, OTHER)
