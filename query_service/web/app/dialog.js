/** `askPerson`: a modal question with fields, by the browser's own <dialog> (focus is kept inside, Escape closes). */
import { el } from "./dom.js";
import { asProblem } from "./problem.js";
import { tellProblem } from "./toasts.js";

let number = 0;

/**
 * Ask, and do. `fields`: nodes, or `{ name, label, value, type, hint, required, options }`; `submit(values)` may throw,
 * then the question stays and says why. Answers what `submit` answered; null: the person did not want to. Who goes back in
 * the history leaves the question, too. What was sent already counts, whatever becomes of the question meanwhile: its answer
 * may be a secret that is told once.
 */
export function askPerson({ title, text, fields = [], action = "OK", danger = false, submit = (values) => values }) {
  return new Promise((resolve) => {
    const id = `dialog-${++number}`;
    const control = new AbortController();
    let sent = false;
    const wrong = el("p.wrong", { role: "alert", hidden: true });
    const go = el(danger ? "button.danger" : "button.primary", { type: "submit" }, action);
    const form = el("form", { method: "dialog", onsubmit: (event) => send(event) },
      el("h2", { id }, title), text && el("p", {}, text), fields.map(fieldOf), wrong,
      el("div.row.end", {}, el("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), go));
    const dialog = el("dialog", { "aria-labelledby": id, onclose: () => closed() }, form);

    function closed() {
      control.abort();
      dialog.remove();
      if (!sent) resolve(null);
    }

    async function send(event) {
      event.preventDefault();
      sent = true;
      go.disabled = true;
      wrong.hidden = true;
      try {
        resolve(await submit(Object.fromEntries(new FormData(form))));
        dialog.close();
      } catch (error) {
        failed(error);
      } finally {
        go.disabled = false;
      }
    }

    function failed(error) {
      sent = false;
      if (dialog.open && error.status !== 401) {
        wrong.textContent = asProblem(error).message;
        wrong.hidden = false;
        return;
      }
      tellProblem(error);
      dialog.close();
      resolve(null);
    }

    addEventListener("popstate", () => dialog.close(), { signal: control.signal });
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
