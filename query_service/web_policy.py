"""What the browser may do for the web app: Content-Security-Policy and its neighbours. Pure.

No script and no style but our files, nothing inline, no framing; pictures and uploads also from and to the
nodes of the cluster map. A map with so many nodes that the header would be too long for proxies names the
schemes of their URLs instead, and the rest stays as strict. Called by web_api.py.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from atoll.cluster import ClusterMap

MAX_SOURCES_CHARS = 1500  # they come twice, and proxies take 4 KiB of headers
_FIXED = (
    "default-src 'none'; script-src 'self'; style-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
}


def page_headers(cluster: ClusterMap) -> dict[str, str]:
    """Of the shell, while the cluster is as in this map."""
    nodes = _sources(cluster)
    policy = f"{_FIXED}; img-src 'self' blob: data:{nodes}; connect-src 'self'{nodes}"
    return {**ALWAYS, "Content-Security-Policy": policy, "Cache-Control": "no-cache"}


def _sources(cluster: ClusterMap) -> str:
    urls = [urlsplit(node.url) for node in cluster.nodes.values() if node.state != "removed"]
    origins = sorted({f"{url.scheme}://{url.netloc}" for url in urls})
    found = "".join(f" {origin}" for origin in origins)
    if len(found) <= MAX_SOURCES_CHARS:
        return found
    return "".join(f" {scheme}:" for scheme in sorted({url.scheme for url in urls}))
