/**
 * The uploads there are, by state, with their sums: kept as they change, so that nobody counts ten thousand lines for one.
 * Who asks what is next, how many are in a state, or how much is sent, gets it without a walk. Pure.
 */
export class Lines {
  #all = new Map(); // id: line
  #states = new Map(); // state: Set of lines, in the order in which they came to it
  #counted = new Map(); // line: what the sums have of it
  total = { files: 0, done: 0, bytes: 0, sent: 0 };

  get size() {
    return this.#all.size;
  }

  [Symbol.iterator]() {
    return this.#all.values();
  }

  has(id) {
    return this.#all.has(id);
  }

  add(line) {
    this.#all.set(line.id, line);
    this.#in(line.state).add(line);
    this.#sum({ files: 1, bytes: line.file.size });
    this.count(line);
  }

  remove(line) {
    if (!this.#all.delete(line.id)) return false;
    this.#in(line.state).delete(line);
    const { sent, done } = this.#counted.get(line);
    this.#counted.delete(line);
    this.#sum({ files: -1, bytes: -line.file.size, sent: -sent, done: -done });
    return true;
  }

  /** Into another state; of what is not there any more nothing is kept. */
  move(line, state) {
    if (this.has(line.id)) {
      this.#in(line.state).delete(line);
      this.#in(state).add(line);
    }
    line.state = state;
  }

  /** `line.sent` or `line.asset` has changed. */
  count(line) {
    if (!this.has(line.id)) return;
    const before = this.#counted.get(line) ?? { sent: 0, done: 0 };
    const now = { sent: Math.min(line.sent, line.file.size), done: line.asset ? 1 : 0 };
    this.#counted.set(line, now);
    this.#sum({ sent: now.sent - before.sent, done: now.done - before.done });
  }

  /** How many are in these states. */
  many(...states) {
    return states.reduce((sum, state) => sum + this.#in(state).size, 0);
  }

  /** Those in these states: a list of its own. */
  of(...states) {
    return states.flatMap((state) => [...this.#in(state)]);
  }

  /** Who has waited longest in a state. */
  first(state) {
    return this.#in(state).values().next().value;
  }

  #in(state) {
    if (!this.#states.has(state)) this.#states.set(state, new Set());
    return this.#states.get(state);
  }

  #sum(change) {
    for (const [name, value] of Object.entries(change)) this.total[name] += value;
  }
}
