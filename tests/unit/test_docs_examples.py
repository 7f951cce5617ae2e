"""Every example of the pages: commands that the command line takes, requests that the API has, programs that
call what the client has. Those that need a cluster run in integration/test_docs_programs.py and beside it.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import shlex
import shutil
import subprocess
from functools import cache
from typing import NamedTuple

import pytest
from import_graph import ROOT

from atoll import Client
from atoll.cli.command import LOCAL_VERBS, USER_VERBS, _import, _parser
from atoll.errors import from_problem
from query_service.openapi_api import query_document

PAGES = (ROOT / "README.md", ROOT / "deploy" / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
# "": diagrams, paths, plain commands
LANGUAGES = {"", "console", "sh", "python", "json", "js", "html", "toml", "yaml"}
LANGUAGES |= {
    "swift",
    "kotlin",
}  # of phones: docs/howto says why they do not run, test_howto_pages.py that it does
METHODS = {"GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"}


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(str(page.relative_to(ROOT)), line, found[1], found[2])


BLOCKS = list(blocks())


def in_language(*languages):
    return [block for block in BLOCKS if block.language in languages]


def commands():
    """Each command line of a console or of a plain block of commands, without its comment."""
    for block in in_language("console", ""):
        text = re.sub(r"\s*\\\n\s*", " ", block.text)
        start = r"^\$ (.*)" if block.language else r"^(atoll .*)"
        for line in re.findall(start, text, re.MULTILINE):
            command = re.split(r"\s{2,}", line)[0]  # what stands far to the right explains
            yield pytest.param(command, id=f"{block}: {command[:40]}")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_of_a_kind_that_is_tried_here(block):
    assert block.language in LANGUAGES


def simple_commands(line):
    """The words of each simple command in a line of shell."""
    words = shlex.split(line, comments=True)
    while words:
        end = next(
            (i for i, word in enumerate(words) if word in {"|", "||", "&&", ";", ">", "&"}), len(words)
        )
        yield words[:end]
        words = words[end + 1 :]


@pytest.mark.parametrize("line", list(commands()))
def test_a_command_is_one_that_there_is(line):
    assert subprocess.run(["bash", "-nc", line], check=False).returncode == 0
    for words in simple_commands(line):
        if words[0] == "atoll":
            assert words[1] in USER_VERBS | LOCAL_VERBS, line
            _parser(words[1], _import(words[1])).parse_args(words[1:])  # ends the process on wrong usage
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        elif words[0] == "curl":
            check_request(words)


SECRET = re.compile(r"(join-token|key create|key rotate|token_urlsafe).*> *[\w.-]+")


@pytest.mark.parametrize("block", [block for block in BLOCKS if SECRET.search(block.text)], ids=str)
def test_a_secret_is_written_to_a_file_of_its_owners_alone(block):
    """Commands refuse a key that others can read, and a token lets in whoever has it."""
    page = (ROOT / block.page).read_text(encoding="utf-8")
    written = SECRET.search(page, page.index(block.text))
    assert "umask 077" in page[: written.end()]


def named_in_sentences():
    """Each `atoll …` of a sentence: its verb, and the word behind it, which may be a verb below."""
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for command in re.findall(r"`atoll ([a-z][^`\n]*)`", prose):
            yield pytest.param(command, id=f"{page.relative_to(ROOT)}: {command[:40]}")


@pytest.mark.parametrize("command", list(named_in_sentences()))
def test_a_command_that_a_sentence_names_is_one_that_there_is(command):
    verbs, *others = command.split()
    below = others[0] if others and re.fullmatch(r"[a-z][a-z|-]*", others[0]) else ""
    for verb, word in itertools.product(verbs.split("|"), below.split("|")):
        assert verb in USER_VERBS | LOCAL_VERBS, command
        words = [verb, word, "--help"] if word else [verb, "--help"]
        with pytest.raises(SystemExit) as ended:  # help is told of what there is, wrong usage of the rest
            _parser(verb, _import(verb)).parse_args(words)
        assert ended.value.code == 0, command


@cache
def _paths():
    found = query_document()["paths"]
    return [(re.compile(re.sub(r"{\w+}", ".+", path)), set(item)) for path, item in found.items()]


def check_request(words):
    """What curl asks for is in the API's document."""
    url = next(word for word in words if re.match(r"https?://|\$ATOLL/", word))
    sends = any(word in {"-F", "-d", "--data", "--form", "--json"} for word in words)
    method = next((b for a, b in itertools.pairwise(words) if a in {"-X", "--request"}), None)
    method = method or ("POST" if sends else "GET")
    assert method in METHODS
    path = re.sub(r"^(https?://[^/]+|\$ATOLL)", "", url).partition("?")[0]
    assert any(pattern.fullmatch(path) and method.lower() in item for pattern, item in _paths()), (
        method,
        path,
    )


@pytest.mark.parametrize("block", in_language("sh"), ids=str)
def test_a_shell_script_is_well_formed_and_asks_for_what_there_is(block):
    assert subprocess.run(["bash", "-nc", block.text], check=False).returncode == 0
    for path in re.findall(r"https?://[^/\s]+(/v1/[\w/-]+)", block.text):
        assert any(pattern.fullmatch(path) for pattern, _ in _paths()), path
    for line in re.findall(r"^atoll .*", re.sub(r"\s*\\\n\s*", " ", block.text), re.MULTILINE):
        words = next(simple_commands(line))
        assert words[1] in USER_VERBS | LOCAL_VERBS, line
        _parser(words[1], _import(words[1])).parse_args(words[1:])


def client_calls(tree):
    """(method, keywords) of every call on the client that a program opened."""
    names = {
        ast.unparse(item.optional_vars)
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if item.optional_vars is not None and "Client" in ast.unparse(item.context_expr)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if ast.unparse(node.func.value) in names:
            yield node.func.attr, len(node.args), [word.arg for word in node.keywords if word.arg]


@pytest.mark.parametrize("block", in_language("python"), ids=str)
def test_a_program_calls_what_the_client_has(block):
    tree = ast.parse(block.text)
    for name, positional, keywords in client_calls(tree):
        signature = inspect.signature(getattr(Client, name))
        signature.bind_partial(None, *[None] * positional, **dict.fromkeys(keywords))


@pytest.mark.parametrize("block", in_language("json"), ids=str)
def test_json_is_json_and_a_problem_is_one_of_ours(block):
    document = json.loads(block.text)
    if "type" in document and "title" in document:
        ours = from_problem(document, document["status"])
        assert {**ours.problem(), **document} == document
        assert ours.title == document["title"]


@pytest.mark.skipif(shutil.which("node") is None, reason="no JavaScript engine here")
@pytest.mark.parametrize("block", in_language("js"), ids=str)
def test_javascript_is_well_formed(block):
    checked = subprocess.run(
        ["node", "--input-type=module", "--check", "-"],
        input=block.text.encode(),
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr.decode()


@pytest.mark.parametrize(
    "line", ["curl http://x/v1/nothing", "curl -X PATCH http://x/v1/uploads", "curl -d 1 http://x/v1/nodes"]
)
def test_a_planted_request_that_the_api_has_not_is_found(line):
    with pytest.raises(AssertionError):
        check_request(line.split())
