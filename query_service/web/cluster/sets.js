/** <atoll-cluster-sets>: replica sets: their members, their room, and whether they are sealed. */
import { button } from "../app/button.js";
import { el, refill } from "../app/dom.js";
import { bytes } from "../app/words.js";
import { foretold } from "./figures.js";
import { mayOrder, seal } from "./orders.js";
import { drawRows } from "./rows.js";

class ClusterSets extends HTMLElement {
  connectedCallback() {
    this.list = el("ul.sets");
    refill(this, el("section.card", { "aria-labelledby": "sets-head" }, el("h2", { id: "sets-head" }, "Sets"), this.list));
  }

  show({ sets, known }) {
    drawRows(this.list, sets, (each) => each.name, (each) => row(each, known), (each) => ({ ...each, known }));
  }
}

function row(each, known) {
  const [mark, words] = stateOf(each);
  return el("li.set", {},
    el("div.row", {}, el("h3", {}, each.name), each.sealed && el("span.chip", {}, "sealed")),
    el("p.state", { "data-state": mark }, words),
    el("p", {}, each.bytes_free === null ? "Room not known" : `${bytes(each.bytes_free)} free on its fullest node`),
    el("p.muted", {}, foretold(each.forecast, known)),
    mayOrder() && sealing(each));
}

function stateOf({ members, healthy, sealed, writable }) {
  const well = `${healthy} of ${members.length} nodes healthy`;
  if (!healthy) return ["bad", well];
  if (sealed) return [healthy < members.length ? "warn" : "idle", `${well}, takes no new images`];
  return healthy < members.length ? ["warn", well] : [writable ? "good" : "warn", writable ? `${well}, takes images` : `${well}, none takes images`];
}

function sealing(each) {
  const label = each.sealed ? "Unseal" : "Seal";
  return el("div.row", {}, button(label, () => seal(each.name, !each.sealed), "", { "data-action": "seal", "aria-label": `${label} the set ${each.name}` }));
}

customElements.define("atoll-cluster-sets", ClusterSets);
