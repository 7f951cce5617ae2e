/**
 * <atoll-trash>: what was deleted from a bucket and can be restored still, asked of the nodes. What stays longest
 * comes first. Nobody is shown such an image: there are its words and its sizes.
 */
import { api, segment } from "../app/api.js";
import { button } from "../app/button.js";
import { fieldOf } from "../app/dialog.js";
import { el, refill, settled } from "../app/dom.js";
import { forMany } from "../app/many.js";
import { go, titled } from "../app/router.js";
import { signedIn } from "../app/session.js";
import { tell, tellProblem } from "../app/toasts.js";
import { bytes, many, when } from "../app/words.js";
import { lastBucket } from "../library/address.js";
import { tableOf } from "../settings/fields.js";

const PAGE = 100;

class Trash extends HTMLElement {
  async connectedCallback() {
    this.control = new AbortController();
    this.list = el("div.part", { tabIndex: -1 });
    this.more = el("div.row");
    this.words = el("p.muted", { role: "status" });
    const wished = this.at.params.bucket || lastBucket.get();
    this.bucket = wished ?? "";
    this.beginning = this.at.query.get("prefix") ?? signedIn().prefixes[0] ?? "";
    refill(this, el("header.part-head", {}, el("h1", {}, "Trash"), el("p.muted", {}, "What was deleted lies here for a while and can be brought back, as it was last.")), await this.form(), this.words, this.list, this.more);
    await this.look();
  }

  disconnectedCallback() {
    this.control.abort();
  }

  /** A key that may not read is not told which buckets there are, and names one. */
  async form() {
    const names = await api.get("/v1/buckets").then(({ buckets }) => buckets.map((bucket) => bucket.name), () => signedIn()?.buckets ?? []);
    if (names.length && !names.includes(this.bucket)) this.bucket = names.find((name) => !name.startsWith("atoll-")) ?? names[0];
    const moved = settled(() => this.look(), 250);
    const bucket = fieldOf({ name: "bucket", label: "Bucket", value: this.bucket, ...(names.length ? { options: names } : {}), onchange: (event) => go(`/app/trash/${segment(event.target.value)}`) });
    const prefix = fieldOf({ name: "prefix", label: "Name begins so", value: this.beginning, maxLength: 512, spellcheck: false, oninput: (event) => { this.beginning = event.target.value; moved(); } });
    return el("form.pair", { onsubmit: (event) => event.preventDefault() }, bucket, prefix);
  }

  async look() {
    if (this.control.signal.aborted) return; // the person has gone on meanwhile
    titled(`Trash of ${this.bucket}`);
    this.turn = (this.turn ?? 0) + 1;
    refill(this.more);
    this.found = [];
    this.silent = new Set(); // of all pages
    if (this.bucket) await this.next(null, this.turn).catch(tellProblem);
    else refill(this.list);
  }

  async next(cursor, mine) {
    const page = await api.get("/v1/trash", { bucket: this.bucket, prefix: this.beginning, limit: PAGE, cursor }, { signal: this.control.signal });
    if (mine !== this.turn) return;
    this.found.push(...page.assets);
    this.next_cursor = page.next_cursor;
    if (!page.complete) for (const node of Object.keys(page.unasked)) this.silent.add(node);
    this.draw();
  }

  draw() {
    const { found } = this;
    const ticked = new Set(this.chosen());
    const silent = this.silent.size ? ` No answer from ${[...this.silent].join(", ")}: there may be more.` : "";
    const none = this.next_cursor ? "None found yet" : "Nothing was deleted that could be brought back"; // a rare beginning is looked for in steps
    this.words.textContent = `${found.length ? many(found.length, "image") : none}${this.next_cursor ? ", and more to look at" : ""}.${silent}`;
    refill(this.list, found.length > 0 && tableOf("Deleted images", ["Chosen", "Name", "Size", "Deleted", "Erased", ""], found.map((asset) => this.row(asset, ticked.has(asset)))));
    refill(this.more, this.next_cursor && button("More", () => this.next(this.next_cursor, this.turn)),
      found.length > 1 && button("Restore those that are ticked", () => this.restore(this.chosen())));
  }

  row(asset, checked) {
    return [
      el("input", { type: "checkbox", value: asset.asset_id, checked, "aria-label": `Choose ${asset.public_id}` }),
      [el("a", { href: `/app/image/${asset.asset_id}` }, asset.title || asset.public_id), asset.title && el("p.hint", {}, asset.public_id)],
      `${bytes(asset.bytes)}, ${asset.width} × ${asset.height} ${asset.format}`, when(asset.deleted_at), when(asset.erased_at),
      button("Restore", () => this.restore([asset]), "", { "aria-label": `Restore ${asset.public_id}` }),
    ];
  }

  chosen() {
    const ids = new Set([...this.list.querySelectorAll("input:checked")].map((input) => input.value));
    return this.found.filter((asset) => ids.has(asset.asset_id));
  }

  async restore(assets) {
    if (!assets.length) return tell("Tick what is to come back.", { once: "none" });
    const { done } = await forMany(assets, "Restoring", (asset, signal) => api.post(`/v1/assets/${asset.asset_id}/restore`, undefined, { signal }));
    this.found = this.found.filter((asset) => !done.includes(asset));
    this.draw();
    this.list.focus({ preventScroll: true });
    if (done.length) tell(`${many(done.length, "image")} restored.`);
    return undefined;
  }
}

customElements.define("atoll-trash", Trash);
