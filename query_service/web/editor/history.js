/** A recipe, and how it came to be: one step back, one forward. Tells "changed". */
import { UNTOUCHED } from "./recipe.js";

const MOST = 100;
const TOGETHER_MS = 700; // a slider that is moved is one step

export class History extends EventTarget {
  recipe = UNTOUCHED;
  #past = [];
  #future = [];
  #last = { key: "", at: 0 };

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Change these members. The same ones changed again at once are the same step, and so is all of one `gesture`. */
  set(change, gesture = null, now = Date.now()) {
    const key = gesture ?? Object.keys(change).join();
    if (key !== this.#last.key || (!gesture && now - this.#last.at > TOGETHER_MS)) this.#past = [...this.#past.slice(1 - MOST), this.recipe];
    this.#last = { key, at: now };
    this.#future = [];
    this.#be({ ...this.recipe, ...change });
  }

  /** Nothing is done, and nothing was. */
  begin() {
    this.#past = [];
    this.#future = [];
    this.#last = { key: "", at: 0 };
    this.#be(UNTOUCHED);
  }

  undo() {
    this.#step(this.#past, this.#future);
  }

  redo() {
    this.#step(this.#future, this.#past);
  }

  #step(from, to) {
    if (!from.length) return;
    to.push(this.recipe);
    this.#last = { key: "", at: 0 };
    this.#be(from.pop());
  }

  #be(recipe) {
    this.recipe = Object.freeze(recipe);
    this.dispatchEvent(new Event("changed"));
  }
}
