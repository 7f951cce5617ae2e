"""The shipped configuration of nginx before a real query service: what passes, and as whom."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from engine_thread import EngineThread
from nginx_fixture import QueryNginx, needs_nginx, self_signed
from query_stage import QueryStage, query_stage

from atoll.local.ports import any_free_port

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module"), needs_nginx]

OURS = {"Sec_Fetch_Site": "same-origin", "X_Atoll_App": "1"}
SIGN_INS = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[QueryStage, QueryStage]]:
    """A query service, and the same as it is seen through nginx."""
    folder = tmp_path_factory.mktemp("nginx-query")
    settings = {"trusted_proxies": ("127.0.0.1/32",), "sign_in_burst": SIGN_INS}
    with EngineThread(tmp_path_factory.mktemp("nginx-query-engines")) as engines:
        async with query_stage(folder, engines.urls, "nginx_query_test", **settings) as direct:
            nginx = QueryNginx(folder / "nginx", direct.settings.listen_port)
            with nginx.running():
                yield direct, replace(direct, settings=replace(direct.settings, listen_port=nginx.port))


async def test_metrics_are_not_shown_through_nginx(stage: tuple[QueryStage, QueryStage]) -> None:
    direct, seen = stage
    assert b"atoll_" in (await direct.get("/metrics", key=None)).body
    for path in ("/metrics", "/metrics?x", "/%6detrics"):
        async with seen.session.get(aiohttp.client.URL(seen.url + path, encoded=True)) as answer:
            assert (answer.status, await answer.text()) == (404, "Not here.\n")


async def test_an_uploads_bytes_are_sent_on_to_a_node_however_many_they_are(
    stage: tuple[QueryStage, QueryStage],
) -> None:
    _, seen = stage
    answer = await seen.ask("POST", "/v1/assets?bucket=photos", bytes(5_000_000), Content_Type="image/jpeg")
    assert answer.status == 307
    assert answer.headers["Location"].startswith(tuple(node.node.url for node in seen.nodes.values()))


async def test_a_page_of_the_web_app_signs_in(stage: tuple[QueryStage, QueryStage]) -> None:
    """Without Fetch Metadata its origin is held against Host: nginx passes on the one that was asked for."""
    _, seen = stage
    order = {"key": seen.api_keys["admin"]}
    answer = await seen.ask("POST", "/app/session", order, key=None, X_Atoll_App="1", Origin=seen.url)
    assert (answer.status, answer.body["signed_in"]["key"]) == (200, "admin")


async def test_an_event_comes_while_the_stream_stays_open(stage: tuple[QueryStage, QueryStage]) -> None:
    _, seen = stage
    headers = {"Authorization": f"Bearer {seen.api_keys['admin']}"}
    async with seen.session.get(f"{seen.url}/v1/overview/events", headers=headers) as answer:
        assert answer.status == 200
        async with asyncio.timeout(20):
            while not (await answer.content.readline()).startswith(b"data: "):
                pass
        assert not answer.content.at_eof()


async def test_an_address_that_a_client_claims_counts_for_nothing(
    stage: tuple[QueryStage, QueryStage],
) -> None:
    """Whoever writes another one each time meets the limit on sign-ins all the same."""
    _, seen = stage
    statuses = [
        (
            await seen.ask(
                "POST", "/app/session", {"key": "x"}, key=None, X_Forwarded_For=f"198.51.100.{n}", **OURS
            )
        ).status
        for n in range(4 * SIGN_INS)
    ]
    assert 429 in statuses


async def test_the_shipped_file_is_right_with_tls_and_http_2(tmp_path: Path) -> None:
    nginx = QueryNginx(tmp_path / "tls", any_free_port(), tls=True)
    self_signed(nginx.directory)
    tested = subprocess.run([*nginx.argv, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
