/**
 * <atoll-library>: a bucket's images. Owns which feed is shown for an address, and keeps it, so that going back from an
 * image finds the same place; who comes by a link sees what there is now. Its parts: the bar (bar.js), folders, the gallery, what is chosen (choice.js).
 */
import { api } from "../app/api.js";
import { el, refill } from "../app/dom.js";
import { failure } from "../app/failure.js";
import { go, restoreScroll, titled } from "../app/router.js";
import { may, signedIn, watchKey } from "../app/session.js";
import { asked, lastBucket, read, write } from "./address.js";
import { Bar } from "./bar.js";
import { Choice } from "./choice.js";
import { Feed } from "./feed.js";
import "./folders.js";
import "./gallery.js";
import { Selection } from "./selection.js";

let kept = null; // the last feed and what was chosen in it
watchKey(() => {
  kept?.feed.stop();
  kept = null; // what one key saw is not for another
});

class Library extends HTMLElement {
  async connectedCallback() {
    this.keepsScroll = true;
    this.selection = kept?.selection ?? new Selection();
    this.bar = new Bar((place, options) => go(write(place), options));
    this.folders = el("atoll-folders");
    this.gallery = el("atoll-gallery");
    this.note = el("div.note", { "aria-live": "polite" });
    this.choice = new Choice(this.selection, () => this.feed, () => this.place);
    refill(this, this.bar.element, this.folders, this.gallery, this.note, this.choice.element);
    await this.arrive(this.at);
  }

  disconnectedCallback() {
    this.choice.close();
    this.control?.abort();
  }

  /** Another address of the library: the elements stay. */
  async arrive(at) {
    this.at = at;
    const place = read(at);
    const found = await this.known().catch((error) => error);
    if (this.at !== at || !this.isConnected) return undefined; // somebody went on meanwhile
    if (found instanceof Error) return refill(this.note, failure(found, () => this.arrive(at)));
    if (!place.bucket) return this.enter(place);
    const moved = this.place?.bucket !== place.bucket || this.place?.folder !== place.folder;
    this.place = place;
    lastBucket.set(place.bucket);
    titled(place.folder ? place.folder.slice(0, -1) : place.bucket);
    this.bar.show(place, this.buckets);
    if (moved) this.folders.show(place);
    return this.look();
  }

  /** Which buckets there are: asked once. */
  async known() {
    this.buckets ??= (await api.get("/v1/buckets")).buckets.map((bucket) => bucket.name);
  }

  /** No bucket in the address: the one of the last time. */
  enter(place) {
    if (location.pathname !== "/app/") return undefined; // somebody went on while it was asked which buckets there are
    const own = this.buckets.find((name) => !name.startsWith("atoll-")); // those are the cluster's
    const known = this.buckets.includes(lastBucket.get()) ? lastBucket.get() : own ?? this.buckets[0];
    if (known) return go(write({ ...place, bucket: known, folder: place.folder || (signedIn().prefixes[0] ?? "") }), { replace: true });
    return refill(this, el("section.empty", {}, el("h1", {}, "There is no bucket yet"), may("admin") ? el("a.button", { href: "/app/settings/buckets" }, "Make one") : el("p", {}, "An administrator makes one.")));
  }

  look() {
    const feed = new Feed(asked(this.place));
    const again = this.at.back && kept?.feed.key === feed.key && !kept.feed.control.signal.aborted;
    this.feed = again ? kept.feed : feed;
    if (!again) {
      kept?.feed.stop();
      this.selection.drop();
    }
    kept = { feed: this.feed, selection: this.selection };
    this.hear(this.feed);
    this.gallery.show(this.feed, this.selection);
    restoreScroll({ fresh: !again });
    this.say();
  }

  hear(feed) {
    this.control?.abort();
    this.control = new AbortController();
    for (const event of ["grown", "changed", "ended"]) feed.addEventListener(event, () => this.say(), { signal: this.control.signal });
    feed.addEventListener("failed", (event) => this.fail(event.detail), { signal: this.control.signal });
  }

  /** Below the gallery: that more comes, or that there is nothing. */
  say() {
    const { assets, ended } = this.feed;
    if (assets.length || !ended) return refill(this.note, ended ? "" : el("p.muted", {}, "Loading …"));
    const searched = Object.keys(this.place.filters).length > 0;
    return refill(this.note, el("section.empty", {},
      el("h2", {}, searched ? "Nothing fits" : "No images here yet"),
      searched && el("a.button", { href: write({ ...this.place, filters: {} }) }, "Show all")));
  }

  fail(error) {
    refill(this.note, failure(error, () => {
      kept = null;
      this.look();
    }));
  }
}

customElements.define("atoll-library", Library);
