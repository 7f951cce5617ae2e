"""What a client has uploaded is waited for while the catalog may not know it, and not a moment longer."""

from __future__ import annotations

import pytest

from atoll.client.own_uploads import AWAITED_SECONDS, REMEMBERED, OwnUploads
from atoll.client.views import Resolved
from atoll.errors import NotFound
from atoll.node_api import AssetView

OLD, NEW = "0" * 64, "1" * 64


def view(sha256: str = NEW, version: str = "v2", asset_id: str = "a") -> AssetView:
    return AssetView(
        asset_id=asset_id,
        bucket="photos",
        public_id="p",
        version=version,
        set="s1",
        sha256=sha256,
        format="jpg",
        content_type="image/jpeg",
        bytes=1,
        width=1,
        height=1,
        frames=1,
        handle="h",
        path="/p",
        url="http://n/p",
        created_at="now",
        tags=(),
        context={},
        filename=None,
        locations=(),
    )


def resolved(sha256: str) -> Resolved:
    return Resolved("http://n/p", "n", "eu", sha256)


class Desk:
    """A catalog that gives its answers in turn, and whose clock moves by what is slept."""

    def __init__(self, *answers: object) -> None:
        self.now, self.answers, self.asked = 0.0, list(answers), 0
        self.own = OwnUploads(lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds

    async def ask(self) -> object:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_fresh_upload_that_is_not_there_yet_is_asked_for_again():
    desk = Desk(NotFound("No."), NotFound("No."), resolved(NEW))
    desk.own.uploaded(view())
    assert await desk.own.known("a", desk.ask) == resolved(NEW)
    assert desk.asked == 3


async def test_the_bytes_the_name_had_before_are_not_the_answer():
    desk = Desk(resolved(OLD), view(OLD, "v1"), view())
    desk.own.uploaded(view())
    assert await desk.own.known("a", desk.ask) == view()


async def test_once_the_catalog_has_it_a_later_upload_by_somebody_else_is_believed():
    desk = Desk(resolved(NEW), resolved(OLD))
    desk.own.uploaded(view())
    assert await desk.own.known("a", desk.ask) == resolved(NEW)
    assert await desk.own.known("a", desk.ask) == resolved(OLD)


@pytest.mark.parametrize("answer", [NotFound("No."), resolved(OLD)])
async def test_waiting_ends(answer):
    desk = Desk(answer)
    desk.own.uploaded(view())
    if isinstance(answer, NotFound):
        with pytest.raises(NotFound):
            await desk.own.known("a", desk.ask)
    else:
        assert await desk.own.known("a", desk.ask) == answer
    assert desk.now >= AWAITED_SECONDS


async def test_what_others_uploaded_or_was_deleted_is_not_waited_for():
    desk = Desk(NotFound("No."))
    desk.own.uploaded(view())
    desk.own.forget("a")
    for asset_id in ("a", "b"):
        with pytest.raises(NotFound):
            await desk.own.known(asset_id, desk.ask)
    assert desk.now == 0.0


async def test_of_two_uploads_to_one_name_the_greater_version_is_awaited():
    desk = Desk(view(OLD, "v1"), view(NEW, "v2"))
    desk.own.uploaded(view(NEW, "v2"))
    desk.own.uploaded(view(OLD, "v1"))
    assert (await desk.own.known("a", desk.ask)).version == "v2"


async def test_it_remembers_a_bounded_number():
    desk = Desk(NotFound("No."))
    for number in range(REMEMBERED + 1):
        desk.own.uploaded(view(asset_id=str(number)))
    assert not desk.own.doubts("0", NotFound("No."))
    assert desk.own.doubts(str(REMEMBERED), NotFound("No."))
