/** Copying to the clipboard, and saying that it happened. */
import { el } from "./dom.js";
import { tell } from "./toasts.js";

/** Copy a text. Where the clipboard is closed (plain HTTP), the old way. */
export async function copy(text, what = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { value: text, readOnly: true });
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  tell(what, { once: what });
}

/** A button that copies what `text()` answers when it is pressed. */
export function copyButton(text, label = "Copy", what = "Copied") {
  return el("button", { type: "button", onclick: async () => copy(await text(), what) }, label);
}
