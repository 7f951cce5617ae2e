/**
 * All uploads of this page, also while another page is shown: so many at once, paused and gone on with.
 * Tells "added" (detail: lines), "changed" and "removed" (a line), and "idle".
 *
 * A line: `{ id, file, path, order, kept, state, sent, problem, asset, places }`; its state is one of waiting, sending, paused, failed,
 * arriving (durable on one node, on its way to the others) and done.
 */
import { asProblem, isAbort } from "../app/problem.js";
import { signedIn, watchKey, watchSession } from "../app/session.js";
import { tell } from "../app/toasts.js";
import { many } from "../app/words.js";
import { follow } from "./arrival.js";
import { Lines } from "./lines.js";
import { Pace } from "./pace.js";
import { forget } from "./send.js";
import { drop, keep, keepAll, remembered } from "./store.js";
import { persist } from "./tries.js";
import { closed, newId } from "./windows.js";

const AT_ONCE = 4;

class Queue extends EventTarget {
  lines = new Lines();
  pace = new Pace();
  controls = new Map(); // id: AbortController, of those that are under way
  others = new Set(); // windows that have something to send, and are there

  constructor() {
    super();
    watchKey(() => this.leave()); // what one key began no other key sends
    watchSession((who) => who && this.goOn());
  }

  /**
   * Files to send; each as `{ file, path, order, problem }`: with a problem it waits to be asked for. Answers whether a reload
   * would find those that are sent.
   */
  async add(files) {
    const added = files.map((each) => ({ id: newId(), kept: {}, ...fresh(each) }));
    this.take(added);
    return keepAll(added.filter((line) => !line.problem));
  }

  /** What an earlier page left, if that window is there no more; else once it is. */
  async restore() {
    const { left, others } = await remembered();
    const found = left.filter((line) => !this.lines.has(line.id)).map((line) => ({ ...line, ...fresh(line) }));
    this.take(found);
    if (found.length) tell(`Going on with ${many(found.length, "upload")} of before.`);
    for (const id of others) this.whenClosed(id);
  }

  async whenClosed(window) {
    if (this.others.has(window)) return;
    this.others.add(window);
    await closed(window);
    this.others.delete(window);
    await this.restore();
  }

  take(lines) {
    for (const line of lines) this.lines.add(line);
    this.tell("added", lines);
    this.work();
  }

  /** All of them out of this page; what is kept in the browser stays for its key. */
  leave() {
    const gone = [...this.lines];
    for (const line of gone) this.out(line);
  }

  tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }

  set(line, state, more = {}) {
    this.lines.move(line, state);
    Object.assign(line, more);
    this.lines.count(line);
    if (this.lines.has(line.id)) this.tell("changed", line);
  }

  /** The session had ended, and the same key is signed in again. */
  goOn() {
    for (const line of this.lines.of("arriving")) if (!this.controls.has(line.id)) this.arrive(line, this.control(line));
    this.work();
  }

  /** Begin as many as may go at once; none while nobody is signed in. */
  work() {
    if (!signedIn()) return;
    for (let next = this.lines.first("waiting"); next && this.lines.many("sending") < AT_ONCE; next = this.lines.first("waiting")) this.run(next);
    if (!this.lines.many("sending", "waiting")) this.tell("idle");
  }

  control(line) {
    const control = new AbortController();
    this.controls.set(line.id, control);
    return control;
  }

  async run(line) {
    const control = this.control(line);
    this.set(line, "sending", { problem: null });
    try {
      const asset = await persist(line, control.signal, () => this.sent(line));
      await drop(line.id);
      this.set(line, "arriving", { asset, sent: line.file.size });
      this.arrive(line, control);
    } catch (error) {
      if (isAbort(error)) { if (line.state === "sending") this.set(line, "paused"); }
      else if (!signedIn()) this.set(line, "waiting");
      else this.set(line, "failed", { problem: asProblem(error) });
      this.free(line, control);
    }
    this.work();
  }

  sent(line) {
    if (line.kept.url !== line.savedUrl) {
      line.savedUrl = line.kept.url;
      if (this.lines.has(line.id)) keep(line); // who was taken away meanwhile is not to come back
    }
    this.lines.count(line);
    this.tell("changed", line);
  }

  async arrive(line, control) {
    try {
      await follow(line.asset, (places) => this.set(line, places.missing ? "arriving" : "done", { places }), control.signal);
    } catch (error) {
      if (!isAbort(error) && signedIn()) this.set(line, "done", { problem: asProblem(error) }); // it is stored; only where cannot be told
    }
    this.free(line, control);
  }

  free(line, control) {
    if (this.controls.get(line.id) === control) this.controls.delete(line.id);
  }

  /** One line, or all that are not done. */
  pause(lines = this.lines.of("sending", "waiting")) {
    for (const line of lines) {
      if (line.state === "waiting") this.set(line, "paused");
      else if (line.state === "sending") this.controls.get(line.id)?.abort();
    }
  }

  /** Go on with what was paused or has failed. */
  resume(lines = this.lines.of("paused", "failed")) {
    this.pace.forget();
    for (const line of lines) {
      if (line.problem) delete line.kept.ticket; // what was refused with one may be taken with another
      this.set(line, "waiting", { problem: null });
    }
    this.work();
  }

  /** Not to be sent any more, or no longer to be shown. Stored images stay. */
  async remove(line) {
    if (!this.out(line)) return;
    this.work();
    await drop(line.id);
    if (!line.asset) await forget(line).catch(() => {}); // then the node sweeps it when its time is over
  }

  out(line) {
    if (!this.lines.remove(line)) return false;
    this.controls.get(line.id)?.abort();
    this.tell("removed", line);
    return true;
  }
}

const fresh = ({ file, path, order, problem = null }) => (
  { file, path, order, state: problem ? "failed" : "waiting", sent: 0, problem, asset: null, places: null }
);

export const queue = new Queue();
