/**
 * <atoll-settings>: what an administrator sets, part by part; which parts there are is in parts.js. A part draws itself
 * into `place` and gets `again` to be drawn anew; what it began ends with `signal` when the person goes on.
 */
import { el, refill } from "../app/dom.js";
import { asProblem, isAbort } from "../app/problem.js";
import { titled } from "../app/router.js";
import { offered } from "./parts.js";

class Settings extends HTMLElement {
  connectedCallback() {
    this.nav = el("nav.parts", { "aria-label": "Settings" });
    this.place = el("div.part");
    refill(this, el("h1", {}, "Settings"), el("div.settings-columns", {}, this.nav, this.place));
    return this.arrive(this.at);
  }

  disconnectedCallback() {
    this.control?.abort();
  }

  /** Another part, or another thing in it. */
  async arrive(at) {
    this.at = at;
    this.control?.abort();
    this.control = new AbortController();
    const parts = offered();
    const part = at.params.part ? parts.find(({ name }) => name === at.params.part) : parts[0];
    this.mark(parts, part);
    titled(part?.label ?? "Settings");
    if (!part) return refill(this.place, el("p.muted", {}, parts.length ? "There is no such part of the settings." : "This key sees none of the settings."));
    return this.draw(part, at.params.name ?? "", this.control.signal);
  }

  /** The links stay, so that the one with the focus keeps it. */
  mark(parts, part) {
    if (!this.nav.children.length) refill(this.nav, parts.map(({ name, label }) => el("a", { href: `/app/settings/${name}`, "data-part": name }, label)));
    for (const link of this.nav.children) {
      if (link.dataset.part === part?.name) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      } else {
        link.removeAttribute("aria-current");
      }
    }
  }

  async draw(part, name, signal) {
    const shown = { place: el("div.part", { tabIndex: -1 }), name, query: this.at.query, signal, again: () => this.anew(part, name, signal) };
    try {
      const { draw } = await part.load();
      await draw(shown);
    } catch (error) {
      if (isAbort(error)) return;
      const { title, message } = asProblem(error);
      refill(shown.place, el("section.card", { role: "alert" }, el("h2", {}, title), el("p", {}, message),
        el("button", { type: "button", onclick: shown.again }, "Try again")));
    }
    if (signal.aborted) return; // somebody went on meanwhile
    this.place.replaceWith(shown.place);
    this.place = shown.place;
  }

  /** After a change: what had the focus may be gone, and the keyboard goes on from here. */
  async anew(part, name, signal) {
    await this.draw(part, name, signal);
    if (!signal.aborted) this.place.focus({ preventScroll: true });
  }
}

customElements.define("atoll-settings", Settings);
