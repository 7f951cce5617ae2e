"""Drills of docs/disaster-recovery.md that take a whole cluster down: only with make test LONG=1."""

from __future__ import annotations

import os
import shutil

import aiohttp
import pytest
from how_long import LONG

from atoll.local.cluster import LocalCluster
from atoll.local.secrets_dir import new_secret, write_private
from probe.command import atoll
from probe.story import AP, EU, NODES, Story, eventually, picture

SETTINGS = {"storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1}}
pytestmark = [
    pytest.mark.probe,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not LONG, reason="make test LONG=1"),
]


def cluster(directory, **options):
    return LocalCluster(directory, environ=dict(os.environ), extra=SETTINGS, known_ports=False, **options)


async def test_a_new_cluster_secret_leaves_every_image_name_and_key_as_it_was(tmp_path):
    home, backup, words = tmp_path / "cluster", tmp_path / "atoll.backup", tmp_path / "passphrase"
    write_private(words, "a passphrase of many letters\n")
    async with cluster(home) as running, aiohttp.ClientSession() as session:
        story = Story(running, session)
        stored = [await story.upload(node, picture(seed)) for seed, node in enumerate(NODES)]
        await story.everywhere(stored)
        for one in stored:
            await eventually(lambda one=one: story.in_catalog(one.asset_id, 3), "not in the catalog")
        code, said = await atoll(running, "backup", str(backup), "--passphrase-file", str(words))
        assert code == 0, said

    write_private(home / "secrets" / "cluster-secret", new_secret() + "\n")
    for copy in home.rglob("cluster_map.json"):
        copy.unlink()
    shutil.rmtree(home / "engines" / "nats" / "data" / "jetstream")

    async with cluster(home, bucket=None) as running, aiohttp.ClientSession() as session:
        story = Story(running, session)
        code, said = await atoll(running, "restore-backup", str(backup), "--passphrase-file", str(words))
        assert code == 0, said
        for one in stored:
            await eventually(lambda one=one: _reads(story, AP, one), "an image of before is not served")
            assert (await story.asset(one.asset_id))[0] == 200
        again = await story.upload(EU, picture(9))
        await story.everywhere([again])


async def _reads(story, node, one):
    return await story.read(node, one.path) == (200, one.body)
