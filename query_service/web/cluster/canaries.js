/** <atoll-cluster-canaries>: small images on their way from every region to every other: a matrix. */
import { el, refill } from "../app/dom.js";

class ClusterCanaries extends HTMLElement {
  connectedCallback() {
    this.place = el("div");
    refill(this, el("section.card", { "aria-labelledby": "canaries-head" }, el("h2", { id: "canaries-head" }, "Canaries"),
      el("p.hint", {}, "The last one from each region (rows) to each (columns): until a copy was there + to read it; below, the share of a day that came."), this.place));
  }

  show({ canaries, known }) {
    const looks = JSON.stringify([canaries, known]);
    if (looks === this.looks) return;
    this.looks = looks;
    if (!canaries.length) {
      refill(this.place, el("p.muted", {}, known ? "No canaries are flown (canary_urls of the monitor)." : "Not known: no monitor answers."));
      return;
    }
    const regions = [...new Set(canaries.flatMap((path) => [path.from, path.to]))].sort();
    const paths = new Map(canaries.map((path) => [`${path.from} ${path.to}`, path]));
    refill(this.place, el("div.scrolled", { tabIndex: 0, role: "group", "aria-label": "From region to region" }, el("table.matrix", {},
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "From \\ to"), regions.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, regions.map((from) => el("tr", {}, el("th", { scope: "row" }, from), regions.map((to) => cell(paths.get(`${from} ${to}`)))))))));
  }
}

function cell(path) {
  if (!path) return el("td.muted", {}, "–");
  const [mark, words] = last(path);
  return el("td", {}, el("p.state", { "data-state": mark, title: path.why ?? "" }, words), el("p.muted", {}, share(path.day)), !path.ok && path.why && el("p.hint", {}, path.why));
}

function last(path) {
  if (path.old) return ["warn", "not flown lately"];
  if (!path.ok) return ["bad", path.outcome || "did not come"];
  const ms = (value) => (value === null ? "?" : Math.round(value));
  return ["good", `${ms(path.lag_ms)} + ${ms(path.read_ms)} ms`];
}

/** 100 % only when nothing was missed. */
function share(day) {
  if (day === null) return "–";
  return day >= 1 ? "100 %" : `${Math.min(day * 100, 99.99).toFixed(2)} %`;
}

customElements.define("atoll-cluster-canaries", ClusterCanaries);
