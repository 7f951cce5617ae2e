"""URLs of other people, read once and strictly; nothing is left to interpret. Pure.

Two programs that read one URL differently are how walls are passed. So it is taken apart here, by a grammar
that refuses what is unclear, and the request is made from the parts; nobody reads the text again. Refused
with `OutwardRefused`: anything but http and https, user names and passwords, ports that are not listed,
numbers that are not a plain IPv4 address (octal, hexadecimal, short forms), control and invisible characters,
backslashes, zones. Called by outward.py and by whoever takes a URL from outside.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote, urljoin

from yarl import URL

from atoll.errors import OutwardRefused

MAX_URL_CHARS = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[^\[\]:%@]{1,253})(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH_SAFE = "%/:@!$&'()*+,;=-._~"


@dataclass(frozen=True)
class OutwardUrl:
    """`host` in its one form: lower case, IDNA, no dot at its end, no brackets. `path` begins with `/`."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address itself."""
        return ":" in self.host or self.host.replace(".", "").isdigit()

    @property
    def origin(self) -> str:
        """Scheme, host and, when it is another than the scheme's own, port; safe to be logged."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def __str__(self) -> str:
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")

    def request_url(self) -> URL:
        """For the HTTP client, which is to change nothing about it."""
        return URL(str(self), encoded=True)


def parse_url(text: str, ports: Collection[int] = (80, 443)) -> OutwardUrl:
    """`text` in its parts; `OutwardRefused` says what is wrong with it."""
    if len(text) > MAX_URL_CHARS:
        _refuse(f"A URL has at most {MAX_URL_CHARS} characters.", limit=MAX_URL_CHARS, got=len(text))
    if any(not _visible(char) for char in text):
        _refuse("A URL has no spaces, backslashes, control or invisible characters.")
    match = _URL.fullmatch(text)
    if match is None:
        _refuse("A URL begins with http:// or https://.")
    scheme, authority = match[1].lower(), match[2]
    if "@" in authority:
        _refuse("A URL carries no user name and no password.")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        _refuse("The host of this URL cannot be read.")
    port = int(parts[2]) if parts[2] else DEFAULT_PORTS[scheme]
    if port not in ports:
        _refuse("This port may not be reached.", allowed=sorted(ports), got=port)
    query = quote(match[4] or "", safe=_PATH_SAFE + "?")
    return OutwardUrl(scheme, _host(parts[1]), port, quote(match[3] or "/", safe=_PATH_SAFE), query)


def parse_redirect(base: OutwardUrl, location: str, ports: Collection[int] = (80, 443)) -> OutwardUrl:
    """Where a redirect of `base` leads, held to the same rules. `OutwardRefused` also from https to http."""
    if len(location) > MAX_URL_CHARS or any(not _visible(char) for char in location):
        _refuse("The server redirected to a URL that cannot be read.")
    try:
        target = parse_url(urljoin(str(base), location), ports)
    except ValueError:
        _refuse("The server redirected to a URL that cannot be read.")
    if base.scheme == "https" and target.scheme == "http":
        _refuse("The server redirected from https to http.")
    return target


def host_allowed(host: str, patterns: Iterable[str]) -> bool:
    """Whether a host in its one form is listed: by name, or under `*.domain` (not the domain itself)."""
    return any(
        host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern for pattern in patterns
    )


def _visible(char: str) -> bool:
    return char != "\\" and unicodedata.category(char)[0] not in "CZ"


def _host(text: str) -> str:
    if text.startswith("["):
        return _address_6(text[1:-1])
    host = _ascii(text).removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):  # whatever a resolver would take for a number (WHATWG's rule)
        return _address_4(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        _refuse("The host of this URL is not a name.")
    return host


def _ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        host = URL.build(scheme="http", host=text).raw_host
    except ValueError:  # also UnicodeError, of IDNA
        host = None
    if not host or not host.isascii():
        _refuse("The host of this URL is not a name.")
    return host.lower()


def _address_4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))  # four plain decimal numbers, no leading zeros
    except ValueError:
        _refuse("A host in numbers is four decimal ones, such as 192.0.2.1.")


def _address_6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        _refuse("The host of this URL is not an IPv6 address.")


def _refuse(detail: str, **facts: object) -> NoReturn:
    raise OutwardRefused(detail, **facts)
