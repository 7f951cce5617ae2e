"""Stories: bytes rot on the disk, and no client ever sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.story import BUCKET, EU, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SMALL, LARGE = 64, 1400  # sides in pixels: some 5 KB, and about 2 MB (several chunks)


def _file(story: Story, one: Stored) -> Path:
    (path,) = story.cluster.paths.data(EU).glob(f"blobs/{BUCKET}/*/*/{one.sha256}.jpg")
    return path


def _flip_a_bit(path: Path, offset: int) -> None:
    body = bytearray(path.read_bytes())
    body[offset] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(body)


async def _restart_to_forget_ram(story: Story) -> None:
    await story.cluster.daemons[EU].stop()
    await story.cluster.daemons[EU].start()


@pytest.mark.parametrize("side", [SMALL, LARGE], ids=["one chunk", "many chunks"])
@pytest.mark.parametrize("where", [0.0, 0.5, 0.999], ids=["start", "middle", "end"])
async def test_a_flipped_bit_is_never_served_and_the_copy_is_replaced(
    story: Story, side: int, where: float
) -> None:
    one = await story.upload(EU, picture(hash((side, where)), side))
    await story.everywhere([one])
    await _restart_to_forget_ram(story)
    path = _file(story, one)
    offset = int(where * len(one.body))
    _flip_a_bit(path, offset)
    status, body = await story.read(EU, one.path)
    assert (status, body) == (200, one.body)

    async def mended() -> bool:
        return path.exists() and path.read_bytes() == one.body

    await eventually(mended, "the bad copy was not replaced")
    quarantined = list((story.cluster.paths.data(EU) / "quarantine").iterdir())
    assert any(one.sha256 in bad.name for bad in quarantined)


async def test_a_range_over_a_flipped_bit_gives_the_right_bytes(story: Story) -> None:
    one = await story.upload(EU, picture(77, LARGE))
    await story.everywhere([one])
    await _restart_to_forget_ram(story)
    middle = len(one.body) // 2
    _flip_a_bit(_file(story, one), middle)
    status, body = await story.read(EU, one.path, Range=f"bytes={middle - 10}-{middle + 10}")
    assert (status, body) == (206, one.body[middle - 10 : middle + 11])
