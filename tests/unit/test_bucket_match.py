"""A bucket's policy is replaced only in the place of the one that was looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp.test_utils import make_mocked_request

from atoll.bucket import Bucket
from atoll.errors import BadRequest, Conflict, PreconditionFailed, Unavailable
from query_service.bucket_match import check_match, etag_of, expected, kept, replace_matching

SEEN, WANTED = Bucket("photos", "private"), Bucket("photos", "public")
OTHER = Bucket("photos", "private", max_bytes=9)


class MapThere:
    """The cluster map as NATS has it: `there` is what a change is made from."""

    def __init__(self, there: Bucket, *, raced: bool = False) -> None:
        self.there, self._raced = there, raced

    async def change(self, entry: Bucket, make: Callable[[Bucket], Bucket]) -> Bucket:
        changed = make(self.there)
        if self._raced:
            raise Conflict("bucket.photos has just been changed by somebody else; look again.")
        self.there = changed
        return changed


def replaced(there: MapThere, before: Bucket = SEEN, match: str = etag_of(SEEN)) -> Bucket:
    asyncio.run(replace_matching(there, before, WANTED, match))  # type: ignore[arg-type]  # the part that is used
    return there.there


def asked(text: str | None) -> str | None:
    headers = {} if text is None else {"If-Match": text}
    return expected(make_mocked_request("PUT", "/v1/buckets/photos", headers=headers))


def test_a_policy_is_named_by_all_that_is_in_it() -> None:
    order = {"b": "w_1", "a": "w_2"}
    turned = dict(reversed(order.items()))
    same = {etag_of(Bucket("photos", transformations=each)) for each in (order, turned)}
    assert len(same) == 1
    assert len({etag_of(each) for each in (SEEN, WANTED, OTHER, Bucket("others", "private"))}) == 4
    assert kept(SEEN).etag == etag_of(SEEN)


def test_if_match_is_an_etag_with_or_without_quotes_or_a_star() -> None:
    tag = etag_of(SEEN)
    assert [asked(text) for text in (None, "*", f'"{tag}"', f" {tag} ")] == [None, "*", tag, tag]


@pytest.mark.parametrize("text", ["", '"', f'W/"{"a" * 32}"', '"' + "A" * 32 + '"', '"x"', f'"{"a" * 31}"'])
def test_what_is_no_etag_is_told(text: str) -> None:
    with pytest.raises(BadRequest):
        asked(text)


@pytest.mark.parametrize("match", [None, "*", etag_of(SEEN)])
def test_what_was_looked_at_is_replaced(match: str | None) -> None:
    check_match(SEEN, WANTED, match)


@pytest.mark.parametrize("there", [None, OTHER])
def test_another_policy_than_was_looked_at_stays(there: Bucket | None) -> None:
    with pytest.raises(PreconditionFailed) as refused:
        check_match(there, WANTED, etag_of(SEEN))
    assert refused.value.facts["etag"] == (there and etag_of(there))


def test_a_bucket_that_is_not_there_is_not_made_where_any_was_wanted() -> None:
    with pytest.raises(PreconditionFailed):
        check_match(None, WANTED, "*")


def test_a_try_that_was_carried_out_already_is_no_conflict() -> None:
    check_match(WANTED, WANTED, etag_of(SEEN))
    assert replaced(MapThere(WANTED)) == WANTED


def test_the_map_is_changed_where_it_has_what_was_looked_at() -> None:
    assert replaced(MapThere(SEEN)) == WANTED


def test_a_change_of_which_this_service_has_not_heard_is_not_written_over() -> None:
    there = MapThere(OTHER)
    with pytest.raises(PreconditionFailed):
        replaced(there)
    assert there.there == OTHER


def test_a_change_is_not_judged_by_an_old_policy() -> None:
    there = MapThere(OTHER)
    with pytest.raises(Unavailable):
        replaced(there, before=SEEN, match=etag_of(OTHER))
    with pytest.raises(Unavailable):
        replaced(there, before=SEEN, match="*")
    assert there.there == OTHER


def test_who_is_slower_by_a_moment_is_told() -> None:
    there = MapThere(SEEN, raced=True)
    with pytest.raises(PreconditionFailed):
        replaced(there)
    assert there.there == SEEN
