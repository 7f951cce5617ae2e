/** <atoll-upload-rows>: one row for each upload, drawn at most once a frame. */
import { el, refill } from "../app/dom.js";
import { bytes } from "../app/words.js";
import { queue } from "./queue.js";

const PICTURES = 60; // so many files are shown small: more would be decoded for nobody

class Rows extends HTMLElement {
  connectedCallback() {
    this.rows = new Map();
    this.stale = new Set();
    this.control = new AbortController();
    const { signal } = this.control;
    this.list ??= el("ul", { "aria-label": "Uploads" });
    refill(this, this.list);
    queue.addEventListener("added", (event) => event.detail.forEach((line) => this.add(line)), { signal });
    queue.addEventListener("changed", (event) => this.later(event.detail), { signal });
    queue.addEventListener("removed", (event) => this.remove(event.detail), { signal });
    refill(this.list);
    for (const line of queue.lines) this.add(line);
  }

  disconnectedCallback() {
    this.control.abort();
    for (const row of this.rows.values()) row.end();
  }

  add(line) {
    const row = new Row(line, this.rows.size < PICTURES);
    this.rows.set(line.id, row);
    this.list.append(row.element);
  }

  remove(line) {
    const row = this.rows.get(line.id);
    if (!row) return;
    this.rows.delete(line.id);
    row.end();
    if (row.element.contains(document.activeElement)) (row.element.nextElementSibling ?? row.element.previousElementSibling)?.querySelector(".icon")?.focus();
    row.element.remove();
  }

  later(line) {
    if (!this.stale.size) requestAnimationFrame(() => this.draw());
    this.stale.add(line.id);
  }

  draw() {
    for (const id of this.stale) this.rows.get(id)?.draw();
    this.stale.clear();
  }
}

class Row {
  constructor(line, pictured) {
    this.line = line;
    this.meter = el("progress", { max: Math.max(1, line.file.size), "aria-label": `Sent of ${line.path}` });
    this.words = el("p.words");
    this.buttons = el("div.row");
    this.url = pictured && line.file.type.startsWith("image/") ? URL.createObjectURL(line.file) : null;
    const small = this.url ? el("img", { src: this.url, alt: "", width: 48, height: 48, decoding: "async", onload: () => this.end(), onerror: () => this.end() }) : el("span.blank");
    this.name = el("p.name", {}, line.path);
    this.element = el("li.upload-row", {}, small, el("div.what", {}, this.name, this.meter, this.words), this.buttons);
    this.draw();
  }

  draw() {
    const { line } = this;
    this.element.dataset.state = line.state;
    this.meter.value = Math.min(line.sent, line.file.size);
    this.meter.hidden = Boolean(line.asset);
    refill(this.words, wordsOf(line));
    const key = `${line.state}${Boolean(line.asset)}`;
    if (key === this.drawn) return; // a button that has the focus stays
    this.drawn = key;
    if (line.asset) refill(this.name, el("a", { href: `/app/image/${line.asset.asset_id}` }, line.path));
    const focused = this.buttons.contains(document.activeElement);
    refill(this.buttons, buttonsOf(line));
    if (focused) this.buttons.firstElementChild.focus();
  }

  /** The browser may let go of the picture's bytes. */
  end() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }
}

function wordsOf(line) {
  const { state, sent, file, problem, places } = line;
  if (state === "failed") return el("span.wrong", {}, problem.message);
  if (state === "done") return [el("span.state", { "data-state": "good" }, "arrived"), regions(places), problem && ` ${problem.message}`];
  if (state === "arriving") return [el("span.state", { "data-state": "warn" }, "stored, on its way"), regions(places)];
  if (state === "sending") return `${bytes(sent)} of ${bytes(file.size)}`;
  return `${state}, ${sent ? `${bytes(sent)} of ` : ""}${bytes(file.size)}`;
}

const regions = (places) => (places?.regions ?? []).map((name) => [" ", el("span.chip", {}, name)]);

function buttonsOf(line) {
  const button = (text, run) => el("button.quiet", { type: "button", "aria-label": `${text}: ${line.path}`, onclick: run }, text);
  return [
    ["sending", "waiting"].includes(line.state) && button("Pause", () => queue.pause([line])),
    line.state === "paused" && button("Go on", () => queue.resume([line])),
    line.state === "failed" && button("Try again", () => queue.resume([line])),
    el("button.quiet.icon", { type: "button", "aria-label": `${line.asset ? "Hide" : "Do not send"}: ${line.path}`, onclick: () => queue.remove(line) }, "✕"),
  ];
}

customElements.define("atoll-upload-rows", Rows);
