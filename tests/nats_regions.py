"""NATS as deploy/nats ships it, for real: the shipped files, servers of ours, addresses on this machine.

`Regions` is the form with gates: in each region a gate and a JetStream server, all links with TLS. Every way
from one gate to another leads through a proxy: a region can be cut off from the others, its servers alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import subprocess
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from cut_proxy import CutProxy

from atoll.local import binaries
from atoll.local.ports import LOOPBACK, free_ports

DEPLOY = Path(__file__).parent.parent / "deploy" / "nats"
NAMES = ("eu-central", "us-east", "ap-southeast")
PASSWORDS = {"NATS_PASSWORD": "secret-a", "NATS_SYS_PASSWORD": "secret-b", "NATS_LINK_PASSWORD": "secret-c"}
DEADLINE = 20.0


def write_certificates(directory: Path) -> dict[str, str]:
    """A CA and one certificate of it for 127.0.0.1, as the environment names them."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Test CA", ca_key, "Test CA", ca_key, ca=True)
    own = _certificate("nats", key, "Test CA", ca_key, ca=False)
    paths = {name: directory / name for name in ("ca.pem", "nats.pem", "nats.key")}
    paths["ca.pem"].write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    paths["nats.pem"].write_bytes(own.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    kind = serialization.PrivateFormat.PKCS8
    paths["nats.key"].write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, plain))
    return {
        "TLS_CA": str(paths["ca.pem"]),
        "TLS_CERT": str(paths["nats.pem"]),
        "TLS_KEY": str(paths["nats.key"]),
    }


def _certificate(subject, key, issuer, issuer_key, *, ca):
    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), False)
    )
    return made.sign(issuer_key, hashes.SHA256())


class ShippedNats:
    """One server with a shipped file. `argv` names no secret: they are in its environment."""

    def __init__(self, name: str, config: str, environ: Mapping[str, str], directory: Path) -> None:
        self.name, self.config, self._environ = name, DEPLOY / config, dict(environ)
        self._log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            argv = [binaries.nats_server(), "--config", str(self.config)]
            self._process = subprocess.Popen(argv, env=self._environ, stdout=log, stderr=log)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(DEADLINE)

    def said(self, words: str) -> bool:
        assert self._process is None or self._process.poll() is None, self._log.read_text()
        return words in self._log.read_text(errors="replace")

    def wait(self, words: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not self.said(words):
            assert time.monotonic() < deadline, f"{self.name} never said {words!r}: {self._log.read_text()}"
            time.sleep(0.02)


class Regions:
    """Three regions with their gates, as an async context. `url(region)` is for daemons there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.tls = write_certificates(directory)
        ports = iter(free_ports(4 * len(NAMES)))
        self._ports = {
            name: {kind: next(ports) for kind in ("client", "gate", "gateway", "leaf")} for name in NAMES
        }
        self._links: dict[tuple[str, str], CutProxy] = {}
        self.servers: dict[str, ShippedNats] = {}
        self._stack = AsyncExitStack()

    @property
    def ca(self) -> str:
        return self.tls["TLS_CA"]

    def url(self, region: str) -> str:
        return f"tls://atoll:{PASSWORDS['NATS_PASSWORD']}@{LOOPBACK}:{self._ports[region]['client']}"

    async def __aenter__(self) -> Regions:
        async with AsyncExitStack() as stack:
            for here in NAMES:
                for there in NAMES:
                    proxy = CutProxy(self._ports[there]["gateway"])
                    self._links[here, there] = await stack.enter_async_context(proxy)
            for name in NAMES:
                for kind, config in (("gate", "regions/gate.conf"), ("nats", "regions/jetstream.conf")):
                    server = ShippedNats(f"{kind}-{name}", config, self._environ(name), self._directory)
                    self.servers[server.name] = server
                    server.start()
                    stack.callback(server.stop)
            await asyncio.to_thread(self._wait_linked)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _wait_linked(self) -> None:
        for name in NAMES:
            self.servers[f"nats-{name}"].wait("Leafnode connection created")
            for other in NAMES:
                if other != name:
                    self.servers[f"gate-{name}"].wait(f'Outbound gateway connection to "{other}"')

    def _environ(self, name: str) -> dict[str, str]:
        ports = self._ports[name]
        store = self._directory / name
        link = PASSWORDS["NATS_LINK_PASSWORD"]
        numbered = {f"REGION_{n}": other for n, other in enumerate(NAMES, 1)}
        gateways = {
            f"GATEWAY_{n}": f"nats://{LOOPBACK}:{self._links[name, other].port}"
            for n, other in enumerate(NAMES, 1)
        }
        return {
            **PASSWORDS,
            **self.tls,
            **numbered,
            **gateways,
            "REGION": name,
            "GATE_NAME": f"gate-{name}",
            "GATE_LISTEN": f"{LOOPBACK}:{ports['gate']}",
            "GATEWAY_LISTEN": f"{LOOPBACK}:{ports['gateway']}",
            "GATEWAY_ADVERTISE": f"{LOOPBACK}:1",  # else gates tell each other a way past the proxies
            "LEAF_LISTEN": f"{LOOPBACK}:{ports['leaf']}",
            "SERVER_NAME": f"nats-{name}",
            "NATS_LISTEN": f"{LOOPBACK}:{ports['client']}",
            "NATS_STORE": str(store),
            "GATE_LEAF": f"nats-leaf://leaf:{link}@{LOOPBACK}:{ports['leaf']}",
        }

    async def cut_off(self, region: str) -> None:
        """Nothing goes from its gate to another or back."""
        for pair, link in self._links.items():
            if region in pair:
                await link.cut()

    def mend(self) -> None:
        """As if nothing had been."""
        for link in self._links.values():
            with contextlib.suppress(OSError):
                link.mend()
