"""The shipped configuration of nginx before a real node: real nginx, real files, plain HTTP unless asked."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from import_graph import ROOT
from node_fixture import DEADLINE, Answer, NodeProcess

from atoll.local.ports import any_free_port
from benchmarks.nginx_process import command

SHIPPED = ROOT / "deploy" / "nginx"
_MAIN = """
{user}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {includes}
}}
"""
_BEFORE_NODE = (
    "atoll-maps.conf",
    "atoll-node.conf",
    "atoll-proxy.conf",
)  # the last is included by the second
_NAMED = re.compile("/etc/nginx/|/etc/letsencrypt/live/[a-z0-9.]+/")
_TLS = ("listen ", "ssl_")


class Nginx:
    """One in `directory`, before a node at `node_port` with its data in `data`."""

    def __init__(self, directory: Path, data: Path, node_port: int, *, tls: bool = False) -> None:
        self.directory, self.port = directory, any_free_port()
        changes = {"/var/lib/atoll/data": str(data), "127.0.0.1:8410": f"127.0.0.1:{node_port}"}
        self._lay_out(_BEFORE_NODE, changes, tls=tls)

    def _lay_out(self, names: tuple[str, ...], changes: dict[str, str], *, tls: bool) -> None:
        """The shipped files, changed where somebody who installs them changes them."""
        self.directory.mkdir()
        for name in names:
            text = (SHIPPED / name).read_text()
            for shipped, ours in changes.items():
                text = text.replace(shipped, ours)
            text = _NAMED.sub(f"{self.directory}/", text)
            (self.directory / name).write_text(text if tls else self._plain(text))
        user = "user root;" if os.geteuid() == 0 else ""
        includes = "\n".join(f"include {self.directory}/{name};" for name in names if "proxy" not in name)
        (self.directory / "nginx.conf").write_text(_MAIN.format(user=user, includes=includes))

    def _plain(self, text: str) -> str:
        lines = [line for line in text.splitlines() if not line.strip().startswith(_TLS)]
        here = f"    listen 127.0.0.1:{self.port};\n    server_name"
        return "\n".join(lines).replace("    server_name", here)

    @property
    def argv(self) -> list[str]:
        binary = command()
        assert binary is not None
        return [binary, "-e", f"{self.directory}/error.log", "-p", str(self.directory), "-c", "nginx.conf"]

    @contextmanager
    def running(self) -> Iterator[Nginx]:
        process = subprocess.Popen(self.argv)
        try:
            deadline = time.monotonic() + DEADLINE
            while not self._listens():
                assert process.poll() is None, (self.directory / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield self
        finally:
            process.terminate()
            process.wait(DEADLINE)

    def _listens(self) -> bool:
        with closing(socket.socket()) as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def get(self, target: str, method: str = "GET", **headers: str) -> Answer:
        """One request; `_` in header names stands for `-`."""
        return ask(self.port, target, method, **headers)


class QueryNginx(Nginx):
    """The same before a query service."""

    def __init__(self, directory: Path, service_port: int, *, tls: bool = False) -> None:
        self.directory, self.port = directory, any_free_port()
        self._lay_out(("atoll-query.conf",), {"127.0.0.1:8400": f"127.0.0.1:{service_port}"}, tls=tls)


def ask(port: int, target: str, method: str = "GET", **headers: str) -> Answer:
    """The raw target as it is: nothing is tidied up before it is sent."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as connection:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def facts(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What must be the same from both: all but what belongs to the connection and the moment."""
    own = {"Date", "Server", "Connection", "Keep-Alive"}
    headers = {name.title(): value for name, value in answer.headers.items() if name.title() not in own}
    return answer.status, headers, answer.json


needs_nginx = pytest.mark.skipif(
    command() is None,
    reason="nginx is not installed: NOTHING of deploy/nginx is tested (apt install nginx-light)",
)


def self_signed(directory: Path) -> None:
    """What certbot would put there."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: TLS of deploy/nginx is not tested")
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(directory / "privkey.pem"), "-out", str(directory / "fullchain.pem")),
            *("-days", "1", "-subj", "/CN=eu1.images.example.org"),
        ],
        check=True,
        capture_output=True,
    )


def files_of(node: NodeProcess, folder: str) -> list[Path]:
    """Regular files below a folder of the data directory."""
    return sorted(path for path in (node.data / folder).rglob("*") if path.is_file())
