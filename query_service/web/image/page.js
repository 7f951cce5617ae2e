/**
 * <atoll-image>: one image, whole: to look at, to change, to prove. Owns the asset as last heard; its parts get it and
 * call `reload` after they changed it. An image that was deleted is shown as what is left of it, with a way back.
 */
import { api, segment } from "../app/api.js";
import { el, refill } from "../app/dom.js";
import { failure } from "../app/failure.js";
import { go, titled } from "../app/router.js";
import { leaf } from "../app/words.js";
import { write } from "../library/address.js";
import { actionsOf } from "./actions.js";
import "./addresses.js";
import "./details.js";
import "./places.js";
import "./versions.js";
import "./viewer.js";

class ImagePage extends HTMLElement {
  async connectedCallback() {
    this.asset = null;
    await this.reload();
  }

  get path() {
    return `/v1/assets/${segment(this.at.params.id)}`;
  }

  /** Ask for it again, and show it, unless the person went on meanwhile. */
  async reload() {
    try {
      const asset = await api.get(this.path);
      if (!this.isConnected) return;
      this.asset = asset;
      this.show();
    } catch (error) {
      if (!this.isConnected) return;
      if (error.status === 404) await this.missing(error);
      else this.fail(error);
    }
  }

  show() {
    const { asset } = this;
    titled(asset.title || leaf(asset.public_id));
    if (!this.parts) this.build();
    refill(this.head, crumbs(asset), el("h1", {}, asset.title || leaf(asset.public_id)), actionsOf(this));
    for (const part of this.parts) part.show(asset, this);
  }

  build() {
    this.head = el("header.image-head");
    const [viewer, details, addresses, versions, places] = ["viewer", "details", "addresses", "versions", "places"].map((name) => el(`atoll-${name}`));
    this.parts = [viewer, details, addresses, versions, places];
    refill(this, this.head, el("div.image-columns", {}, el("div", {}, viewer, versions, places), el("div", {}, details, addresses)));
  }

  /** Deleted, or never there: the nodes know. */
  async missing(error) {
    this.parts = null;
    this.asset = null;
    const receipt = await api.get(`${this.path}/receipt`).catch(() => null);
    if (!this.isConnected) return undefined;
    if (receipt?.state !== "deleted") return this.fail(error);
    titled("Deleted image");
    const places = el("atoll-places");
    refill(this, el("header.image-head", {}, el("h1", {}, "This image was deleted"), actionsOf(this)),
      el("p", {}, "What the nodes testify of it stays. As long as a node keeps its bytes in the trash, it can be restored."), places);
    return places.show({ asset_id: this.at.params.id, deleted: true }, this);
  }

  fail(error) {
    this.parts = null;
    refill(this, failure(error, () => this.reload()));
  }

  /** Where it lies in the library. */
  leave() {
    return go(this.asset ? folderOf(this.asset) : "/app/");
  }
}

const folderOf = ({ bucket, public_id: name }) => write({ bucket, folder: name.slice(0, name.lastIndexOf("/") + 1) });

function crumbs(asset) {
  const folders = asset.public_id.split("/").slice(0, -1);
  const steps = [{ name: asset.bucket, folder: "" }, ...folders.map((name, index) => ({ name, folder: `${folders.slice(0, index + 1).join("/")}/` }))];
  return el("nav.path", { "aria-label": "Where it lies" }, steps.map(({ name, folder }, index) => [
    index > 0 && el("span", { "aria-hidden": "true" }, "›"), el("a", { href: write({ bucket: asset.bucket, folder }) }, name)]));
}

customElements.define("atoll-image", ImagePage);
