"""The wall: requests go to addresses that were checked, whatever names resolve to."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from atoll.errors import OutwardFailed, OutwardRefused
from atoll.outward import OutwardLimits, open_outward
from atoll.outward_addresses import AddressPolicy
from atoll.outward_url import parse_url

HOME = AddressPolicy.of(["127.0.0.1/32"])
LIMITS = OutwardLimits(connect=5, headers=5, idle=5)


class Names:
    """A resolver whose answers change: one after the other, the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def __call__(self, host, port):
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Seen:
    """What a server was sent."""

    def __init__(self):
        self.requests = []

    async def __call__(self, request):
        self.requests.append(request)
        return web.Response(text="here", headers={"Set-Cookie": "a=b", "Location": "/next"})


@contextlib.asynccontextmanager
async def server(handler, tls=None):
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening, ssl_context=tls).start()
    try:
        yield listening.getsockname()[1]
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def silent_server():
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def get(outward, url, **options):
    async with outward.open(parse_url(url, range(65536)), **options) as response:
        return response.status, await response.text()


async def test_a_name_is_resolved_once_and_the_request_keeps_it():
    seen, names = Seen(), Names(["127.0.0.1"])
    async with server(seen) as port, open_outward(HOME, LIMITS, lookup=names) as outward:
        assert await get(outward, f"http://img.example.org:{port}/a?b=%20c") == (200, "here")
    assert names.asked == ["img.example.org"]
    (request,) = seen.requests
    assert request.headers["Host"] == f"img.example.org:{port}"
    assert request.raw_path == "/a?b=%20c"
    assert request.headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Referer", "Authorization"} & set(request.headers)


async def test_every_request_is_checked_anew_and_no_cookie_goes_along():
    seen, names = Seen(), Names(["127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"])
    async with server(seen) as port, open_outward(HOME, LIMITS, lookup=names) as outward:
        for _ in range(2):
            await get(outward, f"http://img.example.org:{port}/")
        with pytest.raises(OutwardRefused):
            await get(outward, f"http://img.example.org:{port}/")
    assert len(names.asked) == 3
    assert all("Cookie" not in request.headers for request in seen.requests)


async def test_a_resolver_that_changes_its_answer_leads_nowhere_else():
    """DNS rebinding: public when it is checked, ours when it is used; there is no second look-up."""
    seen = Seen()
    names = Names(["192.0.2.1"], ["127.0.0.1"])
    policy = AddressPolicy.of(["192.0.2.0/24"])  # stands for a public network; nobody answers there
    limits = OutwardLimits(connect=0.3, headers=0.1, idle=1)
    async with server(seen) as port, open_outward(policy, limits, lookup=names) as outward:
        with pytest.raises(OutwardFailed):
            await get(outward, f"http://img.example.org:{port}/")
        assert names.asked == ["img.example.org"]
        with pytest.raises(OutwardRefused):
            await get(outward, f"http://img.example.org:{port}/")
    assert seen.requests == []


@pytest.mark.parametrize(
    "answer",
    [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], ["fe80::1%1"]],
)
async def test_one_wrong_address_among_several_refuses_the_name_and_is_not_told(answer):
    async with open_outward(HOME, LIMITS, lookup=Names(answer)) as outward:
        with pytest.raises(OutwardRefused) as refused:
            await get(outward, "http://img.example.org/")
    assert not any(address in str(refused.value.problem()) for address in answer)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]", "10.0.0.1"])
async def test_an_address_in_the_url_is_checked_without_any_name(host):
    async with open_outward(AddressPolicy(), LIMITS, lookup=Names([])) as outward:
        with pytest.raises(OutwardRefused):
            await get(outward, f"http://{host}/")


async def test_a_network_of_the_operators_own_is_reached_by_its_address():
    seen = Seen()
    async with server(seen) as port, open_outward(HOME, LIMITS, lookup=Names([])) as outward:
        assert await get(outward, f"http://127.0.0.1:{port}/") == (200, "here")


async def test_names_of_this_machine_are_refused_by_the_systems_own_resolver():
    async with open_outward(AddressPolicy(), LIMITS) as outward:
        with pytest.raises(OutwardRefused):
            await get(outward, "http://localhost/")


