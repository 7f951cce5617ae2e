"""A real nginx with a configuration of ours, as a process of its own. Used by the bench and by tests.

The distribution's binary and nothing of its configuration: all that it writes lies in the directory given.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from atoll.local.process_spec import ProcessSpec, child_environment
from benchmarks.bare_server import answers
from benchmarks.peer import Running, running

_MAIN = """
{user}
daemon off;
worker_processes 1;
pid nginx.pid;
pcre_jit on;
error_log error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    server_tokens off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{http}
}}
"""
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin")


def command() -> str | None:
    """The binary, also where it is on nobody's PATH."""
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))


def missing() -> str | None:
    """Why there is none."""
    return None if command() else "not installed (apt install nginx-light)"


@asynccontextmanager
async def nginx(directory: Path, http: str, port: int) -> AsyncIterator[Running]:
    """Nginx with `http` in its http block, listening on `port`; `directory` is for what it writes."""
    binary = command()
    if binary is None:
        raise FileNotFoundError("nginx")
    directory.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""  # else its worker may not read a private directory
    file = directory / "nginx.conf"
    file.write_text(_MAIN.format(user=user, http=http))
    spec = ProcessSpec(
        name="nginx",
        argv=(binary, "-e", str(directory / "error.log"), "-p", str(directory), "-c", str(file)),
        env=child_environment({}, directory),
        cwd=directory,
        health=lambda: answers(port),
        log=directory / "nginx.log",
        restart=False,
    )
    async with running(directory, spec, port) as found:
        yield found
