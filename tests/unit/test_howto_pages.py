"""docs/howto: every block of code is run by integration/test_docs_programs.py, or the page says why not."""

from __future__ import annotations

import re

import pytest
from howto_page import HOWTO, NOT_RUN, blocks, pages, script

from atoll.errors import BadTransformation
from atoll.transformation.canonical import canonical
from atoll.transformation.parser import parse

FIRST = HOWTO / "README.md"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_block_is_run_or_says_why_not(page):
    text = page.read_text(encoding="utf-8")
    found = list(blocks(text))
    assert found
    code = [block for block in found if block.language]  # without one it shows what an address looks like
    assert [block.text for block in code if not block.runs and block.not_run is None] == []
    assert text.count("```") == 2 * len(found)  # none is hidden in a list, where it would not be found
    assert text.count(NOT_RUN) == sum(block.not_run is not None for block in found)


def test_the_first_page_names_them_all():
    named = re.findall(r"\]\(([a-z0-9-]+\.md)\)", FIRST.read_text(encoding="utf-8"))
    assert sorted(set(named)) == sorted(page.name for page in pages())


def test_a_block_that_is_neither_run_nor_excused_is_found():
    page = (
        "Text.\n\n```nginx\nlisten 1;\n```\n\n*Not run by our tests: no nginx.*\n\n```nginx\nlisten 2;\n```\n"
    )
    assert [(block.runs, block.not_run is not None) for block in blocks(page)] == [
        (False, False),
        (False, True),
    ]


def test_a_server_that_is_started_is_waited_for():
    typed = script("```sh\nserve --port 8002 &\ncurl http://127.0.0.1:8002/\n```\n")
    assert typed.endswith("serve --port 8002 &\nlistens 8002\ncurl http://127.0.0.1:8002/\n")


def table(page, name):
    """The texts in backticks of the second column of a marked table."""
    text = (HOWTO / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"<!-- table: {name} -->\n(.*?)<!-- end: {name} -->", text, re.DOTALL)
    rows = [re.split(r" \| ", line)[1] for line in found.splitlines()[2:]]
    return [written for row in rows for written in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("written", table("migrate-from-cloudinary.md", "as it is"))
def test_a_transformation_that_is_said_to_go_over_is_understood(written):
    assert parse(canonical(parse(written))) == parse(written)


@pytest.mark.parametrize("written", table("migrate-from-cloudinary.md", "refused"))
def test_a_transformation_that_is_said_not_to_go_over_is_refused(written):
    with pytest.raises(BadTransformation):
        parse(written)
