/** <atoll-details>: what is said of the image, to be changed, and what is known of its bytes. */
import { api } from "../app/api.js";
import { once } from "../app/button.js";
import { fieldOf } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { asProblem } from "../app/problem.js";
import { may } from "../app/session.js";
import { tell } from "../app/toasts.js";
import { bytes, count, when } from "../app/words.js";

class Details extends HTMLElement {
  /** Show an asset of a page. */
  show(asset, page) {
    Object.assign(this, { asset, page });
    refill(this, el("section.card", { "aria-labelledby": "details-head" }, el("h2", { id: "details-head" }, "Details"), may("write") ? this.form() : said(asset), facts(asset)));
  }

  form() {
    const { asset } = this;
    this.wrong = el("p.wrong", { role: "alert", hidden: true });
    const save = once((form) => this.save(form)); // twice at once, the second would be somebody else's change
    return el("form.fields", { onsubmit: (event) => { event.preventDefault(); save(event.target); } },
      fieldOf({ name: "title", label: "Title", value: asset.title, maxLength: 256 }),
      fieldOf({ name: "alt", label: "Alternative text", type: "textarea", value: asset.alt, maxLength: 1024, hint: "For who cannot see the image" }),
      fieldOf({ name: "tags", label: "Tags", value: asset.tags.join(", "), hint: "With commas between" }),
      fieldOf({ name: "context", label: "Context", type: "textarea", value: written(asset.context), hint: "One “key = value” a line", spellcheck: false }),
      this.wrong, el("div.row", {}, el("button.primary", { type: "submit" }, "Save")));
  }

  async save(form) {
    this.wrong.hidden = true;
    const { title, alt, tags, context } = Object.fromEntries(new FormData(form));
    const now = readPairs(context);
    const gone = Object.keys(this.asset.context).filter((key) => !(key in now)).map((key) => [key, null]);
    const change = { title, alt, tags: tags.split(",").map((tag) => tag.trim()).filter(Boolean), context: { ...now, ...Object.fromEntries(gone) } };
    try {
      // Only if nobody else has changed it meanwhile: 412 says so, and nothing is lost.
      await api.patch(this.page.path, change, { headers: { "If-Match": `"${this.asset.version}"`, "Content-Type": "application/merge-patch+json" } });
      tell("Saved.", { once: "saved" });
      await this.page.reload();
    } catch (error) {
      const { status, message } = asProblem(error);
      this.wrong.textContent = status === 412 ? "Somebody changed this image meanwhile. Reload to see how it is now; what you wrote is still here." : message;
      this.wrong.hidden = false;
    }
  }
}

const written = (context) => Object.entries(context).map(([key, value]) => `${key} = ${value}`).join("\n");

function readPairs(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(lines.map((line) => {
    const [key, ...rest] = line.split("=");
    return [key.trim(), rest.join("=").trim()];
  }));
}

function said(asset) {
  return pairs([["Title", asset.title || "–"], ["Alternative text", asset.alt || "–"], ["Tags", asset.tags.join(", ") || "–"], ["Context", written(asset.context) || "–"]]);
}

function facts(asset) {
  return pairs([
    ["Name", el("code", {}, asset.public_id)],
    ["Size", `${count(asset.width)} × ${count(asset.height)}${asset.frames > 1 ? `, ${asset.frames} frames` : ""}, ${bytes(asset.bytes)}, ${asset.format}`],
    ["Uploaded", when(asset.created_at)],
    asset.filename && ["File", asset.filename],
    asset.faces && ["Faces", asset.faces.length ? String(asset.faces.length) : "none found"],
    asset.color && ["Main colour", el("span.row", {}, swatch(asset.color), asset.color)],
    ["SHA-256", el("code", {}, asset.sha256)],
    asset.stripped && ["Metadata", "taken out: the bucket keeps none"],
  ]);
}

function swatch(color) {
  const box = el("span.swatch", { "aria-hidden": "true" });
  box.style.backgroundColor = color;
  return box;
}

const pairs = (rows) => el("dl.facts", {}, rows.filter(Boolean).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

customElements.define("atoll-details", Details);
