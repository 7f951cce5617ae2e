"""docs/uploads.md: its commands work as they stand there, and it names what there is."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from node_fixture import DEADLINE, NodeProcess, new_region, picture

from storage_node.tus_headers import EXTENSIONS

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[2] / "docs" / "uploads.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def test_the_commands_of_the_page_upload_a_picture(engines, tmp_path):
    node = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), {}).start()
    data = picture()
    (tmp_path / "a.jpg").write_bytes(data)
    ticket, created, sent = SHELL
    endpoint = ticket.strip().splitlines()[-1]  # the query service is not there to be asked
    script = f"TICKET='{node.url}/v1/uploads?ticket={quote(node.ticket())}'\n{endpoint}\n{created}{sent}"
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, capture_output=True, timeout=DEADLINE, check=True
    )
    asset = json.loads(done.stdout)
    assert asset["sha256"] == hashlib.sha256(data).hexdigest()
    assert asset["filename"] == "a.jpg"
    node.end()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_page_names_each_extension(extension):
    assert extension in PAGE
