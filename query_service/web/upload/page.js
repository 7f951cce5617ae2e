/**
 * <atoll-upload>: files in, by dropping, pasting, choosing or the camera; where they go and what is said of them; how far
 * they are. The queue goes on while another page is shown, and after a reload with what was left.
 */
import { api } from "../app/api.js";
import { fieldOf } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { failure } from "../app/failure.js";
import { Problem } from "../app/problem.js";
import { titled } from "../app/router.js";
import { may, signedIn } from "../app/session.js";
import { tell } from "../app/toasts.js";
import { many } from "../app/words.js";
import { lastBucket } from "../library/address.js";
import { folderOf, fromDrop, fromInput, fromPaste, likened, publicIdOf } from "./files.js";
import { queue } from "./queue.js";
import "./rows.js";
import { Totals } from "./totals.js";

class Upload extends HTMLElement {
  connectedCallback() {
    titled("Upload");
    this.control = new AbortController();
    return this.begin();
  }

  async begin() {
    const found = await api.get("/v1/buckets").catch((error) => error);
    if (!this.isConnected) return undefined; // somebody went on meanwhile: the clock of Totals would run for ever
    return found.buckets ? this.build(found.buckets) : refill(this, failure(found, () => this.begin()));
  }

  async build(buckets) {
    const names = buckets.map((bucket) => bucket.name).filter((name) => !name.startsWith("atoll-")); // those are the cluster's
    if (!names.length) return refill(this, el("section.empty", {}, el("h1", {}, "There is no bucket yet"), may("admin") ? el("a.button", { href: "/app/settings/buckets" }, "Make one") : el("p", {}, "An administrator makes one.")));
    this.form = formOf(names, this.at.query);
    refill(this, el("h1", {}, "Upload"), this.zone(), this.form, new Totals(this.control.signal).element, el("atoll-upload-rows"));
    this.listen();
    return queue.restore();
  }

  disconnectedCallback() {
    this.control.abort();
  }

  zone() {
    const chooser = (label, more) => {
      const input = el("input", { type: "file", accept: "image/*,.heic,.heif", multiple: true, hidden: true, tabIndex: -1, "aria-label": label, ...more });
      input.addEventListener("change", () => { this.take(fromInput(input)); input.value = ""; });
      return [input, el("button", { type: "button", onclick: () => input.click() }, label)];
    };
    return el("section.drop", { "aria-label": "Files" },
      el("p", {}, "Drop pictures or folders here, paste them, or"),
      el("div.row", {}, chooser("Choose files"), chooser("Choose a folder", { webkitdirectory: true }), chooser("Take a photograph", { capture: "environment", multiple: false })));
  }

  listen() {
    const { signal } = this.control;
    const over = (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.classList.add("over");
    };
    addEventListener("dragenter", over, { signal });
    addEventListener("dragover", over, { signal });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) this.classList.remove("over"); }, { signal });
    addEventListener("drop", async (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return; // words into a field
      event.preventDefault();
      this.classList.remove("over");
      await this.take(await fromDrop(event.dataTransfer));
    }, { signal });
    addEventListener("paste", (event) => { if (event.clipboardData.files.length) this.take(fromPaste(event.clipboardData)); }, { signal });
  }

  /** Put files into the queue, as the form says now. */
  async take({ found, left }) {
    if (left) tell(`${many(left, "file")} left out: not ${left === 1 ? "an image" : "images"} by the name.`);
    if (!found.length) return;
    const order = orderOf(new FormData(this.form));
    lastBucket.set(order.bucket);
    const folder = folderOf(this.form.elements.folder.value);
    const named = likened(found.map(({ file, path }) => ({ file, path, name: publicIdOf(path, folder) })));
    const kept = await queue.add(named.map(({ file, path, name, like }) => (
      { file, path, order: { ...order, public_id: name }, problem: like === undefined ? null : sameName(name, like) }
    )));
    if (!kept) tell("This browser keeps nothing for later: a reload would lose what is not sent yet.", { once: "unkept" });
  }
}

/** Two at once under one name: the second would take the first one's place without a word. */
const sameName = (name, like) => new Problem({
  title: "Another file has the same name",
  detail: `Not sent: ${like} goes by the same name, ${name}, and this one would take its place. Rename it and choose it again, or try again to have it so.`,
});

/** What goes with every ticket. */
function orderOf(values) {
  const words = (name) => values.get(name).split(",").map((word) => word.trim()).filter(Boolean);
  return {
    bucket: values.get("bucket"), tags: words("tags"), overwrite: values.get("overwrite") !== "refuse",
    eager: values.get("eager").split(/\s+/).filter(Boolean),
  };
}

function formOf(names, query) {
  const wished = query.get("bucket") ?? lastBucket.get();
  return el("form.card.upload-form", { "aria-label": "Where to, and what is said of them", onsubmit: (event) => event.preventDefault() },
    fieldOf({ name: "bucket", label: "Bucket", options: names, value: names.includes(wished) ? wished : names[0] }),
    fieldOf({ name: "folder", label: "Folder", value: query.get("folder") ?? signedIn().prefixes[0] ?? "", hint: "Folders that you drop keep their names below it." }),
    fieldOf({ name: "tags", label: "Tags", hint: "With commas between." }),
    fieldOf({ name: "overwrite", label: "When the name is taken", options: [{ value: "version", label: "Make a new version" }, { value: "refuse", label: "Do not send it" }] }),
    fieldOf({ name: "eager", label: "Make at once", hint: "Transformations, with spaces between, such as c_fill,w_400,h_400." }));
}

customElements.define("atoll-upload", Upload);
