"""The web app in a real browser: what its first page costs, and how smoothly 10,000 images scroll.

Frames are those of Chromium's own trace (`DrawFrame` of its compositor) while somebody scrolls in three ways:
slowly, as with a wheel, and in leaps of half a window. Bytes are those on the wire, headers included.

    python -m benchmarks.web_app [ROUNDS]
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET
from benchmarks.context import Context
from benchmarks.one_node import NO_EXTRAS
from benchmarks.result import Absent, Mark, Result, Series
from benchmarks.web_frames import frames_of
from benchmarks.web_gallery import FOLDER, fill

IMAGES, QUICK_IMAGES = 10_000, 1_000
SECONDS = 6.0  # of scrolling, a round and way
WANTED_FPS, FIRST_LOAD_KB = 50.0, 150.0
_WAYS = {"slowly": 12, "as a wheel": 60, "in leaps": 400}  # pixels in one frame
_WINDOW: ViewportSize = {"width": 1280, "height": 800}
_TITLE = "The web app in Chromium"


class Round(NamedTuple):
    """One round: by way of scrolling the frames a second, the longest pause and what a frame took of all
    cores; the first page's KB."""

    rates: dict[str, float]
    pauses: dict[str, float]
    cpu_ms: dict[str, float]
    app_kb: float
    all_kb: float
    requests: int


async def run(ctx: Context) -> Result:
    """Fill a cluster, and look at it."""
    chromium = os.environ.get("ATOLL_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        return Result(_TITLE, (), (), absent=(Absent("Chromium", "not installed"),))
    images = QUICK_IMAGES if ctx.quick else IMAGES
    ctx.say("starting a cluster")
    async with LocalCluster(
        ctx.directory / "cluster", known_ports=False, extra={"storage_node": NO_EXTRAS}
    ) as cluster:
        url, key = cluster.url(cluster.names("query_service")[0]), cluster.admin_key
        ctx.say(f"{images} images")
        await asyncio.to_thread(fill, url, key, images)
        rounds = await asyncio.to_thread(_looked_at, ctx, chromium, url, key)
    return _result(rounds, images)


def _looked_at(ctx: Context, chromium: str, url: str, key: str) -> list[Round]:
    with _browser(chromium) as browser:
        return [_round(browser, url, key) for _ in ctx.each_round("scrolling")]


@contextmanager
def _browser(chromium: str) -> Iterator[Browser]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


def _round(browser: Browser, url: str, key: str) -> Round:
    """With a profile of its own: nothing is in its cache."""
    context = browser.new_context(base_url=url, viewport=_WINDOW)
    page = context.new_page()
    context.request.post(
        "/app/session", data={"key": key}, headers={"X-Atoll-App": "1", "Sec-Fetch-Site": "same-origin"}
    )
    sizes = _first_load(page)
    page.goto(f"/app/library/{BUCKET}/{FOLDER}")
    page.locator(".tile img.there").nth(8).wait_for(state="attached", timeout=60_000)
    found, cpu_ms = {}, {}
    for way, step in _WAYS.items():
        events, seconds = _traced(browser, page, step)
        found[way] = frames_of(events)
        cpu_ms[way] = seconds / (found[way].rate * SECONDS) * 1000
    context.close()
    return Round(
        {way: frames.rate for way, frames in found.items()},
        {way: frames.longest_ms for way, frames in found.items()},
        cpu_ms,
        sum(size for kind, size in sizes if kind == "app") / 1024,
        sum(size for _, size in sizes) / 1024,
        len(sizes),
    )


def _cpu_seconds() -> float:
    """Of all processes of Chromium that we started."""
    times = [each.cpu_times() for each in psutil.Process().children(recursive=True) if "chrom" in each.name()]
    return float(sum(each.user + each.system for each in times))


def _first_load(page: Page) -> list[tuple[str, int]]:
    """What the service itself sent for the first page: (`app` or `api`, bytes); images come from nodes."""
    page.goto("/app/")
    page.locator("atoll-gallery, .empty").first.wait_for(state="attached", timeout=60_000)
    page.wait_for_load_state("networkidle")
    found = page.evaluate(
        "() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".filter(e => new URL(e.name).origin === location.origin)"
        ".map(e => [new URL(e.name).pathname.startsWith('/v1/') ? 'api' : 'app', e.transferSize])"
    )
    return [(str(kind), int(size)) for kind, size in found]


def _traced(browser: Browser, page: Page, step: int) -> tuple[list[dict[str, object]], float]:
    """The trace of scrolling, and the CPU seconds it took."""
    page.evaluate("scrollTo(0, 0)")
    categories = ["cc", "viz", "benchmark", "disabled-by-default-devtools.timeline.frame"]
    browser.start_tracing(page=page, categories=categories)
    before = _cpu_seconds()
    page.evaluate(_SCROLL, [step, SECONDS * 1000])
    used = _cpu_seconds() - before
    return list(json.loads(browser.stop_tracing())["traceEvents"]), used


_SCROLL = """([step, ms]) => new Promise((done) => {
  const end = performance.now() + ms;
  const turn = () => {
    scrollBy(0, step);
    if (performance.now() < end) requestAnimationFrame(turn); else done();
  };
  requestAnimationFrame(turn);
})"""


def _result(rounds: list[Round], images: int) -> Result:
    series, marks = [], []
    for way in _WAYS:
        rates = tuple(each.rates[way] for each in rounds)
        rate = Series(f"{images:,} images, scrolled {way}", "frames/s", rates)
        pause = Series(f"longest pause, scrolled {way}", "ms", tuple(each.pauses[way] for each in rounds))
        cost = tuple(each.cpu_ms[way] for each in rounds)
        series += [rate, pause, Series(f"CPU of Chromium, scrolled {way}", "ms a frame", cost)]
        marks.append(Mark(rate.name, rate.median, WANTED_FPS, "frames/s", values=rates))
    first = Series("first page: the app itself", "KB", tuple(each.app_kb for each in rounds))
    whole = Series("first page: with what the API told", "KB", tuple(each.all_kb for each in rounds))
    marks += [
        Mark(load.name, load.median, FIRST_LOAD_KB, "KB", at_most=True, values=load.values)
        for load in (first, whole)
    ]
    notes = (
        f"The first page took {rounds[-1].requests} requests; the pictures in it come from nodes and are not"
        " counted.",
        "In the first round no node has drawn a thumbnail yet: who scrolls slowly has them drawn meanwhile;"
        " as with a wheel blurs pass by, in leaps colours, and pictures come when it rests.",
        "Headless Chromium draws without a graphics card here: what a frame costs is the processor's, which"
        " it shares with the whole cluster.",
    )
    return Result(_TITLE, (*series, first, whole), tuple(marks), notes)


def main() -> None:
    """Measure, and print what was found."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(run(Context(Path(directory), rounds, print)))
    for series in found.series:
        print(f"{series.name}: {series.text}")
    for mark in found.marks:
        print(f"{'reached' if mark.passed else 'MISSED'}: {mark.name}: {mark.text}")


if __name__ == "__main__":
    main()
