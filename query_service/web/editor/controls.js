/** Fields of a form that show a recipe and change it: sliders, choices, switches, words. All are drawn when it has changed. */
import { el } from "../app/dom.js";

let number = 0;

export class Controls {
  #drawn = []; // one function for each field

  constructor(history) {
    this.history = history;
    history.addEventListener("changed", () => this.draw());
  }

  draw() {
    for (const draw of this.#drawn) draw(this.history.recipe);
  }

  /** `draw(recipe)` at every change, and now. */
  watch(draw) {
    this.#drawn.push(draw);
    draw(this.history.recipe);
  }

  slider(name, label, { min, max, step = 1, unit = "" }) {
    const input = this.#input(name, { type: "range", min, max, step }, Number);
    const shown = el("output", { htmlFor: input.id });
    this.watch((recipe) => { shown.textContent = `${recipe[name]}${unit}`; });
    return this.#field(label, input, shown);
  }

  words(name, label, more = {}) {
    return this.#field(label, this.#input(name, { type: "text", spellcheck: false, ...more }), null, more.hint);
  }

  size(name, label) {
    const whole = (text) => (text === "" ? "" : String(Math.max(1, Math.min(4096, Math.round(Number(text) || 1)))));
    return this.#field(label, this.#input(name, { type: "number", min: 1, max: 4096, step: 1, inputMode: "numeric" }, whole, "change"));
  }

  color(name, label) {
    return this.#field(label, this.#input(name, { type: "color" }));
  }

  choice(name, label, options) {
    const id = `edit-${++number}`;
    const select = el("select", { id, onchange: () => this.history.set({ [name]: select.value }) },
      options.map(([value, text]) => el("option", { value }, text)));
    this.watch((recipe) => { select.value = recipe[name]; });
    return this.#field(label, select);
  }

  /** On or off. */
  flag(name, label) {
    const id = `edit-${++number}`;
    const box = el("input", { id, type: "checkbox", onchange: () => this.history.set({ [name]: box.checked }) });
    this.watch((recipe) => { box.checked = recipe[name]; });
    return el("label.flag", { htmlFor: id }, box, label);
  }

  /** A button that changes it. `change(recipe)`: what becomes of it; `on(recipe)`: whether it is pressed. */
  button(label, change, { says = label, on } = {}) {
    const button = el("button", { type: "button", title: says, "aria-label": says, onclick: () => this.history.set(change(this.history.recipe)) }, label);
    if (on) this.watch((recipe) => button.setAttribute("aria-pressed", String(on(recipe))));
    return button;
  }

  #input(name, props, read = (text) => text, event = "input") {
    const input = el("input", { id: `edit-${++number}`, ...props, [`on${event}`]: () => this.history.set({ [name]: read(input.value) }) });
    this.watch((recipe) => {
      if (input.value !== String(recipe[name])) input.value = recipe[name];
    });
    return input;
  }

  #field(label, input, shown = null, hint = null) {
    if (hint) input.setAttribute("aria-describedby", `${input.id}-hint`);
    return el("div.field", {}, el("div.row", {}, el("label.label", { htmlFor: input.id }, label), shown && [el("span.spread"), shown]), input,
      hint && el("p.hint", { id: `${input.id}-hint` }, hint));
  }
}
