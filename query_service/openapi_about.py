"""What the two OpenAPI documents say of themselves: who answers, who is let in, what the tags mean. Pure."""

from __future__ import annotations

from query_service.openapi import Interface

_QUERY = """\
Tickets, assets and where to get them. No image byte passes through this service: uploads go to the node that
a ticket names (`PUT` or `POST` to its `upload_url`), images are fetched from the URLs given here. What nodes
answer has a document of its own, `/openapi-node.json`.

An upload is durable when its node answers 201; the catalog behind this interface hears of it by event,
usually within a tenth of a second. Until then an asset is "not found" by id or name, while its URL and its
handle work.

Every GET may be asked with HEAD. Unknown query parameters are refused, except on `/i/…`, `/health`,
`/metrics`, `/docs`, the documents and the web app. Errors are problem documents (RFC 9457); what they name
beyond the four common members are the facts: the limit, what came, when to ask again. A method that a path
does not have is answered 405 with `Allow`.

Pages of the web app ask with a session, which stands for the API key it was opened with; to change something
they send `X-Atoll-App` as well.

Answers to requests that are counted say `RateLimit` and `RateLimit-Policy`; who asks too often gets 429 with
`Retry-After`.
"""

_NODE = """\
What clients ask of a storage node: bytes in by ticket, bytes out by URL. Tickets come from a query service
(`POST /v1/uploads`), and so do URLs; where a node stands is in both. Internal routes between machines of the
cluster are not part of this.

An upload that was answered 201 is durable: fsynced, renamed, its directory fsynced, its event committed. The
same bytes with the same ticket again get the same answer, so a client whose connection broke simply repeats
itself. Every GET may be asked with HEAD. A method that a path does not have is answered 405 with `Allow`.
"""

_TAGS = {
    "uploads": "Bytes in: a ticket first, then the bytes to the node that it names.",
    "assets": "What was uploaded, and where to get it.",
    "jobs": "Work that goes on behind an answer.",
    "webhooks": "Being told instead of asking.",
    "proof": "Where every byte is, as the nodes testify it.",
    "cluster": "Regions, nodes, sets and buckets; how they are.",
    "keys": "API keys, signing keys, and the record of what administrators did.",
    "upkeep": "What operators do.",
    "resumable": "The same by tus 1.0.0 (https://tus.io): in pieces, over broken connections and restarts.",
    "delivery": "Bytes out.",
    "web": "The web app, and its sessions.",
    "service": "This process itself.",
}

QUERY = Interface(
    "Atoll query service",
    _QUERY,
    {"url": "/", "description": "Any query service of the cluster: they are alike."},
    {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key; its scopes are read, write, delete, admin.",
        },
        "signature": {
            "type": "apiKey",
            "in": "query",
            "name": "sig",
            "description": "A signed address, with `exp` and `key`: `image_url` and `url` come signed.",
        },
    },
    _TAGS,
)
NODE = Interface(
    "Atoll storage node",
    _NODE,
    {
        "url": "{node}",
        "description": "One node: what a ticket or a URL names.",
        "variables": {"node": {"default": "https://eu-1.example.org"}},
    },
    {
        "ticket": {
            "type": "apiKey",
            "in": "query",
            "name": "ticket",
            "description": "An upload ticket, from `POST /v1/uploads` of a query service.",
        },
        "upload": {
            "type": "apiKey",
            "in": "query",
            "name": "token",
            "description": "The token of one resumable upload, in the Location of its creation.",
        },
        "signature": {
            "type": "apiKey",
            "in": "query",
            "name": "sig",
            "description": "A signed URL, with `exp` and `key`: private buckets, free transformations.",
        },
    },
    _TAGS,
)
