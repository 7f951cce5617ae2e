/** What is chosen, and what may be done with it: a bar at the foot of the window while anything is. */
import { el, refill } from "../app/dom.js";
import { may } from "../app/session.js";
import { tellProblem } from "../app/toasts.js";
import { bytes, many } from "../app/words.js";
import * as actions from "./actions.js";

const BUTTONS = [
  { label: "Tag", run: actions.tag, scopes: ["write"] },
  { label: "Move", run: actions.move, scopes: ["write", "delete"] },
  { label: "Edit", run: actions.edit, scopes: ["read"] },
  { label: "Transform", run: actions.transform, scopes: ["write"] },
  { label: "Download", run: actions.download, scopes: ["write", "read"] },
  { label: "Delete", run: actions.remove, scopes: ["delete"] },
];

export class Choice {
  /** `feed()`, `place()`: those that are shown now. */
  constructor(selection, feed, place) {
    Object.assign(this, { selection, feed, place });
    this.words = el("p", { role: "status" });
    this.buttons = el("div.row");
    this.element = el("section.choice", { "aria-label": "What is chosen", hidden: true }, this.words, el("span.spread"), this.buttons);
    this.control = new AbortController();
    selection.addEventListener("changed", () => this.draw(), { signal: this.control.signal });
    this.draw();
  }

  close() {
    this.control.abort();
  }

  draw() {
    const { assets, size } = this.selection;
    this.element.hidden = !size;
    if (!size) return;
    this.words.textContent = `${many(size, "image")}, ${bytes(assets.reduce((sum, asset) => sum + asset.bytes, 0))}`;
    if (this.buttons.children.length) return;
    refill(this.buttons,
      BUTTONS.filter(({ scopes }) => scopes.every(may)).map(({ label, run }) => el("button", { type: "button", onclick: () => this.run(run) }, label)),
      el("button", { type: "button", onclick: () => this.selection.add(this.feed().assets) }, "All shown"),
      el("button.quiet", { type: "button", onclick: () => this.selection.drop() }, "None"));
  }

  async run(action) {
    try {
      await action({ assets: this.selection.assets, selection: this.selection, feed: this.feed(), place: this.place() });
    } catch (error) {
      tellProblem(error);
    }
  }
}
