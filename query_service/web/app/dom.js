/**
 * Making elements. Text is only ever set as text: a name from outside is never read as markup. (The page's
 * policy, trusted types, would refuse innerHTML anyway.)
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * `el("button.primary", { type: "button", onclick: save }, "Save")`: a tag with classes, properties, children.
 * Properties that begin with "on" are listeners; `aria-…`, `data-…` and `role` are attributes; a value of
 * null, undefined or false is left out; children may be nodes, text, lists of them, or null.
 */
export function el(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return filled(document.createElement(tag), classes, props, children);
}

/** The same for SVG; all properties are attributes. */
export function svg(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return filled(document.createElementNS(SVG, tag), classes, props, children);
}

function filled(element, classes, props, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(props)) set(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (element.namespaceURI === SVG || name === "role" || name.includes("-")) element.setAttribute(name, value === true ? "" : value);
  else if (name in element) element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/** Children out, these in. */
export function refill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Call `what` when nothing more has come for `ms`; `.off()`: not any more. */
export function settled(what, ms = 200) {
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => what(...given), ms);
  };
  return Object.assign(later, { off: () => clearTimeout(timer) });
}
