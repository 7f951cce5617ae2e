/** <atoll-folders>: the folders right below the one that is shown. */
import { api } from "../app/api.js";
import { el, refill } from "../app/dom.js";
import { isAbort } from "../app/problem.js";
import { tellProblem } from "../app/toasts.js";
import { write } from "./address.js";

class Folders extends HTMLElement {
  /** Those of a place. */
  async show({ bucket, folder }) {
    this.control?.abort();
    this.control = new AbortController();
    this.replaceChildren();
    try {
      const { folders, complete } = await api.get("/v1/folders", { bucket, prefix: folder }, { signal: this.control.signal });
      refill(this, folders.length > 0 && el("nav", { "aria-label": "Folders" }, folders.map((name) =>
        el("a.folder", { href: write({ bucket, folder: `${folder}${name}/` }) }, el("span", { "aria-hidden": "true" }, "▸"), name)),
      !complete && el("span.muted", {}, "and more")));
    } catch (error) {
      if (!isAbort(error)) tellProblem(error);
    }
  }
}

customElements.define("atoll-folders", Folders);
