/**
 * How somebody scrolls, from where the window stands in each frame. A frame that came late is no sign of slowness, so none
 * counts for longer than one in time; and one long step is a jump, not a rush. Pure: it is told the time.
 */

const FAST = 2; // pixels a millisecond: who scrolls so sees blurs, and no node draws what only passes by
const RUSH = 6; // a window in an eighth of a second: nobody sees a blur, either
const FRAME_MS = [8, 17]; // from 120 frames a second to 60
export const REST_MS = 120; // so long nothing fast: what is there now is looked at

export class Pace {
  #top = 0;
  #at = 0;
  #fastUntil = 0;
  #rushUntil = 0;
  #steps = 0; // in a row that were long enough for a rush

  /** The window stands at `top` pixels, at `now` milliseconds: "rest", "fast" or "rush". */
  look(top, now) {
    const [shortest, longest] = FRAME_MS;
    const speed = Math.abs(top - this.#top) / Math.min(longest, Math.max(shortest, now - this.#at));
    this.#top = top;
    this.#at = now;
    this.#steps = speed > RUSH ? this.#steps + 1 : 0;
    if (speed > FAST) this.#fastUntil = now + REST_MS;
    if (this.#steps > 1) this.#rushUntil = now + REST_MS;
    if (now < this.#rushUntil) return "rush";
    return now < this.#fastUntil ? "fast" : "rest";
  }
}
