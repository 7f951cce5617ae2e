/**
 * All uploads of this page, also while another page is shown: so many at once, paused and gone on with, tried again when
 * that may help. Tells "added" (detail: lines), "changed" and "removed" (a line), and "idle".
 *
 * A line: `{ id, file, path, order, kept, state, sent, problem, asset, places }`; its state is one of waiting, sending, paused, failed,
 * arriving (durable on one node, on its way to the others) and done.
 */
import { pause } from "../app/api.js";
import { asProblem, isAbort, Problem } from "../app/problem.js";
import { signedIn, watchKey, watchSession } from "../app/session.js";
import { tell } from "../app/toasts.js";
import { many } from "../app/words.js";
import { follow } from "./arrival.js";
import { readable } from "./files.js";
import { Lines } from "./lines.js";
import { Pace } from "./pace.js";
import { forget, leave, send } from "./send.js";
import { drop, keep, keepAll, remembered } from "./store.js";
import { newId } from "./windows.js";

const AT_ONCE = 4;
const TRIES = 6; // without any progress between them
const LONGEST_WAIT = 30; // seconds
const LEFT_AFTER = 4; // tries, some seconds: a node that restarts is back by then

class Queue extends EventTarget {
  lines = new Lines();
  pace = new Pace();
  controls = new Map(); // id: AbortController, of those that are under way

  constructor() {
    super();
    watchKey(() => this.leave()); // what one key began no other key sends
    watchSession((who) => who && this.goOn());
  }

  /** Files to send; each as `{ file, path, order }`. Answers whether a reload would find them. */
  async add(files) {
    const added = files.map((each) => ({ id: newId(), kept: {}, ...fresh(each) }));
    this.take(added);
    return keepAll(added);
  }

  /** What an earlier page left, if that window is there no more. */
  async restore() {
    const found = (await remembered()).filter((line) => !this.lines.has(line.id)).map((line) => ({ ...line, ...fresh(line) }));
    this.take(found);
    if (found.length) tell(`Going on with ${many(found.length, "upload")} of before.`);
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
      const asset = await this.persist(line, control.signal);
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

  /** Until it is sent; what did not get further six times is given up. */
  async persist(line, signal) {
    const told = () => this.sent(line);
    for (let tries = 1, before = line.sent; ; tries += 1) {
      try {
        return await send(line, { signal, told });
      } catch (error) {
        if (line.sent > before) tries = 1;
        before = line.sent;
        if (error.status === 0 && !(await readable(line.file))) throw vanished(); // the browser tells it like a line that broke
        if (isAbort(error) || !mayHelp(error) || tries >= TRIES) throw error;
        if (elsewhere(error, tries)) delete line.kept.ticket;
        if (line.kept.url && tries >= LEFT_AFTER && elsewhere(error, tries) && await left(line, signal, told)) {
          tries = before = 0;
          continue;
        }
        await pause(Math.min(LONGEST_WAIT, error.retryAfter ?? 0.5 * 2 ** tries), signal);
      }
    }
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

const fresh = ({ file, path, order }) => ({ file, path, order, state: "waiting", sent: 0, problem: null, asset: null, places: null });

/** A line that broke, a node that is busy or restarts, an offset that moved: try again. A refusal stays one. */
const mayHelp = (error) => [0, 408, 423, 429, 502, 503, 504].includes(error.status) || error.slug === "offset-mismatch";

/** Whether another node may do better: this one takes nothing now, or has not been there twice. Its ticket names it. */
const elsewhere = (error, tries) => error.status === 503 || (error.status === 0 && tries > 1);

const vanished = () => new Problem({
  title: "The file is not there any more",
  detail: "The file was moved, deleted or changed since it was chosen. Choose it anew.",
});

/** Without an answer it is this window that is cut off, and the node may be as it was. */
async function left(line, signal, told) {
  try {
    return await leave(line, signal, told);
  } catch (error) {
    if (isAbort(error)) throw error;
    return false;
  }
}

export const queue = new Queue();
