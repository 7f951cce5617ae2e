"""Stories: a picture is asked for in another size, by every way there is, and comes so from every region."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec import structs
from PIL import Image

from atoll.bucket import Bucket
from atoll.client.async_client import AsyncClient
from atoll.errors import BadTransformation
from atoll.node_api import AssetView
from probe.story import AP, EU, NODES, US, Story, eventually

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

REGIONS = [node.rpartition("-")[0] for node in (EU, US, AP)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(story: Story) -> AsyncIterator[AsyncClient]:
    """Two buckets: everybody's with a name in it, and a private one."""
    async with AsyncClient([story.query], story.cluster.admin_key) as opened:
        shop = Bucket("shop", transformations={"thumb": "c_fill,g_center,h_40,w_60"}, eager=("t_thumb",))
        await opened.put_bucket(shop)
        await opened.put_bucket(structs.replace(shop, name="vault", visibility="private"))
        yield opened


def a_photo(name: str) -> bytes:
    """Stripes that are another file for each name."""
    image = Image.new("RGB", (320, 200), (200, 120, 40))
    tint = hashlib.sha256(name.encode()).digest()
    for x in range(0, 320, 20):
        image.paste((x % 256, tint[0], tint[1]), (x, 0, x + 10, 200))
    body = io.BytesIO()
    image.save(body, "JPEG", quality=90)
    return body.getvalue()


async def known(client: AsyncClient, story: Story, asset: AssetView) -> AssetView:
    """The asset, once every region has it, the catalog says so, and every node knows its bucket."""
    await client.wait_replicated(asset.asset_id)

    async def served() -> bool:
        for region in REGIONS:
            url = (await client.url(asset.asset_id, region=region, transformation="t_thumb")).url
            async with story.session.get(url) as response:
                if response.status != 200:
                    return False
        return True

    await eventually(served, "a node does not serve it")
    return asset


async def look(story: Story, url: str) -> tuple[int, tuple[int, int], str]:
    """Status, size and format of what a browser gets, redirects followed."""
    async with story.session.get(url) as response:
        body = await response.read()
        if response.status != 200:
            return response.status, (0, 0), ""
        with Image.open(io.BytesIO(body)) as image:
            image.load()
            return response.status, image.size, image.format or ""


async def figure(story: Story, line: str) -> float:
    """A figure of /metrics, summed over the nodes."""
    found = 0.0
    for node in NODES:
        async with story.session.get(f"{story.cluster.url(node)}/metrics") as response:
            lines = (await response.text()).splitlines()
        found += sum(float(each.rpartition(" ")[2]) for each in lines if each.startswith(line))
    return found


async def bucket_known(story: Story, bucket: str) -> None:
    """Every node has heard of it."""

    async def everywhere() -> bool:
        for node in NODES:
            url = f"{story.cluster.url(node)}/{bucket}/main/{'0' * 64}.jpg"
            async with story.session.get(url) as response:
                if b"no bucket" in await response.read():
                    return False
        return True

    await eventually(everywhere, f"a node does not know the bucket {bucket}")


async def test_what_a_bucket_makes_eagerly_is_there_before_anybody_asks(
    story: Story, client: AsyncClient
) -> None:
    """The first upload of this cluster, so that what is counted is its own."""
    await bucket_known(story, "shop")
    made = 'atoll_node_eager_total{result="made"}'
    renders = 'atoll_node_derivative_renders_total{result="done"}'
    assert (await figure(story, made), await figure(story, renders)) == (0, 0)
    asset = await client.upload(a_photo("eager"), bucket="shop", public_id="p/eager")

    async def is_made() -> bool:
        return await figure(story, made) == 1

    await eventually(is_made, "the bucket's eager transformation was not made")
    path = f"{asset.bucket}/t_thumb/{asset.handle}"
    async with story.session.get(f"{asset.url.partition('/shop/')[0]}/{path}") as response:
        assert response.status == 200
        assert response.headers["X-Atoll-Derivative"] in {"ram", "disk"}
        with Image.open(io.BytesIO(await response.read())) as image:
            assert image.size == (60, 40)
    assert await figure(story, renders) == 1


async def test_a_picture_is_fetched_in_another_size_from_every_region(
    story: Story, client: AsyncClient
) -> None:
    asset = await known(client, story, await client.upload(a_photo("one"), bucket="shop", public_id="p/one"))
    for region in REGIONS:
        found = await client.url("shop/p/one", transformation="w_080,c_fit", region=region)
        assert (found.transformation, found.region) == ("c_fit,w_80", region)
        assert await look(story, found.url) == (200, (80, 50), "JPEG")
    with Image.open(io.BytesIO(await client.get(asset.asset_id, transformation="f_png,w_33"))) as image:
        assert (image.width, image.format) == (33, "PNG")


async def test_an_image_tag_leads_to_the_picture_so_transformed(story: Story, client: AsyncClient) -> None:
    await known(client, story, await client.upload(a_photo("two"), bucket="shop", public_id="p/two"))
    assert await look(story, f"{story.query}/i/shop/t_thumb/p/two") == (200, (60, 40), "JPEG")
    assert await look(story, f"{story.query}/i/shop/t_thumb/p/two.webp") == (200, (60, 40), "WEBP")
    found = await client.url("shop/p/two", transformation="c_fit,w_80")
    assert found.image_url is not None
    assert await look(story, found.image_url) == (200, (80, 50), "JPEG")
    query = found.image_url.partition("?")[2]
    assert await look(story, f"{story.query}/i/shop/p/two?w=80&{query}") == (200, (80, 50), "JPEG")


async def test_nobody_makes_nodes_render_at_will(story: Story, client: AsyncClient) -> None:
    asset = await known(client, story, await client.upload(a_photo("three"), bucket="shop", public_id="p/3"))
    assert (await look(story, f"{story.query}/i/shop/w_81/p/3"))[0] == 401
    found = await client.url("shop/p/3", transformation="w_81")
    unsigned = found.url.partition("?")[0]
    assert (await look(story, unsigned))[0] == 401
    assert (await look(story, found.url.replace("w_81", "w_82")))[0] == 401
    with pytest.raises(BadTransformation):
        await client.get(asset.asset_id, transformation="w_99999")


async def test_a_private_picture_is_small_only_for_who_has_a_signed_url(
    story: Story, client: AsyncClient
) -> None:
    await known(client, story, await client.upload(a_photo("four"), bucket="vault", public_id="four"))
    found = await client.url("vault/four", transformation="t_thumb")
    for url in (found.url, found.image_url or ""):
        assert await look(story, url) == (200, (60, 40), "JPEG")
        assert (await look(story, url.partition("?")[0]))[0] == 401


async def test_what_a_bucket_lets_anybody_ask_needs_no_signature(story: Story, client: AsyncClient) -> None:
    await client.put_bucket(Bucket("open", unsigned_transformations=True))
    asset = await client.upload(a_photo("five"), bucket="open", public_id="five")
    await client.wait_replicated(asset.asset_id)

    async def served() -> bool:
        return await look(story, f"{story.query}/i/open/e_sepia,w_50/five") == (200, (50, 31), "JPEG")

    await eventually(served, f"one of {NODES} does not know the bucket's policy")
