"""A real storage node as a process of its own, and what a test asks of it from outside and from its disk."""

from __future__ import annotations

import atexit
import contextlib
import http.client
import io
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from forked_daemons import Forked, daemon_process
from PIL import Image

from atoll.ids import new_id, now_ms
from atoll.local.ports import any_free_port
from atoll.signing import Keys, Ticket, sign_token

DEADLINE = 20.0  # seconds; a deadline, not an expectation
SET, BUCKET = "s1", "pictures"
PROBLEM = "urn:atoll:problem:"
FROM_NOTHING = ("-P", "-m", "storage_node")  # a program that is not forked: where its memory is measured


class Answer(NamedTuple):
    """A response; `json` is its body, read."""

    status: int
    headers: http.client.HTTPMessage
    json: Any


class Traces(NamedTuple):
    """Everything an upload can leave behind on the node's disk."""

    incoming: frozenset[str]
    blobs: frozenset[str]
    rows: tuple[int, ...]
    events: int


@dataclass
class NodeProcess:
    """`python -m storage_node` under `directory`; `settings` go over the defaults of `_settings`."""

    directory: Path
    nats_url: str
    region: str
    settings: dict[str, Any]
    name: str = field(default_factory=lambda: f"n-{os.urandom(5).hex()}")
    program: tuple[str, ...] = ("-m", "storage_node")
    process: subprocess.Popen[bytes] | Forked | None = None

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = any_free_port()
        secret = secrets.token_hex(32)
        self.keys = Keys(secret.encode())
        for name, text in (("cluster-secret", secret), ("nats-password", urlsplit(self.nats_url).password)):
            (self.directory / name).write_text(text or "")
            (self.directory / name).chmod(0o600)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def _settings(self) -> dict[str, Any]:
        parts = urlsplit(self.nats_url)
        return {
            "name": self.name,
            "region": self.region,
            "set": SET,
            "region_lat": 50.1,
            "region_lon": 8.7,
            "listen_port": self.port,
            "public_url": self.url,
            "cluster_secret_file": str(self.directory / "cluster-secret"),
            "nats_url": f"nats://{parts.hostname}:{parts.port}",
            "nats_user": parts.username,
            "nats_password_file": str(self.directory / "nats-password"),
            "state_dir": str(self.directory / "state"),
            "data_dir": str(self.data),
            "reserve_bytes": 0,
            "faces": "off",
            "inspectors": 1,
            "drain_seconds": 10.0,
            **self.settings,
        }

    def start(self) -> NodeProcess:
        """Start it and return once it serves."""
        self.launch()
        until(self._serves, lambda: f"the node does not serve: {self.log[-2000:]}")
        return self

    def launch(self) -> None:
        """Start it and do not wait."""
        file = self.directory / "settings.toml"
        file.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in self._settings().items()))
        with (self.directory / "log").open("ab") as log:
            self.process = daemon_process([sys.executable, *self.program, "--settings", str(file)], log)
        atexit.register(self._reap)

    def _reap(self) -> None:
        """What a failed test left running does not outlive the run."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log[-4000:]
        with contextlib.suppress(OSError):
            return self.request("GET", "/health").status == 200
        return False

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code."""
        assert self.process is not None
        return self.process.wait(DEADLINE)

    def stop(self) -> int:
        """An orderly stop; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        self.signal(signal.SIGKILL)
        self.wait()

    def request(
        self, method: str, target: str, body: Any = None, headers: Any = None, patience: float = DEADLINE
    ) -> Answer:
        """One request on a connection of its own. `patience`: seconds, at least what the node may take."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)) as c:
            c.request(method, target, body, headers or {})
            return answer_of(c.getresponse())

    def put(self, body: Any, token: str | None = None, **headers: str) -> Answer:
        """Upload raw bytes, by a new ticket unless one is given. `_` in header names stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("PUT", upload_path(self.ticket() if token is None else token), body, named)

    def post(self, form: tuple[bytes, str], token: str | None = None) -> Answer:
        """Upload a form (see `form_of`)."""
        body, content_type = form
        return self.request(
            "POST",
            upload_path(self.ticket() if token is None else token),
            body,
            {"Content-Type": content_type},
        )

    def ticket(self, **fields: Any) -> str:
        """A signed ticket; `fields` go over a good one's."""
        return sign_token(Ticket(**{**self._good_ticket(), **fields}), self.keys.ticket)

    def _good_ticket(self) -> dict[str, Any]:
        return {
            "ticket_id": new_id(),
            "node": self.name,
            "set": SET,
            "bucket": BUCKET,
            "asset_id": new_id(),
            "expires_at": now_ms() + 60_000,
            "max_bytes": 64 * 2**20,
        }

    @contextlib.contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """A raw connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as connection:
            yield connection

    def index(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask index.db."""
        with contextlib.closing(sqlite3.connect(self.data / "index.db", timeout=DEADLINE)) as index:
            return index.execute(sql, values).fetchall()

    def traces(self) -> Traces:
        """A look at the disk; `events` counts all that were ever committed to the outbox."""
        tables = ("blobs", "records", "tickets")
        rows = tuple(self.index(f"SELECT count(*) FROM {table}")[0][0] for table in tables)
        events = self.index("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
        return Traces(
            frozenset(file.name for file in (self.data / "incoming").iterdir()),
            frozenset(file.name for file in (self.data / "blobs").rglob("*") if file.is_file()),
            rows,
            events[0][0] if events else 0,
        )

    @contextlib.contextmanager
    def leaves_nothing(self) -> Iterator[None]:
        """What happens inside leaves no file, no row and no event."""
        before = self.traces()
        yield
        until(lambda: self.traces() == before, lambda: f"{self.traces()} is not {before}")

    def forget_log(self) -> None:
        """What it says so far was meant to be there."""
        (self.directory / "log").write_text("")

    def end(self) -> None:
        """For fixtures: stop it, and see that nothing went wrong that it did not say in an answer."""
        if self.process is not None and self.process.poll() is None:
            assert self.stop() == 0, self.log[-4000:]
        assert "Traceback" not in self.log, self.log[-8000:]


def new_region() -> str:
    """A region nobody else uses: streams are named by region, and engines are shared."""
    return f"r-{os.urandom(5).hex()}"


def until(condition: Callable[[], Any], why: Callable[[], str] = lambda: "it did not happen") -> Any:
    """Poll until `condition` gives something true; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.01)
    return found


def upload_path(token: str) -> str:
    return f"/v1/uploads?ticket={quote(token)}"


def answer_of(response: http.client.HTTPResponse) -> Answer:
    body = response.read()
    kind = response.headers.get_content_type()
    return Answer(response.status, response.headers, json.loads(body) if kind.endswith("json") else body)


def read_answer(connection: socket.socket) -> Answer:
    """The response on a raw connection."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return answer_of(response)


def problem(answer: Answer, status: int, slug: str) -> dict[str, Any]:
    """The facts of a problem document, after a look at its shape (RFC 9457)."""
    assert answer.status == status, answer
    assert answer.headers.get_content_type() == "application/problem+json"
    assert answer.json["type"] == PROBLEM + slug, answer.json
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["detail"]
    return answer.json


def picture(kind: str = "JPEG", size: tuple[int, int] = (48, 32), **options: Any) -> bytes:
    """A picture of noise, different each time."""
    out = io.BytesIO()
    noise = Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))
    noise.save(out, kind, **options)
    return out.getvalue()


class FormFile(NamedTuple):
    """One part of a form."""

    body: bytes
    filename: str | None = "a.jpg"
    name: str = "file"
    content_type: str | None = "image/jpeg"


def form_of(*files: FormFile | bytes, boundary: str = "----one") -> tuple[bytes, str]:
    """A multipart/form-data body, and its Content-Type."""
    parts = [_part(file if isinstance(file, FormFile) else FormFile(file)) for file in files]
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _part(file: FormFile) -> bytes:
    disposition = f'form-data; name="{file.name}"'
    if file.filename is not None:
        disposition += f'; filename="{file.filename}"'
    head = f"Content-Disposition: {disposition}\r\n".encode()
    if file.content_type:
        head += f"Content-Type: {file.content_type}\r\n".encode()
    return head + b"\r\n" + file.body
