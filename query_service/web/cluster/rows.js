/**
 * A list that changes while somebody uses it: what is the same stays the same element, so that neither the focus nor a
 * reader's place is lost; where the focus was in a row that is drawn anew, it goes to the same button of the new one.
 */

/** `items` into `place`; `keyOf` names each for ever, `draw` makes its element. `shown(item)`: what its looks depend on. */
export function drawRows(place, items, keyOf, draw, shown = (item) => item) {
  place.rows ??= new Map();
  const before = place.rows;
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const [keyAt, named] = [focused?.closest("[data-key]")?.dataset.key, focused?.dataset.action];
  place.rows = new Map(items.map((item) => {
    const key = keyOf(item);
    const looks = JSON.stringify(shown(item));
    const known = before.get(key);
    return [key, known?.looks === looks ? known : { looks, element: marked(draw(item), key) }];
  }));
  const wanted = [...place.rows.values()].map((row) => row.element);
  if (wanted.length !== place.children.length || wanted.some((element, index) => place.children[index] !== element)) place.replaceChildren(...wanted);
  if (focused && document.activeElement !== focused) back(place, focused, keyAt, named);
}

function marked(element, key) {
  element.dataset.key = key;
  return element;
}

function back(place, focused, key, action) {
  if (focused.isConnected) return focused.focus({ preventScroll: true });
  const row = [...place.children].find((child) => child.dataset.key === key);
  const same = row && [...row.querySelectorAll("[data-action]")].find((button) => button.dataset.action === action);
  return (same ?? row?.querySelector("[data-action]"))?.focus({ preventScroll: true });
}
