"""`atoll cost` and docs/cost.md: the arithmetic, and that the page shows what the code makes."""

from __future__ import annotations

import json
import re

import pytest
from import_graph import ROOT

from atoll.cli.__main__ import main
from atoll.cli.cost import updated
from atoll.cli.price_lists import LISTS, Machines, Use, bills
from atoll.cli.report_cost import Price

PAGE = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")


def test_the_page_shows_what_the_price_lists_make():
    assert updated(PAGE) == PAGE, "run: python -m atoll.cli.cost docs/cost.md"


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("Cloudinary", (500 + 150 + 500 + (50_000 + 150_000) / 1000) * 249 / 600),
        ("S3 and CloudFront", 500 * 0.023 + 50 * 0.005 + 1000 * 0.01 + 500 * 0.085),
        ("Cloudflare Images", 10 * 5 + 100 * 1),
        ("imgix", 500 * 0.023 + (2 * 150 + 500 + 150_000 / 500) * 300 / 1875),
        ("Bunny", 9.5 + 500 * 0.023 + 500 * 0.01),
        ("Atoll", 3 * 20 + 3000 * 0.05 + 500 * 0.02 + 25 * 2 * 0.02),
    ],
)
def test_the_worked_example_is_what_pen_and_paper_make_of_it(name, month):
    assert dict(bills(Use(), Machines(), Price()))[name] == pytest.approx(month)
    assert f"| {name} | {month:,.0f} |" in PAGE


def test_every_list_says_where_and_when_it_was_read():
    for one in LISTS:
        assert one.read_on == "undated" or re.fullmatch(r"20\d\d-\d\d-\d\d", one.read_on)
        assert all(source in PAGE for source in one.sources), one.name


def test_the_prices_it_names_as_built_in_are_those():
    built_in = Price()
    assert f"({built_in.node_month:.0f} for a machine, {built_in.disk_gb_month} for a GB of disk" in PAGE
    assert f"{built_in.egress_gb} for a GB out" in PAGE


def test_the_command_takes_your_own_prices(tmp_path, capsys):
    table = tmp_path / "prices.toml"
    table.write_text('currency = "EUR"\n[default]\nnode_month = 7\ndisk_gb_month = 0\negress_gb = 0\n')
    assert main(["cost", "--nodes", "2", "--prices", str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["month"]["Atoll"] == 14


def test_who_has_no_machines_is_paid_nothing_for_copies():
    assert dict(bills(Use(views=0), Machines(nodes=0), Price()))["Atoll"] == 0


@pytest.mark.parametrize("amount", ["-1", "1e16", "nan", "many"])
def test_an_amount_that_is_none_is_wrong_usage(amount, capsys):
    assert main(["cost", "--images", amount]) == 2
    assert "--images" in capsys.readouterr().err


def test_a_person_sees_columns_and_a_program_tabs(monkeypatch, capsys):
    assert main(["cost"]) == 0
    assert len({line.count("\t") for line in capsys.readouterr().out.splitlines()}) == 1
    monkeypatch.setattr("atoll.cli.cost.on_terminal", lambda: True)
    monkeypatch.setattr("atoll.cli.output.on_terminal", lambda: True)
    assert main(["cost"]) == 0
    out = capsys.readouterr().out
    assert "\t" not in out
    assert "DOLLARS" in out
