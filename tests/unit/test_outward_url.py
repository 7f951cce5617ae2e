"""URLs from outside: one reading, and whatever is unclear is refused."""

from __future__ import annotations

import ipaddress
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atoll.errors import OutwardRefused
from atoll.outward_url import MAX_URL_CHARS, OutwardUrl, host_allowed, parse_redirect, parse_url

PLAIN = OutwardUrl("https", "img.example.org", 443, "/a.jpg", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://img.example.org/a.jpg", "https://img.example.org/a.jpg"),
        ("HTTPS://IMG.Example.ORG/A.jpg", "https://img.example.org/A.jpg"),
        ("https://img.example.org", "https://img.example.org/"),
        ("https://img.example.org.:443/a?b=c&d=%20#e", "https://img.example.org/a?b=c&d=%20"),
        ("http://img.example.org:80/a", "http://img.example.org/a"),
        ("https://bücher.example/ü.jpg", "https://xn--bcher-kva.example/%C3%BC.jpg"),
        ("https://ｅｘａｍｐｌｅ.org/", "https://example.org/"),
        ("https://example。org/", "https://example.org/"),
        ("http://93.184.216.34/", "http://93.184.216.34/"),
        ("http://[2606:2800:0220::1]/", "http://[2606:2800:220::1]/"),
        ("https://a.example/?", "https://a.example/"),
        ("https://a.example/x?u=https://b.example/?c", "https://a.example/x?u=https://b.example/?c"),
    ],
)
def test_a_url_has_one_form(text, shown):
    url = parse_url(text)
    assert str(url) == shown
    assert str(parse_url(shown)) == shown
    assert str(url.request_url()) == shown
    assert (url.request_url().raw_host or "").strip("[]") == url.host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "img.example.org/a.jpg",
        "//img.example.org/a.jpg",
        "ftp://img.example.org/a.jpg",
        "file:///etc/passwd",
        "gopher://img.example.org/",
        "data:image/png;base64,AA==",
        "https:/img.example.org/",
        "https:///a.jpg",
        "https://user@img.example.org/",
        "https://user:secret@img.example.org/",
        "https://img.example.org@127.0.0.1/",
        "https://127.0.0.1\\@img.example.org/",
        "https://img.example.org\\.evil.example/",
        "https://img.example.org:22/",
        "https://img.example.org:0/",
        "https://img.example.org:65536/",
        "https://img.example.org:+443/",
        "https://img.example.org:４４３/",
        "https://img.example.org:/",
        "https://img.example.org:443:80/",
        "https://img%2eexample.org/",
        "https://img.exa\u200bmple.org/",
        "https://img.exa\u00admple.org/",
        "https://img.\u202egro.example/",
        "https://img.example.org/\u200b",
        "https://img.example.org/\r\nHost: a",
        "https://img.example.org/a b",
        "https://img.example.org/\t",
        " https://img.example.org/",
        "https://img.example.org\u3000/",
        "https://img..example.org/",
        "https://img.example.org../",
        "https://.example.org/",
        "https://./",
        "https://-a.example/",
        "https://a-.example/",
        "https://a!b.example/",
        "https://a,b.example/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 127}example/",
        "https://example.org＠127.0.0.1/",
        "https://example.org：22/",
        "https://example.org／a/",
        "https://example.org？.evil.example/",
        "https://[::1/",
        "https://::1/",
        "https://[::1]a/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[v1.a]/",
        "https://\ud800.example/",
        "https://a.example/\ud800",
        f"https://a.example/{'a' * MAX_URL_CHARS}",
    ],
)
def test_what_is_unclear_is_refused(text):
    with pytest.raises(OutwardRefused):
        parse_url(text)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0.0.0x1",
        "017700000001",
        "0177.0.0.1",
        "0177.0x0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.1.1",
        "127.0.0.256",
        "127.0.0.0x",
        "1",
        "0",
        "０x7f.1",
        "a.example.1",
        "a.0x1f",
    ],
)
def test_numbers_that_are_no_plain_address_are_refused(host):
    with pytest.raises(OutwardRefused):
        parse_url(f"http://{host}/")


@pytest.mark.parametrize("host", ["127.0.0.1", "１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "127.0.0.1."])
def test_an_address_in_disguise_is_seen_as_the_address_it_is(host):
    url = parse_url(f"http://{host}/")
    assert (url.host, url.is_address) == ("127.0.0.1", True)


def test_only_listed_ports_are_taken():
    assert parse_url("http://a.example:8080/", (8080,)).port == 8080
    with pytest.raises(OutwardRefused):
        parse_url("http://a.example/", (8080,))


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b.jpg", "https://img.example.org/b.jpg"),
        ("b.jpg?x=1", "https://img.example.org/b.jpg?x=1"),
        ("//other.example/c", "https://other.example/c"),
        ("https://other.example/ü", "https://other.example/%C3%BC"),
    ],
)
def test_a_redirect_is_read_from_where_it_stands(location, leads_to):
    assert str(parse_redirect(PLAIN, location)) == leads_to


@pytest.mark.parametrize(
    "location",
    [
        "http://img.example.org/a.jpg",  # from https
        "//user@other.example/",
        "file:///etc/passwd",
        "https://[::1",
        "https://other.example:22/",
        "//127.1/",
        "/\x00",
        "\\\\other.example\\a",
        "a" * (MAX_URL_CHARS + 1),
    ],
)
def test_a_redirect_is_held_to_the_same_rules(location):
    with pytest.raises(OutwardRefused):
        parse_redirect(PLAIN, location)


def test_hosts_are_listed_by_name_or_below_a_domain():
    patterns = ("img.example.org", "*.cdn.example")
    assert all(host_allowed(h, patterns) for h in ("img.example.org", "a.cdn.example", "a.b.cdn.example"))
    others = (
        "example.org",
        "a.img.example.org",
        "cdn.example",
        "evilcdn.example",
        "img.example.org.evil",
        "",
    )
    assert not any(host_allowed(h, patterns) for h in others)
    assert not host_allowed("img.example.org", ())


HOSTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789abcdefx.:[]%@/\\-_", max_size=40),
    st.ip_addresses().map(str),
    st.ip_addresses(v=4).map(lambda a: hex(int(a))),
    st.ip_addresses(v=4).map(lambda a: str(int(a))),
    st.ip_addresses(v=4).map(lambda a: ".".join(f"0{int(b):o}" for b in str(a).split("."))),
    st.ip_addresses(v=6).map(lambda a: f"[{a}]"),
)


@given(st.sampled_from(["http://", "https://", "HTTP://", "//", ""]), HOSTS, st.text(max_size=20))
@example("http://", "ß.example", "/")
def test_whatever_comes_is_refused_or_has_one_plain_form(scheme, host, rest):
    try:
        url = parse_url(scheme + host + rest, range(65536))
    except OutwardRefused:
        return
    assert set(url.host) <= set(string.ascii_lowercase + string.digits + ".-_:")
    assert parse_url(str(url), range(65536)) == url
    assert str(url).isascii()
    assert not set(str(url)) & set(" \\\r\n\t\x00@") or "@" in url.path + url.query
    if url.is_address:
        assert str(ipaddress.ip_address(url.host)) == url.host


@given(st.text(max_size=60))
def test_whatever_a_server_redirects_to_is_refused_or_plain(location):
    try:
        url = parse_redirect(PLAIN, location)
    except OutwardRefused:
        return
    assert url.scheme == "https"
    assert url.port == 443
    assert parse_url(str(url)) == url
