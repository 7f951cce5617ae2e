"""Somebody who uses the web app: a page, what it complained of, and what people do everywhere."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from client_clusters import ClusterUnderTest
from playwright.sync_api import ConsoleMessage, Page, expect

# What a story does on purpose is no complaint: a browser notes every answer of 400 and above in its console.
ANSWERS = "Failed to load resource: the server responded with a status of"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Person:
    """`complaints`: exceptions, refusals of the policy, errors in the console."""

    def __init__(self, page: Page, cluster: ClusterUnderTest) -> None:
        self.page, self.cluster = page, cluster
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(ANSWERS):
            self.complaints.append(message.text)

    def sign_in(self, key: str) -> None:
        """By the form, as people do."""
        self.page.goto("/app/")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def hindrances(self) -> list[str]:
        """What axe-core finds on the page as it is: each rule, and where."""
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": WCAG}})
        return [
            f"{rule['id']}: {rule['help']}: {[node['html'][:200] for node in rule['nodes'][:3]]}"
            for rule in found.response["violations"]
        ]
