/**
 * One upload, tried again when that may help: after a line that broke or a node that restarts, and at another node when
 * this one is full or gone.
 */
import { pause } from "../app/api.js";
import { isAbort, Problem } from "../app/problem.js";
import { readable } from "./files.js";
import { leave, send } from "./send.js";

const TRIES = 6; // without any progress between them
const LONGEST_WAIT = 30; // seconds
const LEFT_AFTER = 4; // tries, some seconds: a node that restarts is back by then

/** The asset, once the line is sent. `told` hears of progress; what did not get further six times is given up. */
export async function persist(line, signal, told) {
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
