"""How the documents are asked of a running cluster: the schemas, who asks, and what an answer is held to.

Used by test_api_fuzz.py. ATOLL_FUZZ_EXAMPLES asks each operation so often (`make fuzz EXAMPLES=500`); without
it the run is short and always the same.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import schemathesis
from client_clusters import ClusterUnderTest, picture
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

DEADLINE = 20.0
SHORT_EXAMPLES = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    allow_header_conformance,
]


_WANTED = os.environ.get("ATOLL_FUZZ_EXAMPLES")
# Seconds of one test; 0: as long as it was told to.
LONGEST = 0 if _WANTED else 180
STREAM = "text/event-stream"
# Hypothesis keeps what it drew in a tree, and refuses what draws otherwise where an earlier example was
# (FlakyStrategyDefinition). What a story may ask next depends on what the server answered, which has changed
# since: there is no such tree. Only the backend of the first name keeps one; by another it draws the same.
BY_ANSWERS = "by-answers"
AVAILABLE_PROVIDERS[BY_ANSWERS] = "hypothesis.internal.conjecture.providers.HypothesisProvider"


def how_long(share: float = 1.0, steps: int = 12, backend: str = "hypothesis") -> settings:
    """How much is asked: short and the same each time, or as the environment says."""
    return settings(
        backend=backend,
        max_examples=max(1, int(int(_WANTED or SHORT_EXAMPLES) * share)),
        stateful_step_count=steps,
        derandomize=_WANTED is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )


def without_streams(document: dict[str, Any]) -> dict[str, Any]:
    """The document without operations that answer with events for as long as there may be some: that of a
    job which cannot end is an hour long, and DEADLINE is how long a client waits for the next byte.
    """
    paths = {
        path: {
            method: operation
            for method, operation in item.items()
            if not any(STREAM in answer.get("content", {}) for answer in operation["responses"].values())
        }
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths}


def schema_of(document: dict[str, Any], url: str) -> Any:
    """The document as schemathesis has it, for the server at `url`."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    return schema


@schemathesis.serializer("application/offset+octet-stream")
def _as_it_is(_context: Any, value: Any) -> Any:
    """The bytes that tus sends go as they were made."""
    return value if isinstance(value, bytes) else str(value).encode()


class Asker:
    """Asks a cluster's first query service and the node that its tickets name, as an administrator."""

    def __init__(self, cluster: ClusterUnderTest) -> None:
        self.url, self._bucket = cluster.query_urls[0], cluster.bucket
        self._session = requests.Session()
        self._headers = {"Authorization": f"Bearer {cluster.api_key}"}

    def close(self) -> None:
        self._session.close()

    def ticket(self, **order: object) -> dict[str, Any]:
        """A fresh ticket."""
        body = {"bucket": self._bucket, **order}
        answer = self._session.post(
            f"{self.url}/v1/uploads", json=body, headers=self._headers, timeout=DEADLINE
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    @property
    def node_url(self) -> str:
        """The node that takes uploads now."""
        parts = urlsplit(self.ticket()["upload_url"])
        return f"{parts.scheme}://{parts.netloc}"

    def ask(self, case: Case, *, keyed: bool = True) -> Any:
        """Send `case` and hold the answer to the document."""
        given = self.call_arguments(keyed=keyed)
        return case.call_and_validate(checks=CHECKS, **given)

    def call_arguments(self, *, keyed: bool = True) -> dict[str, Any]:
        """What each request is sent with."""
        return {
            "session": self._session,
            "headers": self._headers if keyed else {},
            "timeout": DEADLINE,
            "allow_redirects": False,
        }

    def upload(self, ticket: dict[str, Any]) -> None:
        """What a client does with a ticket: so that what it leads to exists."""
        form = {"file": ("a.png", picture(), "image/png")}
        if ticket["method"] == "POST":
            answer = self._session.post(ticket["upload_url"], files=form, timeout=DEADLINE)
        else:
            answer = self._session.put(ticket["upload_url"], data=picture(), timeout=DEADLINE)
        assert answer.status_code < 500, answer.text

    def with_credentials(self, case: Case) -> None:
        """A node's door opens to a ticket only: put one where the document says that one is."""
        if "ticket" in (case.query or {}):
            (case.query["ticket"],) = parse_qs(urlsplit(self.ticket()["upload_url"]).query)["ticket"]
