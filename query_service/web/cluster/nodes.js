/** <atoll-cluster-nodes>: every node, the troubled first: how it is, how full, when full, what is outstanding. */
import { button } from "../app/button.js";
import { el, refill } from "../app/dom.js";
import { count, many } from "../app/words.js";
import { behind, foretold, usage } from "./figures.js";
import { drain, drainOf, mayLook, mayOrder, remove, takeBack } from "./orders.js";
import { drawRows } from "./rows.js";

const MOST = 300; // shown; the troubled come first
const URGENCY = { bad: 0, warn: 1, idle: 2, good: 3 };

class ClusterNodes extends HTMLElement {
  connectedCallback() {
    this.list = el("ul.nodes");
    this.more = el("p.muted", { hidden: true });
    this.drains = new Map(); // by node: how far it was when last asked
    refill(this, el("section.card", { "aria-labelledby": "nodes-head" }, el("h2", { id: "nodes-head" }, "Nodes"), this.list, this.more));
  }

  show(facts) {
    this.facts = facts;
    const sorted = [...facts.nodes].sort((a, b) => URGENCY[a.mark] - URGENCY[b.mark] || a.name.localeCompare(b.name));
    drawRows(this.list, sorted.slice(0, MOST), (node) => node.name, (node) => this.row(node),
      (node) => ({ ...node, known: facts.known, drain: this.drains.get(node.name) }));
    this.more.hidden = sorted.length <= MOST;
    this.more.textContent = `${many(sorted.length - MOST, "more node")}, none of them worse off than these.`;
  }

  row(node) {
    return el("li.node", {},
      el("div.row", {}, el("h3", {}, node.name), el("span.chip", {}, `set ${node.set}`), el("span.muted", {}, node.region)),
      el("p.state", { "data-state": node.mark }, node.words),
      usage(node.name, node.bytes_total, node.bytes_free),
      el("dl.facts", {},
        fact("Forecast", foretold(node.forecast, this.facts.known)),
        fact("Replication", behind(node)),
        fact("Holds", node.blobs === null ? "not known" : `${count(node.blobs)} blobs, load ${node.load ?? 0}`),
        fact("Version", node.version ?? "not known")),
      this.drained(node), this.buttons(node));
  }

  buttons(node) {
    if (!mayOrder()) return null;
    const draining = node.state === "draining";
    const done = this.drains.get(node.name)?.done;
    return el("div.row", {},
      !draining && this.button(node, "Drain", drain),
      draining && this.button(node, "Take back", takeBack),
      draining && mayLook() && this.button(node, "How far?", (name) => this.look(name)),
      draining && done && this.button(node, "Remove", remove));
  }

  button(node, label, run) {
    return button(label, () => run(node.name), "", { "data-action": label, "aria-label": `${label} ${node.name}` });
  }

  async look(name) {
    this.drains.set(name, await drainOf(name));
    this.show(this.facts);
  }

  drained(node) {
    const seen = node.state === "draining" && this.drains.get(node.name);
    if (!seen) return null;
    const far = seen.images === null ? "" : `${count(seen.confirmed ?? 0)} of ${many(seen.images, "image")} confirmed elsewhere. `;
    return el("p.hint", { role: "status" }, `${far}${seen.done ? "It may be removed." : `Waiting for: ${seen.waiting_for.join("; ")}`}`);
  }
}

const fact = (name, text) => [el("dt", {}, name), el("dd", {}, text)];

customElements.define("atoll-cluster-nodes", ClusterNodes);
