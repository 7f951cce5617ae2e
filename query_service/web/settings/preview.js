/** What a transformation makes of an image, drawn by the cluster; or why it does not. The latest text counts. */
import { api } from "../app/api.js";
import { el, settled } from "../app/dom.js";
import { asProblem, isAbort } from "../app/problem.js";

const TYPED_MS = 350; // after the last letter

export class Preview {
  /** Of `image`, an asset or null; `signal` ends it. */
  constructor(image, signal) {
    Object.assign(this, { image, signal, turn: 0 });
    this.picture = el("img", { alt: "", hidden: true, onload: () => this.say(""), onerror: () => this.picture.hidden || this.fail("It cannot be drawn now.") });
    this.words = el("p.hint", { role: "status" }, image ? "" : "No image to show it on.");
    this.element = el("figure.preview", {}, this.picture, this.words);
    this.later = settled((text) => this.show(text), TYPED_MS);
  }

  async show(text) {
    if (!this.image || !text.trim()) return;
    const mine = ++this.turn;
    try {
      const { results: [result] } = await api.post("/v1/resolve", { t: text.trim(), items: [{ asset_id: this.image.asset_id }] }, { signal: this.signal, tries: 2 });
      if (mine !== this.turn) return;
      if (result.problem) return void this.fail(result.problem.detail);
      this.picture.alt = `${text.trim()} of ${this.image.title || this.image.public_id}`;
      this.picture.src = result.url;
      this.picture.hidden = false;
    } catch (error) {
      if (mine === this.turn && !isAbort(error)) this.fail(asProblem(error).message);
    }
  }

  fail(why) {
    this.picture.hidden = true;
    this.say(why);
  }

  say(words) {
    this.words.textContent = words;
  }
}
