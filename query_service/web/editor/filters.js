/** Filters, each with the picture as it would look: small renditions, asked for when the fold is opened, all at once. */
import { api } from "../app/api.js";
import { el } from "../app/dom.js";
import { tellProblem } from "../app/toasts.js";

const ART = ["1977", "aden", "brannan", "brooklyn", "clarendon", "earlybird", "gingham", "hudson", "inkwell", "kelvin", "lark", "lofi", "maven", "mayfair", "moon", "nashville", "perpetua", "reyes", "rise", "slumber", "stinson", "toaster", "valencia", "walden", "willow", "xpro2"];
const FILTERS = [
  { value: "", label: "None" }, { value: "grayscale", label: "Grey" }, { value: "sepia", label: "Sepia" }, { value: "negate", label: "Negative" },
  ...ART.map((name) => ({ value: `art:${name}`, label: name[0].toUpperCase() + name.slice(1) })),
];
const small = (value) => `c_fill,h_72,w_96${value && `,e_${value}`}/f_webp,q_70`;

export function filtersPanel(controls, page) {
  const tiles = FILTERS.map(({ value, label }) => {
    const image = el("img", { alt: "", width: 96, height: 72, loading: "lazy", decoding: "async" });
    const button = controls.button("", () => ({ filter: value }), { says: label, on: ({ filter }) => filter === value });
    button.classList.add("filter");
    button.append(image, el("span", {}, label));
    return { value, image, button };
  });
  let shown = null; // which image they are of
  page.whenOpen("filters", async () => {
    const { asset } = page;
    if (shown === asset) return;
    shown = asset;
    try {
      const { results } = await api.post("/v1/resolve", { items: tiles.map(({ value }) => ({ asset_id: asset.asset_id, t: small(value) })) }, { tries: 3 });
      if (shown === asset) results.forEach((result, index) => { if (result.url) tiles[index].image.src = result.url; });
    } catch (error) {
      shown = null;
      tellProblem(error);
    }
  });
  return el("div.filter-tiles", { role: "group", "aria-label": "Filters" }, tiles.map(({ button }) => button));
}
