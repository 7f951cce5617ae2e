/** Above the gallery: bucket, where in its folders, words to search by, filters and the order. */
import { el, refill, settled } from "../app/dom.js";
import { narrowed, write } from "./address.js";
import { Filters } from "./filters.js";

const SORTS = {
  "": "By name",
  "-created_at": "Newest first",
  created_at: "Oldest first",
  "-bytes": "Largest files first",
  bytes: "Smallest files first",
  "-width": "Widest first",
  "-height": "Highest first",
};
const TYPED_MS = 180; // after the last letter

export class Bar {
  /** `went(place, options)`: somebody wants to see something else. */
  constructor(went) {
    this.went = went;
    this.bucket = el("select", { "aria-label": "Bucket", onchange: () => went({ bucket: this.bucket.value }) });
    this.path = el("nav.path", { "aria-label": "Folder" });
    this.search = el("input", { type: "search", placeholder: "Search titles, names, descriptions", "aria-label": "Search", maxLength: 200,
      oninput: settled(() => this.typed(), TYPED_MS) });
    this.sort = el("select", { "aria-label": "Order", onchange: () => this.change({ sort: this.sort.value }) },
      Object.entries(SORTS).map(([value, label]) => el("option", { value }, label)));
    this.filters = new Filters((filters) => this.change(filters));
    this.more = el("button", { type: "button", "aria-expanded": "false", onclick: () => this.fold() }, "Filters");
    this.element = el("section.library-bar", { "aria-label": "What is shown" },
      el("h1.seen-by-readers", {}, "Library"),
      el("div.row", {}, this.bucket, this.path, el("span.spread"), this.search, this.more, this.sort), this.filters.element);
    this.element.inert = true; // until it is known where somebody is
  }

  /** This is shown now. What somebody types just then is left alone. */
  show(place, buckets) {
    this.element.inert = false;
    this.place = place;
    this.address = location.href;
    refill(this.bucket, buckets.map((name) => el("option", { value: name, selected: name === place.bucket }, name)));
    refill(this.path, crumbs(place));
    if (document.activeElement !== this.search) this.search.value = place.filters.q ?? "";
    this.sort.value = place.filters.sort ?? "";
    const words = Boolean(place.filters.q);
    for (const option of this.sort.options) option.disabled = words && !option.value.endsWith("created_at");
    if (words && !this.sort.value.endsWith("created_at")) this.sort.value = "-created_at";
    this.filters.show(place.filters);
    const on = narrowed(place.filters);
    this.more.textContent = on ? `Filters (${on})` : "Filters";
  }

  typed() {
    if (location.href !== this.address) return; // somebody has gone on, and the next page is on its way
    const words = this.search.value.trim();
    if (words === (this.place.filters.q ?? "") || (words && !/[\p{L}\p{N}]/u.test(words))) return;
    this.change({ q: words }, { replace: true }); // not every letter is worth an entry in the history
  }

  change(filters, options) {
    this.went({ ...this.place, filters: { ...this.place.filters, ...filters } }, options);
  }

  fold() {
    const open = this.filters.element.hidden;
    this.filters.element.hidden = !open;
    this.more.setAttribute("aria-expanded", String(open));
    if (open) this.filters.focus();
  }
}

/** The way down to the folder; each step leads there. */
function crumbs({ bucket, folder }) {
  if (!folder) return [];
  const parts = folder.split("/").filter(Boolean);
  const steps = parts.map((name, index) => ({ name, folder: `${parts.slice(0, index + 1).join("/")}/` }));
  return [{ name: "All", folder: "" }, ...steps].map(({ name, folder: to }, index) => [
    index ? el("span", { "aria-hidden": "true" }, "›") : null,
    el("a", { href: write({ bucket, folder: to }), "aria-current": to === folder ? "location" : null }, name),
  ]);
}
