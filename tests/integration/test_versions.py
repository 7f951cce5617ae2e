"""Versions and names on a real cluster of three regions, through the client and the command."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator

import aiohttp
import pytest
from client_clusters import ClusterUnderTest, picture

from atoll.bucket import Bucket
from atoll.cli.__main__ import main
from atoll.client import Client
from atoll.errors import AlreadyExists, BadRequest, Forbidden, NotFound, Unauthorized
from atoll.node_api import AssetView

pytestmark = [pytest.mark.integration, pytest.mark.probe]
DEADLINE = 30.0


@pytest.fixture(scope="module")
def client(running_cluster: ClusterUnderTest) -> Iterator[Client]:
    with Client(running_cluster.query_urls, running_cluster.api_key) as client:
        yield client


@pytest.fixture(scope="module")
def other(running_cluster: ClusterUnderTest) -> Iterator[Client]:
    """Somebody else, who knows of no upload."""
    with Client(running_cluster.query_urls[::-1], running_cluster.api_key) as client:
        yield client


@pytest.fixture
def put(client: Client, running_cluster: ClusterUnderTest, folder: str) -> Callable[..., AssetView]:
    """Upload a picture under a name; back when the catalog has it."""

    def upload(seed: int, name: str = "cat", **more: object) -> AssetView:
        body = picture(seed)
        asset = client.upload(body, bucket=running_cluster.bucket, public_id=folder + name, **more)  # type: ignore[arg-type]
        seen(lambda: client.asset(asset.asset_id).version >= asset.version)
        return asset

    return upload


def seen(look: Callable[[], object]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            if look():
                return
        except NotFound:
            pass
        assert time.monotonic() < end, "not within the deadline"
        time.sleep(0.05)


def is_gone(client: Client, handle: str) -> bool:
    """The delete reaches the nodes one by one."""
    try:
        client.get(handle)
    except NotFound:
        return True
    return False


def sha(seed: int) -> str:
    return hashlib.sha256(picture(seed)).hexdigest()


def history(client: Client, asset_id: str) -> list[str]:
    return [version.sha256 for version in client.versions(asset_id)]


def test_an_upload_to_a_taken_name_is_a_version_and_every_version_can_be_fetched(client, put):
    first, second = put(1), put(2)
    assert first.asset_id == second.asset_id
    found = list(client.versions(first.asset_id))
    assert [v.sha256 for v in found] == [sha(2), sha(1)]
    assert [v.current for v in found] == [True, False]
    one = client.version(first.asset_id, first.version)
    assert (one.sha256, one.current) == (sha(1), False)
    resolved = client.version_url(first.asset_id, first.version)
    assert resolved.sha256 == sha(1)
    assert client.get(one.bucket + "/" + one.handle) == picture(1)
    small = client.version_url(first.asset_id, first.version, transformation="w_20")
    assert sha(1) in small.url


def test_a_rollback_repeats_an_older_version_and_whoever_rolls_back_sees_it(client, put):
    first, _ = put(1, tags=("one",)), put(2)
    back = client.rollback(first.asset_id, first.version)
    assert (back.sha256, back.tags) == (sha(1), ("one",))
    assert client.asset(first.asset_id).version == back.version
    assert history(client, first.asset_id) == [sha(1), sha(2), sha(1)]


def test_a_deleted_version_is_gone_everywhere_and_the_one_before_is_current(client, other, put):
    first, second = put(901), put(902)
    client.wait_replicated(second.asset_id, 3)
    gone = client.delete_version(second.asset_id, second.version)
    assert (gone.version, gone.current) == (second.version, first.version)
    assert client.asset(first.asset_id).sha256 == sha(901)
    assert history(client, first.asset_id) == [sha(901)]
    seen(lambda: other.asset(first.asset_id).sha256 == sha(901))
    with pytest.raises(NotFound):
        client.version(second.asset_id, second.version)
    seen(lambda: is_gone(client, f"{second.bucket}/{second.handle}"))
    third = put(903)
    assert history(client, first.asset_id) == [sha(903), sha(901)]
    assert third.version > second.version


def test_with_its_last_version_the_asset_is_gone(client, put):
    only = put(1)
    assert client.delete_version(only.asset_id, only.version).current is None
    with pytest.raises(NotFound):
        client.asset(only.asset_id)
    with pytest.raises(NotFound):
        list(client.versions(only.asset_id))


def test_a_rename_takes_the_history_along_and_frees_the_name(client, other, put, folder, running_cluster):
    put(1)
    second = put(2, tags=("two",))
    renamed = client.rename(second.asset_id, folder + "dog")
    assert (renamed.public_id, renamed.sha256, renamed.tags) == (folder + "dog", sha(2), ("two",))
    assert renamed.asset_id != second.asset_id
    assert history(client, renamed.asset_id) == [sha(2), sha(1)]
    with pytest.raises(NotFound):
        client.asset(second.asset_id)
    seen(lambda: other.asset_by_name(running_cluster.bucket, folder + "dog").sha256 == sha(2))
    assert client.get(f"{renamed.bucket}/{renamed.handle}") == picture(2)
    assert put(3).asset_id == second.asset_id
    assert history(client, second.asset_id) == [sha(3)]


async def test_a_rename_whose_answer_was_lost_may_be_repeated_and_no_other(
    client, put, folder, running_cluster
):
    cat = put(1)
    path = f"{running_cluster.query_urls[0]}/v1/assets/{cat.asset_id}/rename"
    headers = {"Authorization": f"Bearer {running_cluster.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def rename(name: str) -> tuple[int, str | None]:
            async with session.post(path, json={"public_id": folder + name}) as answer:
                said = await answer.json()
                return answer.status, said.get("asset_id") if answer.status == 200 else None

        first = await rename("dog")
        assert first[0] == 200
        assert [await rename("dog"), await rename("dog")] == [first, first]
        assert (await rename("bird"))[0] == 404  # it was renamed, but not to that
        await asyncio.to_thread(client.delete, str(first[1]))
        assert (await rename("dog"))[0] == 404


def test_a_taken_name_is_not_overwritten_unless_asked(client, put, folder, running_cluster):
    cat, dog = put(1), put(2, "dog")
    for edit in (client.rename, client.copy):
        with pytest.raises(AlreadyExists):
            edit(cat.asset_id, folder + "dog")
    with pytest.raises(AlreadyExists):
        client.upload(picture(3), bucket=running_cluster.bucket, public_id=folder + "dog", overwrite=False)
    assert history(client, dog.asset_id) == [sha(2)]
    copy = client.copy(cat.asset_id, folder + "dog", overwrite=True)
    assert copy.asset_id == dog.asset_id
    assert history(client, dog.asset_id) == [sha(1), sha(2)]
    assert history(client, cat.asset_id) == [sha(1)]
    with pytest.raises(BadRequest):
        client.copy(cat.asset_id, folder + "cat", overwrite=True)


def test_a_copy_of_an_older_version_outlives_the_asset_it_came_from(client, put, folder):
    first, _ = put(1), put(2)
    copy = client.copy(first.asset_id, folder + "kept", version=first.version)
    assert copy.sha256 == sha(1)
    client.delete(first.asset_id)
    assert client.get(f"{copy.bucket}/{copy.handle}") == picture(1)
    assert history(client, copy.asset_id) == [sha(1)]


def test_a_bucket_without_versions_keeps_one(client, folder):
    name = "once-" + folder[5:15]
    client._run(
        client._client._query.call(
            "PUT", f"/v1/buckets/{name}", Bucket, body={"visibility": "public", "versioning": False}
        )
    )
    first, second = (client.upload(picture(seed), bucket=name, public_id="cat") for seed in (1, 2))
    seen(lambda: history(client, second.asset_id) == [sha(2)])
    seen(lambda: is_gone(client, f"{name}/{first.handle}"))


def test_a_key_needs_both_names_in_its_reach_and_the_scopes_of_what_is_done(
    client, put, folder, running_cluster
):
    cat = put(1)
    made = client._run(
        client._client.keys.create(
            folder[5:15], ["read", "write"], prefixes=[folder + "c"], buckets=[running_cluster.bucket]
        )
    )
    with Client(running_cluster.query_urls, made.secret) as limited:
        seen(lambda: reached(limited, cat.asset_id))
        with pytest.raises(Forbidden):
            limited.copy(cat.asset_id, folder + "dog")
        with pytest.raises(Forbidden):
            limited.rename(cat.asset_id, folder + "camel")  # it may not delete
        assert limited.copy(cat.asset_id, folder + "camel").sha256 == sha(1)
        dog = put(2, "dog")
        with pytest.raises(NotFound):
            list(limited.versions(dog.asset_id))
        with pytest.raises(NotFound):
            limited.rollback(dog.asset_id, dog.version)


def reached(client: Client, asset_id: str) -> bool:
    """The key's news reach the services one by one."""
    try:
        return bool(client.asset(asset_id))
    except Unauthorized:
        return False


