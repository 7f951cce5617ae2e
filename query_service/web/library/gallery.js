/**
 * <atoll-gallery>: a feed as a justified grid of any length. Only rows near the window are in the document; rows and
 * tiles that leave are used again. Owns focus (one tile is in the tab order), the keyboard and choosing.
 */
import { el } from "../app/dom.js";
import { keysOf } from "./keys.js";
import { Rows } from "./justify.js";
import { Lines } from "./lines.js";
import { Pace, REST_MS } from "./pace.js";

const GAP = 6;
const AHEAD = 1.2; // windows above and below that are kept filled
const DRESS_MS = 4; // of a frame
const NEAR_END = 4; // windows from the end at which more is asked for
const AHEAD_OF_SCROLLER = 80; // the same once somebody scrolls: a wheel is through ten in the time that a busy catalog takes

class Gallery extends HTMLElement {
  connectedCallback() {
    this.grid = el("div.grid", { role: "grid", "aria-label": "Images", "aria-multiselectable": "true" });
    this.replaceChildren(this.grid);
    this.lines = new Lines(this.grid);
    this.pace = new Pace();
    this.focused = 0;
    this.control = new AbortController();
    const { signal } = this.control;
    addEventListener("scroll", () => this.soon(), { signal, passive: true });
    this.watcher = new ResizeObserver(() => this.measure());
    this.watcher.observe(this);
    this.grid.addEventListener("click", (event) => this.clicked(event));
    this.grid.addEventListener("focusin", (event) => this.rove(event.target.closest(".tile")?.tile.index));
    keysOf(this.grid, this);
  }

  disconnectedCallback() {
    this.control.abort();
    this.feedControl?.abort(); // the feed is kept, and may grow still
    this.watcher.disconnect();
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame); // or it would fill, and ask for, what nobody sees any more
    this.frame = 0;
    this.lines.clear();
  }

  /** Show a feed, and what of it is chosen. What was shown stays until the new one has something to say. */
  show(feed, selection) {
    this.feedControl?.abort();
    this.feedControl = new AbortController();
    const { signal } = this.feedControl;
    if (feed.assets.length || !this.feed) this.take(feed, selection, signal);
    else for (const event of ["grown", "failed"]) feed.addEventListener(event, () => this.feed !== feed && this.take(feed, selection, signal), { signal });
    if (!feed.assets.length) feed.more();
  }

  take(feed, selection, signal) {
    this.feed = feed;
    this.selection = selection;
    this.focused = 0;
    this.lay();
    feed.addEventListener("grown", () => this.grown(), { signal });
    feed.addEventListener("changed", () => this.lay(), { signal });
    selection.addEventListener("changed", () => this.marks(), { signal });
    this.marks();
  }

  measure() {
    const width = Math.floor(this.clientWidth);
    if (width && width !== this.rows?.width && this.feed) this.lay();
  }

  /** Everything anew: another width, another feed, pictures gone. */
  lay() {
    const focus = this.lines.clear();
    const width = Math.floor(this.clientWidth) || 1;
    this.rows = new Rows(width, width < 600 ? 120 : 190, GAP);
    this.grown(focus);
  }

  /** There are more. `focus`: a tile had it, and gets it again. */
  grown(focus = false) {
    const last = this.rows.rows.length - 1;
    focus = this.lines.hide(last) || focus; // the open row
    this.rows.grow(this.feed.assets);
    this.grid.style.height = `${this.rows.height}px`;
    this.grid.setAttribute("aria-rowcount", this.feed.ended ? this.rows.rows.length : -1);
    this.fill(focus);
    this.focused = Math.max(0, Math.min(this.focused, this.feed.assets.length - 1));
    const tile = this.tileAt(this.focused);
    if (tile) tile.link.tabIndex = 0;
    if (focus) tile?.focus();
  }

  soon() {
    this.frame ||= requestAnimationFrame(() => this.fill());
  }

  /** Bring the rows in that are near the window, and the others out. `still`: nobody rushes, a key was pressed. */
  fill(still = false) {
    this.frame = 0;
    if (!this.rows) return;
    const top = -this.grid.getBoundingClientRect().top;
    const window = innerHeight;
    const from = this.rows.at(top - window * AHEAD);
    const to = Math.min(this.rows.at(top + window * (1 + AHEAD)), this.rows.rows.length - 1);
    const pace = this.pace.look(top, performance.now());
    const rush = pace === "rush" && !still;
    this.lines.turn(from, to, (number) => this.plan(number), rush);
    clearTimeout(this.resting);
    if (pace !== "rest") this.resting = setTimeout(() => this.soon(), REST_MS);
    if (!rush) this.dress(this.rows.at(top + window / 2), pace === "rest");
    const ahead = top > 0 ? AHEAD_OF_SCROLLER : NEAR_END;
    if (top + window * (1 + ahead) > this.rows.height) this.feed.more();
  }

  /** Blurs and names, a few in each frame, those near a row first; pictures, too, if they are to be `asked` for. */
  dress(row, asked) {
    const tiles = this.lines.tiles(row);
    const end = performance.now() + DRESS_MS;
    for (const tile of tiles) if (!tile.dressed && performance.now() < end) tile.dress();
    if (asked) for (const tile of tiles) tile.ask();
    if (!tiles.every((tile) => tile.dressed)) this.soon();
  }

  /** A row and what its tiles show. */
  plan(number) {
    const row = this.rows.rows[number];
    const cells = this.rows.boxes(row, this.feed.assets).map((box, place) => {
      const index = row.from + place;
      const asset = this.feed.assets[index];
      return { asset, index, box, chosen: this.selection.has(asset.asset_id), current: index === this.focused };
    });
    return { row, cells };
  }

  marks() {
    this.classList.toggle("choosing", this.selection.size > 0);
    for (const tile of this.lines.tiles()) tile.choose(this.selection.has(tile.asset.asset_id));
  }

  clicked(event) {
    const tile = event.target.closest(".tile")?.tile;
    if (!tile || event.button) return;
    const picking = event.target.closest(".pick") || this.selection.size || event.shiftKey || event.ctrlKey || event.metaKey;
    if (!picking) return;
    event.preventDefault();
    if (event.shiftKey) this.selection.reach(this.feed.assets, tile.index);
    else this.selection.turn(tile.asset);
  }

  /** This one is in the tab order from now on. */
  rove(index) {
    if (index === undefined) return;
    this.tileAt(this.focused)?.link.setAttribute("tabindex", "-1");
    this.focused = index;
    this.tileAt(index)?.link.setAttribute("tabindex", "0");
  }

  tileAt(index) {
    const tiles = this.lines.shown.get(this.rows.of(index))?.tiles;
    return tiles?.find((tile) => tile.index === index);
  }

  /** Put the focus on a picture, and the picture into sight. */
  focusOn(index) {
    const row = this.rows.rows[this.rows.of(index)];
    const edge = this.grid.getBoundingClientRect().top;
    const bar = 64;
    if (edge + row.top < bar) scrollBy(0, edge + row.top - bar);
    else if (edge + row.top + row.height > innerHeight - bar) scrollBy(0, edge + row.top + row.height - innerHeight + bar);
    this.fill(true);
    this.tileAt(index)?.focus();
  }
}

customElements.define("atoll-gallery", Gallery);
