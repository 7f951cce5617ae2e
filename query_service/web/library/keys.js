/** The keyboard in the gallery: arrows move, with Shift they choose, Space turns one, Ctrl+A all, Escape none. */

/** Listen on `grid` for `gallery`. */
export function keysOf(grid, gallery) {
  grid.addEventListener("keydown", (event) => {
    const handled = ways[event.key] ? moved(event, gallery) : turned(event, gallery);
    if (handled) event.preventDefault();
  });
}

const ways = {
  ArrowRight: (gallery, at) => at + 1,
  ArrowLeft: (gallery, at) => at - 1,
  ArrowDown: (gallery, at) => beside(gallery, at, 1),
  ArrowUp: (gallery, at) => beside(gallery, at, -1),
  PageDown: (gallery, at) => beside(gallery, at, 4),
  PageUp: (gallery, at) => beside(gallery, at, -4),
  Home: () => 0,
  End: (gallery) => gallery.feed.assets.length - 1,
};

function moved(event, gallery) {
  if (event.altKey || event.ctrlKey || event.metaKey) return false;
  const { assets } = gallery.feed;
  const to = Math.min(assets.length - 1, Math.max(0, ways[event.key](gallery, gallery.focused)));
  if (event.shiftKey) {
    if (!gallery.selection.has(assets[gallery.focused].asset_id)) gallery.selection.turn(assets[gallery.focused]);
    gallery.selection.reach(assets, to);
  }
  gallery.focusOn(to);
  return true;
}

function turned(event, { selection, feed, focused }) {
  if (event.key === " ") {
    if (event.shiftKey) selection.reach(feed.assets, focused);
    else selection.turn(feed.assets[focused]);
    return true;
  }
  if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
    selection.add(feed.assets);
    return true;
  }
  if (event.key === "Escape" && selection.size) {
    selection.drop();
    return true;
  }
  return false;
}

/** The picture `lines` rows further whose middle is nearest to that of the one with this index. */
function beside({ rows, feed }, index, lines) {
  const here = rows.of(index);
  const there = Math.min(rows.rows.length - 1, Math.max(0, here + lines));
  if (there === here) return index;
  const middle = (row, place) => {
    const box = rows.boxes(rows.rows[row], feed.assets)[place];
    return box.left + box.width / 2;
  };
  const x = middle(here, index - rows.rows[here].from);
  const { from, to } = rows.rows[there];
  let best = from;
  for (let other = from; other < to; other += 1) {
    if (Math.abs(middle(there, other - from) - x) < Math.abs(middle(there, best - from) - x)) best = other;
  }
  return best;
}
