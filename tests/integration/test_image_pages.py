"""Which pages' scripts may read `/i/…`: what `<img crossorigin>`, a canvas and `fetch()` need."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import KEYS, QueryStage, put_entry, query_stage

from atoll.bucket import Bucket
from atoll.delivery_keys import cluster_key
from atoll.ids import now_ms
from atoll.transformation.signature import sign

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

PAGE = "https://shop.example"
ALLOW = "Access-Control-Allow-Origin"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    with EngineThread(tmp_path_factory.mktemp("pages-engines")) as engines:
        async with query_stage(tmp_path_factory.mktemp("pages"), engines.urls, "pages_test") as running:
            await put_entry(running, Bucket("members", "private", cors=(PAGE,)))
            await put_entry(running, Bucket("anybody", "private", cors=("*",)))
            yield running


def signed(path: str) -> str:
    return f"{path}?{sign(path, now_ms() // 1000 + 900, cluster_key(KEYS))}"


async def test_a_public_image_is_for_every_page_and_so_is_the_news_that_there_is_none(
    stage: QueryStage,
) -> None:
    await stage.indexed(await stage.upload("open"))
    for path, status in (("/i/photos/open", 302), ("/i/photos/none", 404), ("/i/photos/w_20/open", 401)):
        for headers in ({}, {"Origin": PAGE}):
            answer = await stage.get(path, key=None, **headers)
            assert (answer.status, answer.headers[ALLOW]) == (status, "*"), path
            assert "Origin" not in answer.headers.get("Vary", "")


async def test_a_private_image_is_for_pages_of_its_buckets_origins(stage: QueryStage) -> None:
    await stage.indexed(await stage.upload("mine", bucket="members"))
    path = signed("/i/members/mine")
    for asked, status in ((path, 302), ("/i/members/mine", 401)):
        answer = await stage.get(asked, key=None, Origin=PAGE)
        assert (answer.status, answer.headers[ALLOW]) == (status, PAGE)
        for headers in ({}, {"Origin": "https://other.example"}, {"Origin": "null"}):
            answer = await stage.get(asked, key=None, **headers)
            assert answer.status == status
            assert ALLOW not in answer.headers
            assert "Origin" in answer.headers["Vary"]


async def test_a_private_bucket_that_names_every_page_and_one_that_names_none(stage: QueryStage) -> None:
    await stage.indexed(await stage.upload("any", bucket="anybody"))
    answer = await stage.get(signed("/i/anybody/any"), key=None, Origin=PAGE)
    assert (answer.status, answer.headers[ALLOW]) == (302, "*")
    await stage.indexed(await stage.upload("none", bucket="secret"))
    answer = await stage.get(signed("/i/secret/none"), key=None, Origin=PAGE)
    assert answer.status == 302
    assert ALLOW not in answer.headers


async def test_nothing_else_of_a_query_service_is_for_pages(stage: QueryStage) -> None:
    for path in ("/v1/assets?bucket=photos", "/v1/buckets"):
        assert ALLOW not in (await stage.get(path, Origin=PAGE)).headers


async def test_a_page_reads_that_there_is_no_such_bucket_and_that_its_request_is_wrong(
    stage: QueryStage,
) -> None:
    for path, status in (("/i/no-such-bucket/a", 404), ("/i/photos/w_x/a", 400), ("/i/members/w_x/a", 400)):
        answer = await stage.get(path, key=None, Origin=PAGE)
        assert answer.status == status
        assert answer.headers[ALLOW] == (PAGE if "members" in path else "*")
        assert ("Vary" in answer.headers) == ("members" in path), path
