"""Tags, context, title and alternative text on a real cluster: uploaded, edited, searched, by command."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from client_clusters import ClusterUnderTest, picture
from msgspec import structs

from atoll.cli.__main__ import main
from atoll.client import AssetChange, AsyncClient, Client
from atoll.client.search_calls import EditOutcome
from atoll.errors import BadRequest, NotFound, PreconditionFailed
from atoll.ids import new_id
from atoll.repair_api import FAN_OUT, leaf_of_asset

pytestmark = pytest.mark.probe
PAGE = Path(__file__).parents[2] / "docs/search.md"
HOSTILE = {"$where": "1", "a.b.c": "2", "..": "", "__proto__": "{}", "ключ": "значение"}


@pytest.fixture
def cluster(running_cluster: ClusterUnderTest) -> ClusterUnderTest:
    """The real one: words are made durable by nodes."""
    return running_cluster


@pytest_asyncio.fixture
async def client(cluster: ClusterUnderTest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(cluster.query_urls, cluster.api_key) as opened:
        yield opened


async def until(question, wanted, seconds=30.0):
    """Ask until the answer is `wanted`: the catalog is behind by an event."""
    end = asyncio.get_running_loop().time() + seconds
    while (answer := await question()) != wanted:
        assert asyncio.get_running_loop().time() < end, answer
        await asyncio.sleep(0.05)


def names(client, cluster, **filters):
    async def found():
        return [asset.public_id async for asset in client.search(cluster.bucket, **filters)]

    return found


async def test_an_upload_brings_its_words_and_is_found_by_them(client, cluster, folder):
    tag = "Tag " + new_id()
    asset = await client.upload(
        picture(), bucket=cluster.bucket, public_id=folder + "beach", tags=[tag], context=HOSTILE,
        title="A white beach", alt="sand, and\na gull",
    )  # fmt: skip
    assert (asset.title, asset.alt) == ("A white beach", "sand, and\na gull")
    shown = await client.asset(asset.asset_id)
    assert (shown.tags, shown.context, shown.title, shown.alt) == ((tag,), HOSTILE, asset.title, asset.alt)
    await until(names(client, cluster, tags=[tag.upper()]), [folder + "beach"])
    for filters in ({"q": "WHI gull"}, {"orientation": "landscape"}, {"format": "png", "min_width": 64}):
        assert await names(client, cluster, prefix=folder, **filters)() == [folder + "beach"]
    assert await names(client, cluster, prefix=folder, orientation="square")() == []
    parts = [p async for p in client.search_fields(cluster.bucket, ["public_id", "alt"], prefix=folder)]
    assert parts == [{"public_id": folder + "beach", "alt": asset.alt}]


async def test_an_edit_is_seen_at_once_and_changes_no_version_of_the_image(client, cluster, folder):
    asset = await client.upload(
        picture(), bucket=cluster.bucket, public_id=folder + "tom", tags=["cat", "Grey"]
    )
    change = AssetChange(add_tags=["tom"], remove_tags=["GREY"], context={"eyes": "green"}, title="Tom")
    edited = await client.edit(f"{cluster.bucket}/{folder}tom", change)
    assert (edited.tags, edited.context, edited.title) == (("cat", "tom"), {"eyes": "green"}, "Tom")
    assert (edited.sha256, edited.created_at) == (asset.sha256, asset.created_at)
    assert edited.version > asset.version
    assert (await client.asset(asset.asset_id)).title == "Tom"
    assert await names(client, cluster, prefix=folder, q="tom", tags=["Tom"])() == [folder + "tom"]
    again = await client.edit(asset.asset_id, AssetChange(context={"eyes": None, "tail": "long"}, title=None))
    assert (again.context, again.title, again.tags) == ({"tail": "long"}, "", ("cat", "tom"))
    assert await names(client, cluster, prefix=folder, tags=["grey"])() == []
    assert await client.get(asset.asset_id)


async def test_all_nodes_of_the_set_hold_the_edit(client, cluster, folder):
    asset = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "all")
    edited = await client.edit(asset.asset_id, AssetChange(alt="everywhere"))
    where = await client.wait_replicated(asset.asset_id, timeout=30, version=edited.version)
    assert not where.missing
    branch = leaf_of_asset(asset.asset_id) // FAN_OUT

    async def agreed():
        nodes = await client.operations.verify_branch(asset.set, branch, deep=True)
        catalog = await client.operations.catalog_branch(asset.set, branch, rebuild=False)
        return nodes.problem_count, catalog.outdated, catalog.missing_versions

    await until(agreed, (0, 0, 0))
    assert len(await client.get(asset.asset_id)) == asset.bytes


async def test_an_edit_may_ask_that_nobody_was_faster(client, cluster, folder):
    asset = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "race")
    first = await client.edit(asset.asset_id, AssetChange(title="1"), if_version=asset.version)
    with pytest.raises(PreconditionFailed) as caught:
        await client.edit(asset.asset_id, AssetChange(title="2"), if_version=asset.version)
    assert caught.value.facts["version"] == first.version
    assert (await client.edit(asset.asset_id, AssetChange(title="2"), if_version=first.version)).title == "2"


async def test_tags_that_many_add_at_once_are_all_there(client, cluster, folder):
    asset = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "crowd")
    tags = [f"t{number}" for number in range(10)]
    await asyncio.gather(*(client.edit(asset.asset_id, AssetChange(add_tags=[tag])) for tag in tags))
    assert sorted((await client.asset(asset.asset_id)).tags) == tags


async def test_what_cannot_be_is_refused(client, cluster, folder):
    asset = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "no")
    many = [f"t{number}" for number in range(33)]
    for change in (AssetChange(tags=many), AssetChange(), AssetChange(tags=["a"], add_tags=["b"])):
        with pytest.raises(BadRequest):
            await client.edit(asset.asset_id, change)
    await client.edit(asset.asset_id, AssetChange(tags=many[:32]))
    with pytest.raises(BadRequest) as caught:
        await client.edit(asset.asset_id, AssetChange(add_tags=["one more"]))
    assert caught.value.facts["limit"] == 32
    with pytest.raises(NotFound):
        await client.edit(new_id(), AssetChange(title="x"))
    for filters in ({"q": "x", "sort": "bytes"}, {"q": "?"}, {"color": "loud"}, {"created_after": "then"}):
        with pytest.raises(BadRequest):
            await names(client, cluster, **filters)()


async def test_many_are_edited_and_one_that_fails_does_not_stop_the_others(client, cluster, folder):
    assets = [
        await client.upload(picture(), bucket=cluster.bucket, public_id=f"{folder}many/{n}") for n in range(5)
    ]
    wanted = [*(asset.asset_id for asset in assets), f"{cluster.bucket}/{folder}nobody"]
    heard: list[EditOutcome] = []
    outcomes = await client.edit_many(wanted, AssetChange(add_tags=["many"]), progress=heard.append)
    assert [outcome.reference for outcome in outcomes] == wanted
    assert [outcome.error is None for outcome in outcomes] == [True] * 5 + [False]
    assert len(heard) == 6
    found = await names(client, cluster, prefix=folder + "many/", sort="-created_at")()
    assert found == [asset.public_id for asset in reversed(assets)]


def plain(client, cluster, method, path, **options):
    headers = {"Authorization": f"Bearer {cluster.api_key}", **options.pop("headers", {})}

    async def ask():
        async with aiohttp.ClientSession() as session:
            url = cluster.query_urls[0].rstrip("/") + path
            async with session.request(method, url, headers=headers, **options) as answer:
                return answer.status, await answer.json()

    return ask()


async def test_an_image_is_edited_as_soon_as_its_upload_was_answered(client, cluster, folder):
    for number in range(5):
        asset = await client.upload(picture(), bucket=cluster.bucket, public_id=f"{folder}now{number}")
        path = f"/v1/assets/{asset.asset_id}"
        patch = json.dumps({"title": f"at once {number}"})
        kind = {"Content-Type": "application/merge-patch+json"}
        status, told = await plain(client, cluster, "PATCH", path, data=patch, headers=kind)
        assert (status, told["title"]) == (200, f"at once {number}"), told


async def test_over_http_a_merge_patch_is_what_the_rfc_says(client, cluster, folder):
    asset = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "http", title="old")
    path = f"/v1/assets/{asset.asset_id}"
    await until(names(client, cluster, prefix=folder), [folder + "http"])
    patch = {"title": None, "alt": "new", "context": {"a.b": "1"}}
    for media in ("application/merge-patch+json", "application/json"):
        status, told = await plain(
            client, cluster, "PATCH", path, data=json.dumps(patch), headers={"Content-Type": media}
        )
        assert (status, told["title"], told["alt"], told["context"]) == (200, "", "new", {"a.b": "1"})
    for headers, body, wanted in [
        ({"If-Match": f'"{asset.version}"'}, patch, 412),
        ({"If-Match": "*"}, patch, 200),
        ({"If-Match": f'"{told["version"]}"'}, patch, 200),
        ({"If-Match": 'W/"x", "y"'}, patch, 400),
        ({"Content-Type": "text/plain"}, patch, 415),
        ({}, {"titel": "misspelt"}, 400),
        ({}, {"tags": "one"}, 400),
        ({}, {"alt": "x" * 1025}, 400),
        ({}, [], 400),
    ]:
        headers = {"Content-Type": "application/json", **headers}
        status, told_ = await plain(client, cluster, "PATCH", path, data=json.dumps(body), headers=headers)
        assert status == wanted, (headers, body, told_)


async def test_over_http_a_listing_takes_every_filter_and_keeps_its_cursors(client, cluster, folder):
    for number in range(3):
        await client.upload(
            picture(), bucket=cluster.bucket, public_id=f"{folder}l/{number}", tags=["x", str(number)]
        )
    base = f"/v1/assets?bucket={cluster.bucket}&prefix={quote(folder)}l/"
    await until(names(client, cluster, prefix=folder + "l/"), [f"{folder}l/{n}" for n in range(3)])
    seen: dict[str, list[str]] = {}
    for sort in ("", "&sort=-public_id", "&sort=created_at", "&tags=X&sort=-bytes", "&has_faces=false"):
        cursor, found = "", []
        while True:
            status, page = await plain(client, cluster, "GET", f"{base}{sort}&limit=2{cursor}")
            assert status == 200, page
            found += [asset["public_id"][-1] for asset in page["assets"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        seen[sort] = found
    assert (seen[""], seen["&sort=-public_id"]) == (["0", "1", "2"], ["2", "1", "0"])
    assert seen["&sort=created_at"] == ["0", "1", "2"]
    assert sorted(seen["&tags=X&sort=-bytes"]) == ["0", "1", "2"]
    status, page = await plain(client, cluster, "GET", f"{base}&fields=public_id,tags&limit=1")
    assert (status, page["assets"]) == (200, [{"public_id": f"{folder}l/0", "tags": ["x", "0"]}])
    for wrong in ("fields=secret", "sort=colour", "format=exe", "min_width=-1", "tag=x", "has_faces=maybe"):
        assert (await plain(client, cluster, "GET", f"{base}&{wrong}"))[0] == 400, wrong


async def test_one_command_uploads_with_words_in_the_query_string(client, cluster, folder):
    query = (
        f"bucket={cluster.bucket}&public_id={quote(folder)}curl&tags=a,b&title={quote('Ein Titel')}"
        f"&alt=seen&context={quote('k=v|eq=' + chr(92) + '=' + chr(92) + '|')}"
    )
    status, asset = await plain(
        client, cluster, "POST", f"/v1/assets?{query}", data={"file": io.BytesIO(picture())}
    )
    assert status == 201, asset
    assert (asset["title"], asset["alt"], asset["tags"]) == ("Ein Titel", "seen", ["a", "b"])
    assert asset["context"] == {"k": "v", "eq": "=|"}
    assert (await plain(client, cluster, "POST", f"/v1/assets?bucket={cluster.bucket}&context=x"))[0] == 400


def test_the_command_searches_and_edits(cluster, folder, capsys, monkeypatch):
    def atoll(*arguments):
        capsys.readouterr()
        code = main([*arguments, "--cluster", str(cluster.directory)])
        return code, capsys.readouterr().out

    with Client(cluster.query_urls, cluster.api_key) as client:
        one, two = (
            client.upload(picture(), bucket=cluster.bucket, public_id=f"{folder}cli/{n}") for n in range(2)
        )
        deadline = time.monotonic() + 30
        while len(list(client.search(cluster.bucket, prefix=folder))) < 2:  # the command is another client
            assert time.monotonic() < deadline
            time.sleep(0.05)
        refs = [one.asset_id, f"{cluster.bucket}/{folder}cli/1"]
        code, out = atoll(
            "edit", *refs, "--add-tag", "Cli", "--title", "Two gulls", "--context", "a.b=c=d", "--json"
        )
        assert code == 0
        told = [json.loads(line)["edited"] for line in out.splitlines()]
        assert [(t["title"], t["tags"], t["context"]) for t in told] == [
            ("Two gulls", ["Cli"], {"a.b": "c=d"})
        ] * 2
        assert client.edit(two.asset_id, AssetChange(title="One gull")).title == "One gull"
        search = ("search", "gul", "--bucket", cluster.bucket, "--prefix", folder)
        code, out = atoll(
            *search, "--tag", "CLI", "--sort", "created_at", "--json", "--fields", "public_id,title"
        )
        assert [json.loads(line) for line in out.splitlines()] == [
            {"public_id": f"{folder}cli/0", "title": "Two gulls"},
            {"public_id": f"{folder}cli/1", "title": "One gull"},
        ]
        assert len(atoll(*search)[1].splitlines()) == 2
        assert atoll("edit", one.asset_id, new_id(), "--tags", "")[0] == 1
        assert [asset.public_id for asset in client.search(cluster.bucket, prefix=folder, tags=["cli"])] == [
            f"{folder}cli/1"
        ]
        assert list(client.search_fields(cluster.bucket, ["title"], prefix=folder, sort="bytes"))
        assert client.edit_many([one.asset_id], AssetChange(alt="x"))[0].error is None
        assert atoll("edit", one.asset_id)[0] == 2
        assert structs.asdict(client.asset(one.asset_id))["alt"] == "x"


def test_words_come_home_with_an_export_and_go_in_again_with_an_import(cluster, folder, tmp_path):
    with Client(cluster.query_urls, cluster.api_key) as client:
        name = folder + "home/one"
        asset = client.upload(
            picture(), bucket=cluster.bucket, public_id=name, tags=["t"], title="A title", alt="seen"
        )
        deadline = time.monotonic() + 30
        while not list(client.search(cluster.bucket, prefix=folder)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert client.export(cluster.bucket, folder + "home", tmp_path / "out").counts["download"] == 1
        plan = client.plan_import(tmp_path / "out/manifest.jsonl", None, cluster.bucket, folder + "again")
        assert client.carry_out(plan).counts["upload"] == 1
        again = client.asset_by_name(cluster.bucket, folder + "again/one")
        assert (again.title, again.alt, again.tags) == (asset.title, asset.alt, ("t",))


def test_the_command_uploads_with_words_and_the_program_on_the_page_runs(
    cluster, folder, tmp_path, capsys, monkeypatch
):
    file = tmp_path / "beach.png"
    file.write_bytes(picture())
    words = ("--title", "Gulls", "--alt", "two gulls", "--context", "draft=1", "--tag", "sea")
    where = ("--public-id", folder + "beach", "--bucket", cluster.bucket, "--cluster", str(cluster.directory))
    code = main(["upload", str(file), *where, *words, "--json", "--wait", "all"])
    assert code == 0
    asset = json.loads(capsys.readouterr().out.splitlines()[0])["asset"]
    assert (asset["title"], asset["alt"], asset["context"]) == ("Gulls", "two gulls", {"draft": "1"})
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".atoll").symlink_to(cluster.directory)
    program = program.replace('"images"', repr(cluster.bucket))
    program = program.replace("images/holiday/beach", f"{cluster.bucket}/{folder}beach")
    exec(compile(program, str(PAGE), "exec"), {})
    assert f"{folder}beach Gulls" in capsys.readouterr().out
    with Client(cluster.query_urls, cluster.api_key) as client:
        after = client.asset_by_name(cluster.bucket, folder + "beach")
    assert (after.title, after.context) == ("The beach", {})
