/** The same request for many things: so many at once, with progress and a way to stop. One that fails stops no other; the end of the session stops all. */
import { el } from "./dom.js";
import { asProblem, isAbort } from "./problem.js";
import { tell, tellProblem } from "./toasts.js";
import { count } from "./words.js";

const AT_ONCE = 8;

/**
 * `one(item, signal)` for each. `doing`: "Deleting". Answers `{ done, failed }`: items that went well, and
 * `{ item, error }` of the others. What failed is told once, with the first reason.
 */
export async function forMany(items, doing, one) {
  const control = new AbortController();
  const meter = el("progress", { max: items.length, value: 0, "aria-label": doing });
  const words = el("p", {}, "");
  const toast = el("div.toast", { "data-stays": true }, words, meter, el("button", { type: "button", onclick: () => control.abort() }, "Stop"));
  const place = document.querySelector("atoll-toasts").polite;
  if (items.length > 1) place.append(toast);
  const done = [];
  const failed = [];
  const waiting = [...items];
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined && !control.signal.aborted; item = waiting.shift()) {
      try {
        await one(item, control.signal);
        done.push(item);
      } catch (error) {
        if (error.status === 401) control.abort();
        else if (!isAbort(error)) failed.push({ item, error });
      }
      meter.value = done.length + failed.length;
      words.textContent = `${doing}: ${count(meter.value)} of ${count(items.length)}`;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  toast.remove();
  report(doing, items, done, failed, control.signal.aborted);
  return { done, failed };
}

function report(doing, items, done, failed, stopped) {
  if (failed.length === 1 && items.length === 1) tellProblem(failed[0].error);
  else if (failed.length) tell(`${doing}: ${count(failed.length)} of ${count(items.length)} failed. ${asProblem(failed[0].error).message}`, { stay: true });
  if (stopped) tell(`${doing}: stopped after ${count(done.length)} of ${count(items.length)}.`);
}
