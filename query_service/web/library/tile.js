/** One picture of the gallery: made once, filled again and again as rows come into sight. */
import { el } from "../app/dom.js";
import { thumbHashUrl } from "../app/thumbhash.js";
import { leaf } from "../app/words.js";
import { thumbOf, wantThumb } from "./thumbs.js";

const AGAIN_SECONDS = [2, 6, 20]; // a node that is busy drawing others says so; then it is asked again

export class Tile {
  constructor() {
    this.image = el("img", { alt: "", decoding: "async", draggable: false, onload: () => this.image.classList.add("there"), onerror: () => this.next() });
    this.link = el("a", { tabIndex: -1 }, this.image);
    this.pick = el("button.pick", { type: "button", tabIndex: -1, "aria-hidden": "true" }, "✓");
    this.element = el("div.tile", { role: "gridcell" }, this.link, this.pick);
    this.element.tile = this;
  }

  /** An asset in its box: its colour. The rest when it is to be seen (`dress`), its picture when that is asked for (`ask`). */
  fill({ asset, index, box, chosen, current }) {
    this.empty();
    this.asset = asset;
    this.index = index;
    this.dressed = false;
    this.element.classList.add("rough");
    const { style } = this.element;
    style.left = `${box.left}px`;
    style.width = `${box.width}px`;
    style.backgroundColor = asset.color || "";
    this.choose(chosen);
    this.link.tabIndex = current ? 0 : -1;
  }

  /** Its blur, and what it is called. */
  dress() {
    if (this.dressed) return;
    this.dressed = true;
    this.element.classList.remove("rough");
    const { asset } = this;
    this.link.href = `/app/image/${asset.asset_id}`;
    this.link.setAttribute("aria-label", `${asset.title || leaf(asset.public_id)}, ${asset.width} × ${asset.height}`);
    this.link.title = asset.public_id;
    const blur = asset.thumbhash && thumbHashUrl(asset.thumbhash);
    this.link.style.backgroundImage = blur ? `url(${blur})` : "";
  }

  /** Get the picture, if that has not begun. */
  ask() {
    if (this.asked) return;
    this.asked = true;
    const thumb = thumbOf(this.asset);
    if (thumb) this.load(thumb);
    else this.unwant = wantThumb(this.asset, (found) => this.load(found));
  }

  load(thumb) {
    this.unwant = null;
    this.thumb = thumb;
    this.spare = thumb.alternatives ?? [];
    if (thumb.problem) this.broken();
    else this.source(thumb.url);
  }

  /** Another node has it, too; when none gives it, all of them a little later. */
  next() {
    if (!this.image.getAttribute("src")) return;
    const [url, ...rest] = this.spare;
    this.spare = rest;
    if (url) this.source(url);
    else this.broken();
  }

  broken() {
    this.element.classList.add("broken");
    const { thumb } = this;
    const seconds = AGAIN_SECONDS[this.tries];
    if (seconds) this.timer = setTimeout(() => this.again(thumb), seconds * 1000 * (1 + Math.random() / 2));
  }

  again(thumb) {
    if (this.thumb !== thumb) return; // it shows another image by now, or none
    this.tries += 1;
    this.element.classList.remove("broken");
    this.image.removeAttribute("src"); // or the one that is there already would count as loaded
    this.asked = false;
    this.ask();
  }

  source(url) {
    this.image.classList.remove("there");
    this.image.src = url;
  }

  choose(chosen) {
    this.element.setAttribute("aria-selected", chosen ? "true" : "false");
  }

  /** Nothing is loaded for it any more. */
  empty() {
    this.unwant?.();
    this.unwant = null;
    this.asked = false;
    this.tries = 0;
    this.spare = [];
    this.thumb = null;
    clearTimeout(this.timer);
    this.element.classList.remove("broken");
    this.image.classList.remove("there");
    this.image.removeAttribute("src");
  }

  focus() {
    this.dress(); // what is hidden cannot have it
    this.link.focus({ preventScroll: true });
  }

  /** Out of its row. */
  out() {
    this.empty();
    this.element.remove();
    return this;
  }
}
