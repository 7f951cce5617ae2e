/** A secret, shown once: to be copied, and gone from the page when the person says so. */
import { copyButton } from "../app/copy.js";
import { el } from "../app/dom.js";

/** Resolves when it was put away. Escape does not, however often (a browser obeys the second one unless told by `closedby`): what is not copied is lost. */
export function showSecret(title, secret, sentence) {
  return new Promise((resolve) => {
    const done = el("button.primary", { type: "button", onclick: () => dialog.close() }, "I have kept it");
    const dialog = el("dialog", { "aria-labelledby": "secret-title", closedby: "none", oncancel: (event) => event.preventDefault(), onclose: () => { dialog.remove(); resolve(); } },
      el("form", { method: "dialog", onsubmit: (event) => event.preventDefault() }, el("h2", { id: "secret-title" }, title), el("p", {}, sentence),
        el("pre.secret", { tabIndex: 0, "aria-label": "Secret" }, secret),
        el("p.hint", {}, "It is shown this once: the cluster cannot tell it again."),
        el("div.row.end", {}, copyButton(() => secret, "Copy", "Copied: the secret"), done)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
