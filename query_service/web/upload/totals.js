/** All uploads together: progress, speed, time left; pause, go on, try again, clear away what is done. */
import { el } from "../app/dom.js";
import { bytes, count } from "../app/words.js";
import { paceWords } from "./pace.js";
import { queue } from "./queue.js";

const LOOK_MS = 500;

export class Totals {
  /** Until `signal` ends it. */
  constructor(signal) {
    const button = (text, run) => el("button", { type: "button", onclick: run }, text);
    this.meter = el("progress", { "aria-label": "Sent of all" });
    this.words = el("p");
    this.said = el("p.seen-by-readers", { role: "status" });
    this.pause = button("Pause all", () => queue.pause());
    this.resume = button("Go on", () => queue.resume(queue.lines.of("paused")));
    this.retry = button("Try the failed again", () => queue.resume(queue.lines.of("failed")));
    this.clear = button("Clear away what is done", () => queue.lines.of("done", "arriving").forEach((line) => queue.remove(line)));
    this.buttons = el("div.row", {}, this.pause, this.resume, this.retry, this.clear);
    this.element = el("section.card.totals", { "aria-label": "All uploads" }, this.words, this.meter, this.buttons, this.said);
    const timer = setInterval(() => this.draw(), LOOK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    for (const event of ["added", "removed", "idle"]) queue.addEventListener(event, () => this.later(), { signal });
    queue.addEventListener("idle", () => this.end(), { signal });
    this.draw();
  }

  /** Once a frame is enough, however many come and go. */
  later() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  draw() {
    const { files, done, bytes: all, sent } = queue.lines.total;
    const focused = [...this.buttons.children].find((button) => button === document.activeElement);
    const many = (...states) => queue.lines.many(...states);
    this.element.hidden = files === 0;
    Object.assign(this.meter, { max: Math.max(1, all), value: sent });
    if (many("sending")) queue.pace.note(sent);
    const pace = many("sending") ? paceWords(queue.pace.speed, all - sent) : "";
    this.words.textContent = `${count(done)} of ${count(files)} stored, ${bytes(sent)} of ${bytes(all)}${pace && `, ${pace}`}`;
    this.pause.hidden = !many("sending", "waiting");
    this.resume.hidden = !many("paused");
    this.retry.hidden = !many("failed");
    this.clear.hidden = !many("done", "arriving");
    if (focused?.hidden) [...this.buttons.children].find((button) => !button.hidden)?.focus();
  }

  /** Nothing is under way any more: said once, for those who do not look. */
  end() {
    const { files, done } = queue.lines.total;
    const failed = queue.lines.many("failed");
    if (files) this.said.textContent = `${count(done)} of ${count(files)} stored${failed ? `, ${count(failed)} failed` : ""}`;
  }
}
