/** <atoll-versions>: every version of the image, newest first: go back to one, delete one, lay two over each other. */
import { api } from "../app/api.js";
import { button, once } from "../app/button.js";
import { askPerson } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { may } from "../app/session.js";
import { tell, tellProblem } from "../app/toasts.js";
import { bytes, when } from "../app/words.js";
import { compare } from "./compare.js";

const PAGE = 20;

class Versions extends HTMLElement {
  /** Of an asset of a page. */
  async show(asset, page) {
    this.page = page;
    this.list ??= el("ul.versions");
    this.more ??= el("button", { type: "button", hidden: true, onclick: once(() => this.load(this.turn)) }, "Older ones");
    this.laid ??= el("div");
    if (!this.firstChild) refill(this, el("section.card", { "aria-labelledby": "versions-head" }, el("h2", { id: "versions-head" }, "Versions"), this.list, this.more, this.laid));
    this.found = [];
    this.cursor = null;
    this.turn = (this.turn ?? 0) + 1;
    await this.load(this.turn);
  }

  async load(turn) {
    try {
      const page = await api.get(`${this.page.path}/versions`, { limit: PAGE, cursor: this.cursor });
      if (turn !== this.turn) return; // they are shown from the first one again
      this.found.push(...page.versions);
      this.cursor = page.next_cursor;
      this.more.hidden = !this.cursor;
      refill(this.list, this.found.map((version) => this.row(version)));
    } catch (error) {
      tellProblem(error);
    }
  }

  row(version) {
    const now = version.current;
    return el("li", {},
      el("div.version", {}, el("strong", {}, when(version.created_at)), now && el("span.chip", {}, "current"),
        el("p.muted", {}, `${version.width} × ${version.height}, ${bytes(version.bytes)}, ${version.format}`)),
      el("div.row", {},
        !now && button("Compare", () => this.compare(version)),
        !now && may("write") && button("Go back to this", () => this.back(version)),
        may("delete") && this.found.length > 1 && button("Delete", () => this.remove(version), "quiet")));
  }

  async compare(version) {
    const current = this.found.find((each) => each.current);
    refill(this.laid, await compare(this.page.path, version, current, () => refill(this.laid)));
    this.laid.querySelector("input").focus();
  }

  async back(version) {
    await api.post(`${this.page.path}/rollback`, { version: version.version });
    tell("That version is the current one again; what lay between stays in the list.");
    await this.page.reload();
  }

  async remove(version) {
    const gone = await askPerson({
      title: "Delete this version for good?",
      text: "There is no trash for single versions: it cannot be brought back.",
      action: "Delete for good",
      danger: true,
      submit: () => api.delete(`${this.page.path}/versions/${version.version}`),
    });
    if (!gone) return;
    tell("The version is gone.");
    await this.page.reload();
  }
}

customElements.define("atoll-versions", Versions);
