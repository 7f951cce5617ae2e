/** In which regions an image has arrived: asked until every node that should have it has it, or it is deleted. */
import { api, pause, segment } from "../app/api.js";
import { isAbort, Problem } from "../app/problem.js";

const AT_ONCE = 4;
const FIRST_SECONDS = 0.3;
const LAST_SECONDS = 10;
const UNKNOWN_TIMES = 100; // then it is told no more: a quarter of an hour in which the catalog did not know it

let running = 0;
const waiting = [];

/** Call `told({ regions, missing })` at every change until `missing` is 0 or the signal ends it. Throws `Problem` for what is gone. */
export async function follow(asset, told, signal) {
  let [known, unknown] = [false, 0];
  for (let seconds = FIRST_SECONDS; !signal.aborted; seconds = Math.min(LAST_SECONDS, seconds * 1.6)) {
    const places = await turn(() => placesOf(asset, signal));
    if (places === NOT_THERE && (known || ++unknown >= UNKNOWN_TIMES)) throw goneOrLate(known);
    if (places?.regions) {
      known = true;
      told(places);
      if (places.missing === 0) return;
    }
    await pause(seconds, signal);
  }
}

const NOT_THERE = Symbol("the catalog has no such image");

const goneOrLate = (known) => new Problem({
  title: known ? "Deleted" : "Not in the catalog",
  detail: known ? "It was deleted meanwhile." : "The catalog has not heard of it for a long time, or it was deleted.",
});

/** NOT_THERE: the catalog has not heard of it yet, or not any more. null: nothing can be said just now. */
async function placesOf(asset, signal) {
  try {
    const found = await api.get(`/v1/assets/${segment(asset.asset_id)}/locations`, {}, { signal, tries: 1 });
    if (found.version < asset.version) return null;
    const holders = new Set(found.locations.map((place) => place.node));
    return {
      regions: [...new Set(found.locations.map((place) => place.region))].sort(),
      missing: found.expected.filter((node) => !holders.has(node)).length,
    };
  } catch (error) {
    if (isAbort(error) || ![0, 404, 429, 503].includes(error.status)) throw error;
    return error.status === 404 ? NOT_THERE : null;
  }
}

/** Only so many questions at once: a thousand files are a thousand questions. */
async function turn(ask) {
  if (running >= AT_ONCE) await new Promise((free) => waiting.push(free));
  running += 1;
  try {
    return await ask();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}