async def test_a_name_that_nobody_knows_cannot_be_reached():
    async def nobody(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async with open_outward(HOME, LIMITS, lookup=nobody) as outward:
        with pytest.raises(OutwardFailed):
            await get(outward, "http://img.example.org/")


async def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine img.example.org login a password b\n")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen = Seen()
    async with server(seen) as port, open_outward(HOME, LIMITS, lookup=Names(["127.0.0.1"])) as outward:
        assert await get(outward, f"http://img.example.org:{port}/") == (200, "here")
    assert "Authorization" not in seen.requests[0].headers


async def test_a_redirect_is_answered_and_not_followed():
    requests = []

    async def elsewhere(request):
        requests.append(request)
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    async with server(elsewhere) as port, open_outward(HOME, LIMITS, lookup=Names(["127.0.0.1"])) as outward:
        assert (await get(outward, f"http://img.example.org:{port}/"))[0] == 302
    assert len(requests) == 1


async def test_packed_bytes_are_not_unpacked():
    async def packed(_):
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    async with server(packed) as port, open_outward(HOME, LIMITS, lookup=Names(["127.0.0.1"])) as outward:
        url = parse_url(f"http://img.example.org:{port}/", range(65536))
        async with outward.open(url) as response:
            assert await response.read() == b"\x1f\x8b"


async def test_a_body_is_sent_as_it_is_given():
    bodies = []

    async def take(request):
        bodies.append((request.method, await request.read(), request.headers["X-A"]))
        return web.Response()

    async with server(take) as port, open_outward(HOME, LIMITS, lookup=Names(["127.0.0.1"])) as outward:
        url = f"http://img.example.org:{port}/"
        await get(outward, url, method="POST", headers={"X-A": "b"}, body=b"{}")
    assert bodies == [("POST", b"{}", "b")]


async def test_a_server_that_says_nothing_is_given_up():
    limits = OutwardLimits(connect=1, headers=0.2, idle=30)
    with silent_server() as port:
        async with open_outward(HOME, limits, lookup=Names(["127.0.0.1"])) as outward:
            with pytest.raises(OutwardFailed):
                await get(outward, f"http://img.example.org:{port}/")


async def test_a_look_up_that_hangs_is_given_up():
    async def never(host, port):
        await asyncio.Event().wait()

    async with open_outward(HOME, OutwardLimits(connect=0.1, headers=0.1), lookup=never) as outward:
        with pytest.raises(OutwardFailed):
            await get(outward, "http://img.example.org/")


async def test_a_header_line_has_a_limit():
    async def long(_):
        return web.Response(headers={"X-Long": "a" * 20_000})

    async with server(long) as port, open_outward(HOME, LIMITS, lookup=Names(["127.0.0.1"])) as outward:
        with pytest.raises(OutwardFailed):
            await get(outward, f"http://img.example.org:{port}/")


def certificate(tmp_path, name):
    """A self-signed certificate for `name`; the file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / f"{name}.pem"
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return file


async def test_tls_keeps_the_name_while_the_connection_goes_to_the_checked_address(tmp_path):
    file = certificate(tmp_path, "img.example.org")
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(file)
    told = []
    theirs.sni_callback = lambda _socket, name, _context: told.append(name)
    ours = ssl.create_default_context(cafile=str(file))
    names = Names(["127.0.0.1"])
    async with server(Seen(), theirs) as port, open_outward(HOME, LIMITS, lookup=names, tls=ours) as outward:
        assert await get(outward, f"https://img.example.org:{port}/") == (200, "here")
        with pytest.raises(OutwardFailed):  # the certificate is another's
            await get(outward, f"https://other.example.org:{port}/")
    assert told == ["img.example.org", "other.example.org"]


async def test_a_certificate_that_nobody_vouches_for_is_not_taken(tmp_path):
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate(tmp_path, "img.example.org"))
    async with server(Seen(), theirs) as port, open_outward(HOME, LIMITS, lookup=Names(["127.0.0.1"])) as out:
        with pytest.raises(OutwardFailed):
            await get(out, f"https://img.example.org:{port}/")


async def test_no_socket_is_made_for_an_address_that_got_round_the_resolver():
    from atoll.outward import _guarded_sockets

    make = _guarded_sockets(HOME)
    with pytest.raises(PermissionError):
        make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.0.0.1", 80)))
    with make(
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", (str(ipaddress.ip_address("127.0.0.1")), 80))
    ) as one:
        assert one.getblocking() is False
