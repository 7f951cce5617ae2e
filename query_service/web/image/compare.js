/** Two versions over each other, with a slider between them. */
import { api } from "../app/api.js";
import { el } from "../app/dom.js";
import { when } from "../app/words.js";

const SCREEN = "c_limit,h_1600,w_1600/f_webp,q_85";

/** The element; `close` is called by its button. `path`: of the asset. */
export async function compare(path, older, newer, close) {
  const [before, after] = await Promise.all([older, newer].map((version) => urlOf(path, version)));
  const top = el("img.over", { src: before, alt: `As of ${when(older.created_at)}` });
  const slide = el("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "How much of the older version is seen" });
  const stage = el("div.compare", {}, el("img", { src: after, alt: `As of ${when(newer.created_at)}` }), top, el("div.edge", { "aria-hidden": "true" }), slide);
  const set = () => stage.style.setProperty("--at", `${slide.value}%`);
  slide.addEventListener("input", set);
  set();
  stage.style.aspectRatio = `${newer.width} / ${newer.height}`;
  return el("figure.compared", {}, stage,
    el("figcaption.row", {}, el("span", {}, `◂ ${when(older.created_at)}`), el("span.spread"), el("span", {}, `${when(newer.created_at)} ▸`), el("button", { type: "button", onclick: close }, "Close")));
}

async function urlOf(path, { version }) {
  return (await api.get(`${path}/versions/${version}/url`, { t: SCREEN })).url;
}
