/** <atoll-addresses>: every address of the image, each with a button that copies it, and a snippet for pages. */
import { api } from "../app/api.js";
import { copyButton } from "../app/copy.js";
import { el, refill } from "../app/dom.js";

const WIDTHS = [400, 800, 1200, 1600];
const shrunk = (width) => `c_limit,w_${width}/f_auto,q_auto`;

class Addresses extends HTMLElement {
  /** Of an asset; `image_url` needs a transformation to be told, so it is asked for with the snippet's. */
  async show(asset) {
    this.asset = asset;
    this.list ??= el("dl.addresses");
    this.snippet ??= el("div");
    if (!this.firstChild) refill(this, el("section.card", { "aria-labelledby": "addresses-head" }, el("h2", { id: "addresses-head" }, "Addresses"), this.list, this.snippet));
    const plain = location.origin + `/i/${asset.bucket}/${asset.public_id.split("/").map(encodeURIComponent).join("/")}`;
    this.rows(asset, [["Lasting address, leads to the nearest node", plain]]);
    const widths = WIDTHS.filter((width) => width < asset.width);
    const wanted = widths.length ? widths : [WIDTHS[0]];
    try {
      const items = wanted.map((width) => ({ asset_id: asset.asset_id, t: shrunk(width) }));
      const { results } = await api.post("/v1/resolve", { items }, { tries: 2 });
      if (asset === this.asset && results.every((result) => result.image_url)) this.draw(asset, wanted, results);
    } catch {
      refill(this.snippet, el("p.muted", {}, "The snippet cannot be made now."));
    }
  }

  rows(asset, first) {
    const rows = [...first, ["On a node", asset.url], ["Handle: found without a database", asset.handle], ["Asset", asset.asset_id], ["Path on every node", asset.path]];
    refill(this.list, rows.map(([name, text]) => [el("dt", {}, name), el("dd", {}, el("code", {}, text), copyButton(() => text, "Copy", `Copied: ${name}`))]));
  }

  draw(asset, widths, results) {
    const absolute = (url) => new URL(url, location.origin).href;
    const text = snippetOf(asset, widths, results.map((result) => absolute(result.image_url)));
    const expires = results.find((result) => result.expires_at)?.expires_at;
    refill(this.snippet, el("h3", {}, "For a page"), el("pre.snippet", { tabIndex: 0, "aria-label": "HTML" }, text),
      el("div.row", {}, copyButton(() => text, "Copy HTML", "Copied: HTML"), expires && el("span.hint", {}, `Signed; good until ${new Date(expires).toLocaleString()}`)));
  }
}

/** HTML with every size. Values are escaped: it is pasted into somebody's page. */
function snippetOf(asset, widths, urls) {
  const safe = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const set = widths.map((width, index) => `${safe(urls[index])} ${width}w`).join(",\n             ");
  return `<img src="${safe(urls.at(-1))}"\n     srcset="${set}"\n     sizes="(max-width: 800px) 100vw, 800px"\n     width="${asset.width}" height="${asset.height}" loading="lazy" alt="${safe(asset.alt || asset.title)}">`;
}

customElements.define("atoll-addresses", Addresses);
