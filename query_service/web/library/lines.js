/**
 * The rows of the gallery that are in the document. One that leaves becomes one that comes; in a rush it even stays where it
 * lies among the others, for taking it out and in costs more than all that changes in it. Owns rows and tiles to be used again.
 */
import { el } from "../app/dom.js";
import { Tile } from "./tile.js";

export class Lines {
  constructor(grid) {
    this.grid = grid;
    this.shown = new Map(); // row number: { element, tiles }
    this.spare = { lines: [], tiles: [] };
    this.sorted = true;
  }

  /**
   * Rows `from` to `to` in, the others out, but for one that has the focus: scrolling does not lose it. `plan(number)`:
   * `{ row, cells }`, where it lies and what its tiles are filled with.
   */
  turn(from, to, plan, rush) {
    const free = [];
    for (const [number, line] of this.shown) {
      if ((number >= from && number <= to) || hasFocus(line)) continue;
      this.shown.delete(number);
      free.push(line);
    }
    for (let number = from; number <= to; number += 1) {
      if (!this.shown.has(number)) this.#bring(number, free.pop() ?? this.spare.lines.pop() ?? empty(), plan(number), rush);
    }
    for (const line of free) this.#out(line);
    if (!rush && !this.sorted) this.#sort();
  }

  #bring(number, line, { row, cells }, rush) {
    const { element } = line;
    element.style.transform = `translateY(${row.top}px)`;
    element.style.height = `${row.height}px`;
    element.setAttribute("aria-rowindex", number + 1);
    this.#fill(line, cells);
    if (!rush) this.#place(number, element);
    else if (!element.isConnected) this.grid.append(element);
    this.sorted &&= !rush;
    this.shown.set(number, line);
  }

  #fill({ element, tiles }, cells) {
    while (tiles.length > cells.length) this.spare.tiles.push(tiles.pop().out());
    while (tiles.length < cells.length) {
      tiles.push(this.spare.tiles.pop() ?? new Tile());
      element.append(tiles.at(-1).element);
    }
    cells.forEach((cell, place) => tiles[place].fill(cell));
  }

  /** Among the others in their order, as it is read out. */
  #place(number, element) {
    const after = Math.min(...[...this.shown.keys()].filter((other) => other > number));
    this.grid.insertBefore(element, this.shown.get(after)?.element ?? null);
  }

  /** All in order again; what has the focus is not touched, or it would lose it. */
  #sort() {
    const lines = [...this.shown].sort(([one], [other]) => one - other).map(([, line]) => line);
    const still = lines.findIndex(hasFocus);
    lines.forEach(({ element }, place) => place !== still && this.grid.insertBefore(element, place < still ? lines[still].element : null));
    this.sorted = true;
  }

  /** Out with a row, whatever it has. Answers whether that was the focus. */
  hide(number) {
    const line = this.shown.get(number);
    if (!line) return false;
    const focus = hasFocus(line);
    this.shown.delete(number);
    this.#out(line);
    return focus;
  }

  #out(line) {
    line.element.remove();
    for (const tile of line.tiles) tile.empty();
    this.spare.lines.push(line);
  }

  clear() {
    return [...this.shown.keys()].map((number) => this.hide(number)).includes(true);
  }

  /** All tiles that are in the document, those of the rows nearest to one first. */
  tiles(middle = 0) {
    const far = (number) => Math.abs(number - middle);
    return [...this.shown].sort(([one], [other]) => far(one) - far(other)).flatMap(([, { tiles }]) => tiles);
  }
}

const empty = () => ({ element: el("div.line", { role: "row" }), tiles: [] });
const hasFocus = (line) => line.element.contains(document.activeElement);
