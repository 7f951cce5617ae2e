"""The web app's files as they are served: one address for all, small, nothing that its own policy forbids."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from import_graph import ROOT

from atoll.cluster import ClusterMap
from atoll.land import land
from atoll.model import Node
from query_service.web_files import LAND, SHELL, TYPES, WebFiles, read_web_files
from query_service.web_policy import MAX_SOURCES_CHARS, page_headers

WEB = ROOT / "query_service" / "web"
SOURCES = {
    path.relative_to(WEB).as_posix(): path.read_text("utf-8") for path in WEB.rglob("*") if path.is_file()
}
SCRIPTS = {name: text for name, text in SOURCES.items() if name.endswith(".js")}
FIRST_LOAD = 150 * 1024  # bytes, compressed: everything of the first page


def cluster(*urls, **facts):
    return ClusterMap.of([Node(f"n{i}", "eu", "s1", url, **facts) for i, url in enumerate(urls)])


def test_every_file_is_served_and_packed_as_it_is():
    files = read_web_files()
    assert {name for name in SOURCES if name.rpartition(".")[2] not in TYPES} == set()
    for name, text in SOURCES.items():
        if name != SHELL:
            file = files.get(files.build, name)
            assert file.plain.decode() == text
            assert gzip.decompress(file.packed) == file.plain
    assert len(json.loads(files.get(files.build, LAND).plain)) == len(land())


def test_another_byte_is_another_build_and_no_build_serves_anothers_files():
    one, two = WebFiles({SHELL: b"{{base}}", "a.js": b"1"}), WebFiles({SHELL: b"{{base}}", "a.js": b"2"})
    moved = WebFiles({SHELL: b"{{base}}", "b.js": b"1"})
    assert len({one.build, two.build, moved.build}) == 3
    assert one.shell.plain.decode() == one.base
    assert one.get(two.build, "a.js") is None
    assert one.get(one.build, SHELL) is None
    assert one.get(one.build, "../settings.py") is None


def test_all_files_together_are_less_than_the_first_load_may_be():
    files = read_web_files()
    packed = [files.shell.packed, *(files.get(files.build, name).packed for name in SOURCES if name != SHELL)]
    assert sum(map(len, packed)) < FIRST_LOAD


def test_modules_name_only_files_that_are_there():
    for name, text in SCRIPTS.items():
        for said in re.findall(r"(?m)^import\b[^\"\n]*\"([^\"]+)\"|import\(\"([^\"]+)\"\)", text):
            said = said[0] or said[1]
            assert said.startswith("."), f"{name} imports {said}: nothing comes from elsewhere"
            assert ((WEB / name).parent / said).resolve().relative_to(WEB).as_posix() in SOURCES, (name, said)
    for said in re.findall(r"\{\{base\}\}/([^\"]+)", SOURCES[SHELL]):
        assert said in SOURCES


def test_no_page_reads_text_as_markup_or_needs_what_the_policy_forbids():
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:"
    for name, text in SOURCES.items():
        assert not re.search(forbidden, text.replace("innerHTML anyway", "")), name
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src)", SOURCES[SHELL])


def test_nothing_is_fetched_from_elsewhere():
    for name, text in SOURCES.items():
        found = set(re.findall(r"https?://[^\s\"'`<>)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert found == set(), name


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_module_is_short_and_says_what_it_is(name):
    assert SCRIPTS[name].startswith("/**")
    assert SCRIPTS[name].count("\n") <= 200


def test_pictures_and_uploads_go_to_the_nodes_of_the_map_and_nowhere_else():
    policy = page_headers(cluster("https://a.example:1/x", "http://b.example"))["Content-Security-Policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    assert rules["default-src"] == rules["frame-ancestors"] == ["'none'"]
    assert rules["script-src"] == rules["style-src"] == ["'self'"]
    assert rules["img-src"] == ["'self'", "blob:", "data:", "http://b.example", "https://a.example:1"]
    assert rules["connect-src"] == ["'self'", "http://b.example", "https://a.example:1"]
    assert "unsafe" not in policy
    gone = page_headers(cluster("https://a.example", state="removed"))
    assert "a.example" not in gone["Content-Security-Policy"]


def test_a_map_of_very_many_nodes_keeps_the_header_short():
    many = page_headers(cluster(*(f"https://node-{i}.example.org" for i in range(500))))
    assert len(many["Content-Security-Policy"]) < 1000
    assert "connect-src 'self' https:" in many["Content-Security-Policy"]
    few = page_headers(cluster(*(f"https://node-{i}.example.org" for i in range(40))))
    assert "https://node-39.example.org" in few["Content-Security-Policy"]
    assert len(few["Content-Security-Policy"]) < 2 * MAX_SOURCES_CHARS + 1000
