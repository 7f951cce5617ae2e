"""What a machine that joins writes: settings its daemons take, with what its region needs."""

from __future__ import annotations

import stat

from test_samples import settings_class

from atoll.client.joining import NewNode, write_files
from atoll.join_tokens import JoinGrant
from atoll.settings import load
from atoll.signing import base64url

SECRET = base64url(b"s" * 32)
GRANT = JoinGrant("eu-4", "eu", "s2", 50.0, 8.0, SECRET, "nats://far:4222", "atoll", "hidden", "hub", 3)


def written(grant, directory, **more):
    new = NewNode(directory / "etc", directory / "data", "http://eu-4.test", **more)
    files = write_files(grant, new)
    return [
        load(settings_class(kind), file, {})
        for kind, file in zip(("storage_node", "replicator"), files, strict=True)
    ]


def test_the_home_of_the_map_and_the_copies_of_streams_are_the_clusters(tmp_path):
    for found in written(GRANT, tmp_path):
        assert (found.nats_map_domain, found.nats_replicas, found.nats_url) == ("hub", 3, "nats://far:4222")
    assert stat.S_IMODE((tmp_path / "etc" / "cluster.secret").stat().st_mode) == 0o600


def test_servers_of_its_own_region_and_a_place_for_its_state_can_be_said(tmp_path):
    near, state = "nats://near:4222", tmp_path / "state"
    for found in written(GRANT, tmp_path, nats_url=near, state=state):
        assert found.nats_url == near
        assert found.state_dir.parent == state


def test_a_grant_of_an_older_query_service_says_nothing_of_domains(tmp_path):
    older = JoinGrant("eu-4", "eu", "s2", 50.0, 8.0, SECRET, "nats://far:4222")
    for found in written(older, tmp_path):
        assert (found.nats_map_domain, found.nats_replicas) == (None, 1)
