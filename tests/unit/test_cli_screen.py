"""What people see on a terminal, where programs get tabs: lines that fit, and no bar over nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atoll.cli.__main__ import main
from atoll.cli.exit_codes import Exit
from atoll.cli.output import show_error, show_table
from atoll.cli.upload_report import Outcome, Report
from atoll.cli.upload_screen import Blank, make_screen
from atoll.errors import OutwardRefused, Unavailable

ID, URL = "0" * 26, "http://node.test/images/s1/" + "a" * 64 + ".jpg"


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr("atoll.cli.upload_report.on_terminal", lambda: True)


def outcome(name="a.jpg", status="uploaded"):
    return Outcome(Path(name), status, ID, URL, ("eu", "us"))


def test_one_file_gets_a_line_and_its_url_another(terminal, capsys):
    Report(as_json=False, files=1).add(outcome())
    assert capsys.readouterr().out.splitlines() == [f"{ID}  a.jpg  eu, us", URL]


def test_many_files_get_a_line_each_that_fits(terminal, capsys):
    report = Report(as_json=False, files=2)
    report.add(outcome())
    report.add(outcome("b.jpg", "skipped"))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{ID}  a.jpg  eu, us", f"{ID}  b.jpg  eu, us  (uploaded before)"]


def test_programs_get_everything_separated_by_tabs(capsys):
    Report(as_json=False, files=1).add(outcome())
    assert capsys.readouterr().out == f"{ID}\t{URL}\teu,us\ta.jpg\n"


def test_a_url_is_told_as_it_was_given_and_no_key_is_asked_for(capsys):
    url = "https://img.test/x.jpg"
    refused = OutwardRefused("This bucket fetches nothing.")
    Report(as_json=True, files=1).add(Outcome(url, "failed", error=refused))
    out, err = capsys.readouterr()
    assert json.loads(out)["path"] == url
    assert err.startswith(f"{url}: ")
    assert "API key" not in err


def test_no_file_no_bar():
    assert isinstance(make_screen(0, 0), Blank)
    assert not isinstance(make_screen(10, 1), Blank)


def test_facts_stand_behind_their_names_without_trailing_blanks(capsys):
    show_error(Unavailable("No.", tried=["a away", "b away"], nodes={"n": "hung"}, limit=3))
    lines = capsys.readouterr().err.splitlines()
    assert lines[2:6] == ["  tried: a away, b away", "  nodes:", "    n: hung", "  limit: 3"]


def test_without_a_verb_the_help_is_shown_and_the_code_is_that_of_wrong_usage(capsys):
    assert main([]) == Exit.USAGE
    shown = capsys.readouterr()
    assert "upload files and directories" in shown.err
    assert not shown.out


def test_where_there_is_no_cluster_the_error_says_what_to_do(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATOLL_URL", raising=False)
    assert main(["ls"]) == Exit.USAGE
    assert "Start one with `atoll up`" in capsys.readouterr().err


@pytest.mark.parametrize(("rows", "heads"), [([("n1", "", "x")], "NODE STATE"), ([], "NODE ERASED STATE")])
def test_a_column_without_a_word_takes_no_width_on_a_terminal(monkeypatch, capsys, rows, heads):
    monkeypatch.setattr("atoll.cli.output.on_terminal", lambda: True)
    show_table("Nodes", ("NODE", "ERASED", "STATE"), rows)
    assert capsys.readouterr().out.splitlines()[2].split() == heads.split()
