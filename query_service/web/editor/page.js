/**
 * <atoll-editor>: one image, changed as one looks at it, or several the same way. Owns the asset and the recipe; the
 * picture is always drawn by the nodes (preview.js), so what one sees is what comes of it (outcome.js).
 */
import { api, segment } from "../app/api.js";
import { el, refill } from "../app/dom.js";
import { failure } from "../app/failure.js";
import { go, titled } from "../app/router.js";
import { drawThumbHash } from "../app/thumbhash.js";
import { leaf, many } from "../app/words.js";
import { editorOf, together } from "./batch.js";
import { Controls } from "./controls.js";
import { Cut } from "./cut.js";
import { History } from "./history.js";
import { Outcome } from "./outcome.js";
import { panels } from "./panels.js";
import { Preview } from "./preview.js";
import { turnedSize, UNTOUCHED } from "./recipe.js";

class Editor extends HTMLElement {
  async connectedCallback() {
    const { at } = this;
    this.control = new AbortController();
    this.batch = together(this.at.params.id, this.at.query);
    this.listeners = new Map();
    this.fold = "";
    try {
      const asset = await api.get(`/v1/assets/${segment(at.params.id)}`);
      if (this.at !== at || !this.isConnected) return; // somebody went on meanwhile
      this.asset = asset;
    } catch (error) {
      if (this.at !== at) return;
      refill(this, failure(error, () => this.connectedCallback()));
      return;
    }
    this.build();
  }

  disconnectedCallback() {
    this.control.abort();
    this.preview?.end();
  }

  /** Another image of those that are edited together: the recipe stays. Any other is a new beginning. */
  async arrive(at) {
    this.at = at;
    if (!this.preview || String(together(at.params.id, at.query)) !== String(this.batch)) {
      this.disconnectedCallback();
      this.preview = null;
      return this.connectedCallback();
    }
    const asset = await api.get(`/v1/assets/${segment(at.params.id)}`);
    if (this.at !== at || !this.isConnected) return undefined; // somebody went on meanwhile
    this.asset = asset;
    return this.begin();
  }

  get recipe() {
    return this.history.recipe;
  }

  /** Of the turned picture; for several images none, for they differ. */
  get size() {
    return this.batch.length > 1 ? null : turnedSize(this.asset, this.recipe);
  }

  build() {
    this.history = new History();
    const controls = new Controls(this.history);
    this.blur = el("canvas", { "aria-hidden": "true" });
    this.image = el("img", { draggable: false, alt: "" });
    this.cut = new Cut(controls, () => turnedSize(this.asset, this.recipe) ?? { width: this.image.naturalWidth || 1, height: this.image.naturalHeight || 1 });
    this.preview = new Preview(this.image, () => ({ asset: this.asset, recipe: this.recipe, size: this.size, cutting: this.cutting }));
    this.stage = el("div.edit-stage", {}, this.blur, this.image, this.cut.box.element);
    this.outcome = new Outcome(this);
    this.head = el("header.image-head");
    this.ways = [el("div.edit-picture", {}, this.stage, this.steps()), panels(controls, this, (name) => this.opened(name))];
    refill(this, this.head, el("div.edit-columns", {}, this.ways, this.outcome.element));
    this.history.addEventListener("changed", () => this.changed());
    this.preview.addEventListener("drawing", () => this.stage.setAttribute("aria-busy", "true"));
    for (const event of ["drawn", "failed"]) this.preview.addEventListener(event, () => this.drawn());
    addEventListener("keydown", (event) => this.key(event), { signal: this.control.signal });
    this.begin();
  }

  /** With this asset. */
  begin() {
    const { asset, batch } = this;
    const name = asset.title || leaf(asset.public_id);
    const all = batch.length > 1;
    titled(`Edit ${all ? many(batch.length, "image") : name}`);
    refill(this.head, el("h1", {}, all ? `Edit ${many(batch.length, "image")}` : `Edit ${name}`), all && this.pager(), el("a.button", { href: `/app/image/${asset.asset_id}` }, "To the image"));
    this.image.alt = asset.alt || name;
    this.stage.classList.remove("there");
    this.blur.hidden = !(asset.thumbhash && drawThumbHash(this.blur, asset.thumbhash));
    this.fit(asset.width, asset.height);
    this.listeners.get(this.fold)?.();
    this.preview.ask();
  }

  pager() {
    const place = this.batch.indexOf(this.asset.asset_id);
    const to = (step, sign, says) => {
      const id = this.batch[place + step];
      return el("button.icon", { type: "button", "aria-label": says, disabled: !id, onclick: () => go(editorOf(id, true), { replace: true }) }, sign);
    };
    return el("div.row", {}, to(-1, "‹", "The image before"), el("span", {}, `Shown: ${leaf(this.asset.public_id)}, ${place + 1} of ${this.batch.length}`), to(1, "›", "The next image"));
  }

  steps() {
    const step = (label, says, run) => el("button", { type: "button", title: says, onclick: run }, label);
    this.back = step("Undo", "Ctrl+Z", () => this.history.undo());
    this.forth = step("Redo", "Ctrl+Shift+Z", () => this.history.redo());
    this.none = step("Reset", "Begin anew", () => this.history.set(UNTOUCHED));
    this.able();
    return el("div.row.steps", { role: "group", "aria-label": "Steps" }, this.back, this.forth, this.none);
  }

  able() {
    Object.assign(this.back, { disabled: !this.history.canUndo });
    Object.assign(this.forth, { disabled: !this.history.canRedo });
  }

  /** While it is saved nothing is changed: what comes of it is a new beginning, and the change would be lost. */
  hold(saving) {
    this.saving = saving;
    for (const way of this.ways) way.inert = saving;
  }

  changed() {
    this.able();
    this.place();
    this.preview.draw();
  }

  get cutting() {
    return this.fold === "cut" && this.recipe.cut === "hand";
  }

  opened(name) {
    const was = this.cutting;
    this.fold = name;
    this.place();
    this.listeners.get(name)?.();
    if (was !== this.cutting) this.preview.ask();
  }

  /** `act()` whenever a fold is opened, or another image is shown in it. */
  whenOpen(name, act) {
    this.listeners.set(name, act);
  }

  /** The section lies on the picture only while that is shown whole. */
  place() {
    this.cut.box.element.hidden = !(this.cutting && this.whole);
  }

  drawn() {
    this.stage.removeAttribute("aria-busy");
    this.stage.classList.add("there");
    this.whole = this.cutting;
    if (this.image.naturalWidth) this.fit(this.image.naturalWidth, this.image.naturalHeight);
    this.place();
  }

  fit(width, height) {
    this.stage.style.aspectRatio = `${width} / ${height}`;
    this.stage.style.maxWidth = `min(100%, calc(68vh * ${width / height}))`;
  }

  key(event) {
    if (this.saving || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.matches("input[type=text], textarea")) return;
    event.preventDefault();
    if (event.shiftKey) this.history.redo();
    else this.history.undo();
  }

  /** What was edited is the image now: a new beginning. `now`: one of them, as it is. */
  async saved(now) {
    const shown = this.asset;
    const asset = now.asset_id === shown.asset_id ? now : await api.get(`/v1/assets/${shown.asset_id}`);
    if (!this.isConnected) return;
    if (this.asset === shown) this.asset = asset; // or somebody looks at another of them by now
    this.history.begin();
    this.begin();
  }
}

customElements.define("atoll-editor", Editor);
