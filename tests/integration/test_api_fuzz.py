"""Whatever the documents allow, asked of a running cluster: no 500, no status, header or body untold.

The documents are made from the code, so a new route is asked here without anybody naming it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_asker import BY_ANSWERS, CHECKS, LONGEST, Asker, how_long, schema_of, without_streams
from client_clusters import real_cluster
from hypothesis import given
from hypothesis import strategies as st

from query_service.openapi_api import node_document, query_document

pytestmark = [pytest.mark.integration, pytest.mark.timeout(LONGEST)]

QUERY, NODE = without_streams(query_document()), without_streams(node_document())


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(method, path) for path, item in document["paths"].items() for method in item]


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    with real_cluster(tmp_path_factory.mktemp("fuzzed")) as cluster:
        asked = Asker(cluster)
        yield asked
        asked.close()


@pytest.mark.parametrize(("method", "path"), operations(QUERY))
def test_the_query_service_answers_only_what_it_says(asker: Asker, method: str, path: str) -> None:
    operation = schema_of(QUERY, asker.url)[path][method]

    @given(case=operation.as_strategy(), keyed=st.integers(0, 9).map(bool))
    @how_long()
    def ask(case: Any, keyed: bool) -> None:
        asker.ask(case, keyed=keyed)

    ask()


@pytest.mark.parametrize(("method", "path"), operations(NODE))
def test_a_node_answers_only_what_it_says(asker: Asker, method: str, path: str) -> None:
    operation = schema_of(NODE, asker.node_url)[path][method]

    @given(case=operation.as_strategy(), opened=st.booleans())
    @how_long()
    def ask(case: Any, opened: bool) -> None:
        if opened:
            asker.with_credentials(case)
        asker.ask(case, keyed=False)

    ask()


def test_what_an_answer_leads_to_can_be_asked(asker: Asker) -> None:
    """Tickets are used, then assets asked for, resolved, deleted, restored: in any order of the links."""
    machine = schema_of(QUERY, asker.url).as_state_machine()

    class Story(machine):  # type: ignore[misc,valid-type]  # made at run time from the document
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return asker.call_arguments()

        def after_call(self, response: Any, case: Any) -> None:
            if case.operation.label == "POST /v1/uploads" and response.status_code == 201:
                asker.upload(response.json())

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=CHECKS)  # a rule that no schema says may refuse, too

    Story.run(settings=how_long(0.5, backend=BY_ANSWERS))
