/**
 * A justified layout: pictures in rows, all of one row equally high, every row as wide as the gallery. Pure.
 *
 * Rows are closed greedily and never opened again, so that more pictures change nothing above them; only the last,
 * open row is laid out anew. A row's place is known from its pictures' proportions alone: nothing shifts.
 */

const NARROW = 0.45; // beyond these a picture is cut at its edges, or one panorama would make a thin row
const WIDE = 3.2;

/** The proportion a picture is shown in. */
export const ratioOf = (asset) => Math.min(WIDE, Math.max(NARROW, (asset.width || 1) / (asset.height || 1)));

export class Rows {
  /** `width` of the gallery, `target` height of a row, `gap` between pictures, in pixels. */
  constructor(width, target, gap) {
    Object.assign(this, { width, target, gap });
    this.rows = []; // { top, height, from, to, full }
    this.count = 0;
  }

  /** The height of all rows. */
  get height() {
    const last = this.rows.at(-1);
    return last ? last.top + last.height : 0;
  }

  /** Lay out `assets` beyond those that were, the open row first. */
  grow(assets) {
    const last = this.rows.at(-1);
    if (last && !last.full) this.rows.pop();
    let from = last && !last.full ? last.from : this.count;
    let sum = 0;
    for (let index = from; index < assets.length; index += 1) {
      sum += ratioOf(assets[index]);
      const space = this.width - this.gap * (index - from);
      if (sum * this.target >= space) {
        this.#close(from, index + 1, space / sum, true);
        from = index + 1;
        sum = 0;
      }
    }
    if (from < assets.length) this.#close(from, assets.length, this.target, false);
    this.count = assets.length;
  }

  #close(from, to, height, full) {
    const top = this.rows.length ? this.height + this.gap : 0;
    this.rows.push({ top, height: Math.round(height), from, to, full });
  }

  /** Left edges and widths of a row's pictures, in whole pixels that fill it exactly. */
  boxes(row, assets) {
    const exact = row.full ? (this.width - this.gap * (row.to - row.from - 1)) / this.#sum(row, assets) : this.target;
    let left = 0;
    return assets.slice(row.from, row.to).map((asset) => {
      const end = left + ratioOf(asset) * exact;
      const box = { left: Math.round(left), width: Math.round(end) - Math.round(left) };
      left = end + this.gap;
      return box;
    });
  }

  #sum(row, assets) {
    let sum = 0;
    for (let index = row.from; index < row.to; index += 1) sum += ratioOf(assets[index]);
    return sum;
  }

  /** The first row that ends below `y`; the number of rows when none does. */
  at(y) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].top + this.rows[middle].height > y) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The row of the picture with this index. */
  of(index) {
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].to > index) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
