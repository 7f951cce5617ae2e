"""The API's page: what it says is escaped, where it leads exists, and nothing in it runs or is loaded."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser

from query_service.openapi_api import node_document, query_document
from query_service.openapi_page import CONTENT_SECURITY, page
from query_service.openapi_style import STYLE

QUERY, NODE = query_document(), node_document()
PAGE = page(QUERY, NODE)
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Reader(HTMLParser):
    """Collects what a browser would act on, and whether each element that opens is closed in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.ids, self.targets, self.tags, self.open = Counter[str](), set[str](), set[str](), list[str]()
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids[value or ""] += 1
            if name in {"href", "src", "action"}:
                self.targets.add(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


READ = read(PAGE)


def test_it_is_well_formed_and_no_id_comes_twice():
    assert READ.open == []
    assert [name for name, count in READ.ids.items() if count > 1] == []


def test_every_link_leads_to_a_place_on_the_page_or_to_a_document():
    inside = {target.removeprefix("#") for target in READ.targets if target.startswith("#")}
    assert inside <= set(READ.ids)
    assert {t for t in READ.targets if not t.startswith("#")} == {"/openapi.json", "/openapi-node.json"}


def test_nothing_in_it_runs_or_is_loaded():
    assert not READ.tags & {"script", "img", "link", "iframe", "object", "embed", "form", "svg"}
    assert READ.handlers == []
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    (style,) = re.findall(r"<style>(.*?)</style>", PAGE, re.DOTALL)
    assert style == STYLE
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY["Content-Security-Policy"]
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_it_shows_every_operation_status_and_type_of_both_documents():
    for name, document in (("query", QUERY), ("node", NODE)):
        for item in document["paths"].values():
            for operation in item.values():
                assert READ.ids[f"{name}-{operation['operationId']}"]
        for title in document["components"]["schemas"]:
            assert READ.ids[f"{name}-type-{title}"]


def test_what_documents_say_is_escaped():
    evil = {**QUERY, "info": {**QUERY["info"], "description": "<script>alert(1)</script> & `<b>`"}}
    text = page(evil, NODE)
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; <code>&lt;b&gt;</code>" in text


def test_it_is_made_for_phones_dark_rooms_and_keyboards():
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in PAGE
    assert "prefers-color-scheme:dark" in STYLE
    assert "@media(max-width:48rem)" in STYLE
    assert ":focus-visible" in STYLE
