/** What comes of the recipe: how it is spelt, what it weighs, and where it can go: copied, downloaded, saved, named. */
import { api, segment } from "../app/api.js";
import { button } from "../app/button.js";
import { copyButton } from "../app/copy.js";
import { askPerson } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { may } from "../app/session.js";
import { tell } from "../app/toasts.js";
import { bytes, leaf } from "../app/words.js";
import { bucketPath, policyOf, save } from "../settings/bucket-store.js";
import { transformationOf } from "./recipe.js";
import { makeForAll, saveAll } from "./saving.js";

const unweighed = (status) => {
  if (!status) return "What it weighs cannot be told here: the bucket lets no other page read its images, or the node is away.";
  if ([429, 503].includes(status)) return "The node is busy: what it weighs is asked for again.";
  return `What it weighs was not told: the node answered with ${status}.`;
};

export class Outcome {
  /** Of a page: its asset, recipe, preview and batch. */
  constructor(page) {
    this.page = page;
    this.code = el("code", {}, "–");
    this.facts = el("p", { role: "status" });
    this.wrong = el("p.wrong", { role: "alert", hidden: true });
    this.buttons = el("div.row");
    this.element = el("section.card.outcome", { "aria-labelledby": "outcome-head" }, el("h2", { id: "outcome-head" }, "What comes of it"),
      el("p.spelt", {}, this.code), this.facts, this.wrong, this.buttons);
    const on = (event, act) => page.preview.addEventListener(event, act);
    on("drawing", () => this.drawing());
    on("drawn", () => this.drawn());
    on("weighed", (event) => this.weighed(event.detail));
    on("failed", (event) => this.failed(event.detail));
    this.actions();
  }

  drawing() {
    this.element.setAttribute("aria-busy", "true");
    this.wrong.hidden = true;
    this.facts.setAttribute("aria-busy", "true"); // nobody is to hear of each step
    refill(this.facts, el("span.muted", {}, "Being weighed …"));
  }

  drawn() {
    this.element.removeAttribute("aria-busy");
    this.code.textContent = this.page.preview.found?.transformation || "nothing yet";
    this.able();
  }

  weighed(found) {
    const { asset } = this.page;
    this.facts.removeAttribute("aria-busy");
    if (!found.bytes) return refill(this.facts, unweighed(found.status));
    const share = Math.round((1 - found.bytes / asset.bytes) * 100);
    const than = share > 0 ? `${share} % less than` : share < 0 ? `${-share} % more than` : "as much as";
    return refill(this.facts, el("strong", {}, bytes(found.bytes)), `, ${than} the original (${bytes(asset.bytes)}), in ${found.seconds.toFixed(2)} s`);
  }

  failed(message) {
    this.element.removeAttribute("aria-busy");
    this.wrong.textContent = message;
    refill(this.facts);
    this.wrong.hidden = false;
    this.able();
  }

  /** Only what was drawn can go anywhere. */
  able() {
    const [found, changed] = [this.page.preview.found, transformationOf(this.page.recipe) !== ""];
    for (const button of this.buttons.children) button.disabled = !found || (!changed && button.dataset.needs === "change");
  }

  actions() {
    const { batch } = this.page;
    const doing = (label, run, kind = "") => button(label, run, kind, { "data-needs": "change" });
    const all = batch.length > 1;
    refill(this.buttons,
      may("write") && doing(all ? `New version of all ${batch.length}` : "Save as new version", () => saveAll(this.page), "primary"),
      may("write") && all && doing("Renditions of all", () => makeForAll(this.page)),
      copyButton(() => this.address(), "Copy address", "Copied: the address"),
      copyButton(() => this.page.preview.found.transformation ?? "", "Copy transformation", "Copied: the transformation"),
      doing("Download", () => this.download()),
      may("admin") && doing("Keep under a name", () => this.name()));
    this.able();
  }

  address() {
    const { found } = this.page.preview;
    const plain = `/i/${this.page.asset.bucket}/${this.page.asset.public_id.split("/").map(segment).join("/")}`;
    return new URL(found.image_url ?? plain, location.origin).href;
  }

  async download() {
    const { asset, recipe, size } = this.page;
    const name = leaf(asset.public_id).replaceAll(/[^A-Za-z0-9_-]+/g, "-") || "image";
    const t = [transformationOf(recipe, { size }), `fl_attachment:${name}`].join("/");
    const { url } = await api.get(`/v1/assets/${asset.asset_id}/url`, { t });
    el("a", { href: url, download: "" }).click();
  }

  /** Into the bucket's policy, as it is now but for the name. */
  async name() {
    const { asset, recipe } = this.page;
    const t = transformationOf(recipe); // sections as shares: it is for images of any size
    const kept = await askPerson({
      title: "Keep it under a name",
      text: `Then t_NAME makes this of every image in ${asset.bucket}. A name that there is gets another meaning.`,
      fields: [{ name: "name", label: "Name", required: true, maxLength: 64, pattern: "[A-Za-z0-9_\\-]+", spellcheck: false, hint: "Letters, digits, _ and -" }],
      action: "Keep",
      submit: async ({ name }) => {
        const bucket = await api.get(bucketPath(asset.bucket));
        await save(bucket, { ...policyOf(bucket), transformations: { ...bucket.transformations, [name]: t } });
        return name;
      },
    });
    if (kept) tell(`t_${kept} is known in ${asset.bucket} from now on.`);
  }
}