def test_a_private_image_s_older_version_needs_a_signature(client, folder):
    name = "own-" + folder[5:15]
    client.create_bucket(name, "private")
    first = client.upload(picture(1), bucket=name, public_id="cat")
    second = client.upload(picture(2), bucket=name, public_id="cat")
    seen(lambda: client.asset(second.asset_id).version == second.version)
    signed = client.version_url(first.asset_id, first.version)
    assert "sig=" in signed.url
    assert status_of(client, signed.url) == 200
    assert status_of(client, signed.url.partition("?")[0]) == 401


def status_of(client: Client, url: str) -> int:
    async def ask() -> int:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status

    return client._run(ask())


def test_the_command_lists_rolls_back_renames_copies_and_deletes(
    put, folder, running_cluster, capsys, monkeypatch
):
    def atoll(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main([*words, "--cluster", str(running_cluster.directory)])
        return code, capsys.readouterr().out

    first, second = put(1), put(2)
    name, bucket = f"{first.bucket}/{folder}cat", first.bucket
    code, out = atoll("versions", name)
    lines = [line.split("\t") for line in out.splitlines()[1:]]
    assert (code, [line[:2] for line in lines]) == (0, [["*", second.version], ["", first.version]])
    assert atoll("versions", name, "--url", first.version)[1].strip().endswith(f"{sha(1)}.png")
    assert atoll("rollback", name, first.version)[0] == 0
    assert atoll("versions", name, "--delete", second.version)[0] == 0
    assert atoll("mv", name, f"{bucket}/{folder}dog")[0] == 0
    assert atoll("cp", f"{bucket}/{folder}dog", f"{bucket}/{folder}two", "--version", first.version)[0] != 0
    assert atoll("cp", f"{bucket}/{folder}dog", f"{bucket}/{folder}two")[0] == 0
    assert atoll("cp", f"{bucket}/{folder}dog", f"{bucket}/{folder}two")[0] != 0
    assert atoll("cp", f"{bucket}/{folder}dog", "elsewhere/two")[0] == 2
    assert atoll("rm", f"{bucket}/{folder}dog")[0] == 0
    assert len(atoll("versions", f"{bucket}/{folder}two")[1].splitlines()) == 2
