/** `askPerson`: a modal question with fields, by the browser's own <dialog> (focus is kept inside, Escape closes). */
import { el } from "./dom.js";
import { asProblem } from "./problem.js";

let number = 0;

/**
 * Ask, and do. `fields`: nodes, or `{ name, label, value, type, hint, required, options }`; `submit(values)` may throw,
 * then the question stays and says why. Answers what `submit` answered; null: the person did not want to.
 */
export function askPerson({ title, text, fields = [], action = "OK", danger = false, submit = (values) => values }) {
  return new Promise((resolve) => {
    const id = `dialog-${++number}`;
    const wrong = el("p.wrong", { role: "alert", hidden: true });
    const go = el(danger ? "button.danger" : "button.primary", { type: "submit" }, action);
    const form = el("form", { method: "dialog", onsubmit: (event) => send(event) },
      el("h2", { id }, title), text && el("p", {}, text), fields.map(fieldOf), wrong,
      el("div.row.end", {}, el("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), go));
    const dialog = el("dialog", { "aria-labelledby": id, onclose: () => { dialog.remove(); resolve(null); } }, form);

    async function send(event) {
      event.preventDefault();
      go.disabled = true;
      wrong.hidden = true;
      try {
        resolve(await submit(Object.fromEntries(new FormData(form))));
        dialog.close();
      } catch (error) {
        wrong.textContent = asProblem(error).message;
        wrong.hidden = false;
      } finally {
        go.disabled = false;
      }
    }

    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A labelled field of a form. */
export function fieldOf(field) {
  if (field instanceof Node) return field;
  const id = `field-${++number}`;
  const { name, label, value = "", type = "text", hint, required = false, options, ...more } = field;
  const shared = { id, name, required, "aria-describedby": hint ? `${id}-hint` : null, ...more };
  const input = options
    ? el("select", shared, options.map((each) => el("option", { value: each.value ?? each, selected: (each.value ?? each) === value }, each.label ?? each)))
    : type === "textarea" ? el("textarea", { ...shared, value, rows: 3 }) : el("input", { ...shared, type, value });
  return el("div.field", {}, el("label", { htmlFor: id }, label), input, hint && el("p.hint", { id: `${id}-hint` }, hint));
}
