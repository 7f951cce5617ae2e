/** How fast it goes and how long it will take, from the last seconds. Pure but for the clock it is given. */
import { bytes } from "../app/words.js";

const SECONDS = 8;

export class Pace {
  constructor(now = () => performance.now() / 1000) {
    this.now = now;
    this.marks = [];
  }

  /** `sent` bytes in all until now. */
  note(sent) {
    const at = this.now();
    this.marks.push({ at, sent });
    while (this.marks.length > 2 && this.marks[0].at < at - SECONDS) this.marks.shift();
  }

  /** Bytes a second; 0 before it can be said. */
  get speed() {
    const [first] = this.marks;
    const last = this.marks.at(-1);
    return last && last.at > first.at ? Math.max(0, (last.sent - first.sent) / (last.at - first.at)) : 0;
  }

  forget() {
    this.marks = [];
  }
}

/** "1.2 MB/s, 20 seconds left"; "" while nothing is known. */
export function paceWords(speed, left) {
  if (speed < 1) return "";
  return `${bytes(speed)}/s, ${lasting(left / speed)} left`;
}

/** 75: "1 min 15 s". */
export function lasting(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
