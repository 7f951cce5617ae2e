"""The cluster page: a node falls silent and comes back, alerts are seen to, places tried, text stays text."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from client_clusters import ClusterUnderTest
from playwright.sync_api import Browser, Page, Route, expect

from browser.conftest import somebody
from browser.person import Person
from browser.pictures import Album

pytestmark = pytest.mark.integration
VICTIM, REGION = "ap-southeast-1", "ap-southeast"


def open_page(page: Page) -> None:
    page.goto("/app/cluster")
    expect(page.locator(".cluster-head .state")).to_contain_text("3 nodes in 3 regions")


def mark(page: Page, region: str) -> Any:
    return page.locator(f'.world .mark[data-name="{region}"]')


@contextlib.contextmanager
def silenced(cluster: ClusterUnderTest, node: str) -> Iterator[None]:
    """A node that hangs; at the end it is killed, and its supervisor starts it again."""
    pid = json.loads((cluster.directory / "cluster.json").read_text())["pids"][node]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)


def test_it_shows_how_all_is_and_has_nothing_in_nobodys_way(person: Person) -> None:
    page = person.page
    open_page(page)
    for region in ("eu-central", "us-east", REGION):
        expect(mark(page, region)).to_be_visible()
    expect(page.locator(".node")).to_have_count(3)
    expect(page.get_by_role("meter", name=f"Use of the disk of {VICTIM}")).to_be_visible()
    page.get_by_text("healthy ones").click()
    expect(page.locator("atoll-cluster-services li").first).to_be_visible()
    assert person.hindrances() == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_a_node_that_falls_silent_is_seen_on_the_map_and_somebody_sees_to_it(
    person: Person, cluster: ClusterUnderTest
) -> None:
    page = person.page
    open_page(page)
    page.get_by_label("City").select_option("Singapore")
    expect(page.locator(".whom-answer")).to_contain_text(f"s1: {VICTIM}")
    with silenced(cluster, VICTIM):
        expect(mark(page, REGION)).to_have_attribute("data-state", "bad")
        expect(page.locator(f'.node[data-key="{VICTIM}"]')).to_contain_text("no sign of life")
        expect(page.locator(".whom-answer")).not_to_contain_text(VICTIM)
        alert = page.locator(".alert", has_text=f"node {VICTIM} is not healthy")
        alert.get_by_role("button", name="Acknowledge").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("A word for the others").fill("I am on my way")
        assert person.hindrances() == []
        dialog.get_by_role("button", name="I see to it").click()
        expect(alert).to_contain_text("admin sees to it")
        expect(alert.get_by_role("button")).to_have_count(0)
    expect(mark(page, REGION)).not_to_have_attribute("data-state", "bad", timeout=60_000)
    expect(page.locator(".whom-answer")).to_contain_text(f"s1: {VICTIM}")


def test_who_serves_whom_is_tried_from_a_city_by_degrees_and_on_the_map(page: Page) -> None:
    open_page(page)
    answer = page.locator(".whom-answer")
    page.get_by_label("City").select_option("New York")
    expect(answer).to_contain_text("As if in New York")
    expect(answer).to_contain_text("s1: us-east-1")
    expect(page.locator(".world .route")).to_have_count(1)
    page.get_by_label("Latitude").fill("48.2")
    page.get_by_label("Longitude").fill("16.4")
    page.get_by_label("Longitude").press("Enter")
    expect(answer).to_contain_text("s1: eu-central-1")
    expect(page.get_by_label("City")).to_have_value("")
    box = page.locator(".world").bounding_box()
    assert box
    page.locator(".world").click(position={"x": box["width"] * 0.85, "y": box["height"] * 0.62})
    expect(answer).to_contain_text(f"s1: {VICTIM}")
    expect(mark(page, "here")).to_be_visible()


def test_a_node_is_drained_and_taken_back_and_a_set_sealed_and_unsealed(page: Page) -> None:
    open_page(page)
    node = page.locator(f'.node[data-key="{VICTIM}"]')
    page.get_by_role("button", name=f"Drain {VICTIM}").click()
    page.get_by_role("dialog").get_by_role("button", name="Drain").click()
    expect(node).to_contain_text("draining")
    node.get_by_role("button", name="How far?").click()
    expect(node.get_by_role("status")).not_to_be_empty()
    node.get_by_role("button", name="Take back").click()
    expect(page.get_by_role("button", name=f"Drain {VICTIM}")).to_be_visible()
    sets = page.locator("atoll-cluster-sets")
    sets.get_by_role("button", name="Seal the set s1").click()
    page.get_by_role("dialog").get_by_role("button", name="Seal").click()
    expect(sets).to_contain_text("takes no new images")
    sets.get_by_role("button", name="Unseal the set s1").click()
    expect(sets).to_contain_text("takes images")


def test_who_may_only_read_is_offered_nothing_else(
    browser: Browser, cluster: ClusterUnderTest, album: Album
) -> None:
    key = album.client.keys.create("onlooker", scopes=["read"])
    with somebody(browser, cluster) as person:
        person.sign_in(key.secret)
        open_page(person.page)
        expect(person.page.locator(".node")).to_have_count(3)
        for name in (re.compile("^Drain"), re.compile("^Seal"), "Acknowledge"):
            expect(person.page.get_by_role("button", name=name)).to_have_count(0)
        expect(person.page.get_by_role("button", name="Who serves there?")).to_be_visible()


def test_a_service_that_is_gone_for_seconds_is_told_and_so_is_that_it_is_back(person: Person) -> None:
    page, line = person.page, person.page.locator(".cluster-head .state")
    seen = json.dumps(page.request.get("/v1/overview").json())
    gone: list[bool] = []

    def answer(route: Route) -> None:
        if gone:
            return route.abort("connectionrefused")
        text = f"retry: 500\n\nevent: overview\ndata: {seen}\n\n"
        return route.fulfill(content_type="text/event-stream", body=text)

    page.route("**/v1/overview/events", answer)
    open_page(page)
    gone.append(True)
    expect(line).to_contain_text("The connection is lost")
    page.unroute_all()
    expect(line).to_contain_text("Live.")
    person.complaints = [each for each in person.complaints if "ERR_CONNECTION_REFUSED" not in each]


def test_hostile_texts_are_text_and_a_monitor_that_is_away_is_told_plainly(page: Page) -> None:
    evil = "<img src=x onerror=alert(1)>"
    seen = page.request.get("/v1/overview").json()
    where = {"lat": 0.0, "lon": 0.0, "nodes": [evil], "healthy": 0}
    seen["regions"] = [{"name": evil, **where}]
    seen["nodes"] = [{**seen["nodes"][0], "name": evil, "region": evil, "set": evil, "version": evil}]
    alert = {"key": "k", "id": "i", "rule": "r", "level": "critical", "scope": "node", "name": evil}
    alert |= {"region": evil, "detail": evil, "todo": evil, "since": 1}
    path = {"from": evil, "to": evil, "ok": False, "outcome": evil, "old": False, "at": "", "day": 0.5}
    state = {"scope": "service", "name": evil, "state": "warning", "since": "2026-01-01T00:00:00Z"}
    told = {"monitor": evil, "alerts": [alert], "canaries": [{**path, "why": evil}], "forecasts": []}
    told |= {"states": [{**state, "reasons": [evil]}], "lags": [], "cut": {}}

    def say(monitor: Any, away: str | None) -> None:
        body = {**seen, "monitor": monitor, "monitor_away": away}

        def answer(route: Route) -> None:
            text = f"retry: 60000\n\nevent: overview\ndata: {json.dumps(body)}\n\n"
            route.fulfill(content_type="text/event-stream", body=text)

        page.unroute_all()
        page.route("**/v1/overview/events", answer)
        page.goto("/app/cluster")

    say(told, None)
    for place in (".alert", ".node", ".regions", "table.matrix", "atoll-cluster-services", ".world"):
        expect(page.locator(place).first).to_contain_text(evil)
    expect(page.locator("img[src=x]")).to_have_count(0)
    say(None, "No monitor gives this query service an answer.")
    expect(page.locator(".away")).to_contain_text("Alerts, forecasts and canaries are not known now")
    expect(page.locator(".node")).to_contain_text(evil)
