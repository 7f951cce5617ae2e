"""Story: two regions that cannot hear each other write, edit and delete under one name, and then agree.

The later version wins everywhere, no version that was acknowledged is lost, and the one that was deleted is
gone; also in a catalog that is made anew from the nodes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from atoll.asset_edits import PATH
from atoll.ids import named_asset_id, version_id
from atoll.local.cluster_plan import BUCKET
from atoll.repair_api import leaf_of_asset
from probe.cut_off import CutOff, cluster_to_cut, stopped
from probe.repair_story import empty_catalog
from probe.story import AP, EU, NODES, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
CAT, DOG = "apart/cat", "apart/dog"


@pytest_asyncio.fixture(loop_scope="module")
async def cut_off(tmp_path: Path) -> AsyncIterator[tuple[Story, CutOff]]:
    """Whole at first."""
    async with cluster_to_cut(tmp_path) as running:
        yield running


async def ticket(story: Story, node: str, **fields: Any) -> dict[str, Any]:
    """A ticket for exactly this node; its URL does not lead through the proxy."""
    found: list[dict[str, Any]] = []

    async def issued() -> bool:
        found.append(await story.ticket(node, **fields))
        return bool(found[-1].get("node") == node)

    await eventually(issued, f"no ticket for {node}")
    own = story.cluster.url(node) + "/" + found[-1]["upload_url"].split("/", 3)[3]
    return found[-1] | {"upload_url": own}


async def ask(story: Story, method: str, path: str, body: object = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    async with story.session.request(method, story.query + path, json=body, headers=headers) as response:
        return response.status, await response.json()


async def records(story: Story, node: str, name: str) -> list[tuple[str, str]]:
    """Version and bytes of all records a node has of a name, newest first."""
    status, state = await story.internal(node, "GET", f"/internal/v1/assets/{named_asset_id(BUCKET, name)}")
    assert status == 200, state
    return [(r["version"], r["blob"]["sha256"]) for r in state["records"]]


async def agree(story: Story, name: str) -> list[tuple[str, str]]:
    """What all nodes have of a name, and the catalog shows, once they do."""

    async def equal() -> bool:
        here, *others = [await records(story, node, name) for node in NODES]
        status, page = await ask(story, "GET", f"/v1/assets/{named_asset_id(BUCKET, name)}/versions")
        shown = [(v["version"], v["sha256"]) for v in page["versions"]] if status == 200 else []
        current = status == 200 and [v["current"] for v in page["versions"]] == [True] + [False] * (
            len(shown) - 1
        )
        return all(other == here for other in others) and shown == here and current

    await eventually(equal, f"nodes and catalog do not agree about {name}", 60.0, every=0.2)
    return await records(story, EU, name)


async def rebuilt(story: Story, set_name: str, *ids: str) -> None:
    """The branches of these ids, from the nodes."""
    for branch in sorted({leaf_of_asset(asset_id) >> 8 for asset_id in ids}):
        status, told = await ask(
            story, "POST", "/v1/catalog/rebuild", {"set": set_name, "branch": f"{branch:02x}"}
        )
        assert status == 200, told
        assert told["complete"]


async def test_regions_that_wrote_one_name_apart_agree_on_all_its_versions(
    cut_off: tuple[Story, CutOff],
) -> None:
    story, link = cut_off
    first = await story.put(await ticket(story, EU, public_id=CAT), picture(1))
    await story.everywhere([first])
    ((oldest, _),) = await agree(story, CAT)
    plain = {node: await ticket(story, node, public_id=CAT) for node in (EU, AP)}
    careful = {node: await ticket(story, node, public_id=DOG, overwrite=False) for node in (EU, AP)}
    with stopped(story, f"{AP}-replicator"):
        await link.cut()
        for number, node in enumerate((EU, AP)):
            await story.put(plain[node], picture(10 + number))
            await story.put(careful[node], picture(20 + number))
        back = {"edit": "rollback", "asset_id": first.asset_id, "set": plain[AP]["set"], "version": oldest}
        status, rolled = await story.internal(AP, "POST", PATH, back)
        assert status == 200, rolled
        status, told = await ask(story, "DELETE", f"/v1/assets/{first.asset_id}/versions/{oldest}")
        assert status == 200, told
        assert len(await records(story, EU, CAT)) == 1
        assert len(await records(story, AP, CAT)) == 3
        link.mend()
    cat, dog = await agree(story, CAT), await agree(story, DOG)
    assert len(cat) == 3, "both uploads and the rollback"
    assert cat[0] == (rolled["records"][0]["version"], first.sha256), "the last writer wins"
    assert oldest not in {version for version, _ in cat}, "what was deleted is gone"
    assert len(dog) == 2, "neither knew of the other; the later one is current"
    for node in NODES:
        assert (await story.read(node, first.path))[0] == 200, "the rollback uses the deleted version's bytes"
    empty_catalog(story)
    ids = first.asset_id, version_id(first.asset_id, oldest), named_asset_id(BUCKET, DOG)
    await rebuilt(story, plain[EU]["set"], *ids)
    assert (await agree(story, CAT), await agree(story, DOG)) == (cat, dog)
