/** <atoll-places>: where the image's bytes are, as every node of its set testifies when asked, on a map and in a table. */
import { api } from "../app/api.js";
import { button } from "../app/button.js";
import { el, refill } from "../app/dom.js";
import { tellProblem } from "../app/toasts.js";
import { when } from "../app/words.js";
import { drawMarks, worldMap } from "../app/world.js";

class Places extends HTMLElement {
  /** Of an asset, or of one that was deleted. */
  async show(asset, page) {
    this.page = page;
    this.map ??= worldMap("Where the nodes of this image's set stand");
    this.words ??= el("p", { role: "status" });
    this.table ??= el("div");
    if (!this.firstChild) {
      refill(this, el("section.card", { "aria-labelledby": "places-head" }, el("h2", { id: "places-head" }, "Where it is"), this.map, this.words, this.table,
        !asset.deleted && el("div.row", {}, button("Read and check every copy now", () => this.prove()))));
    }
    try {
      const [receipt, { regions }] = await Promise.all([api.get(`${page.path}/receipt`), this.regions ? { regions: this.regions } : api.get("/v1/regions")]);
      this.regions = regions;
      this.draw(receipt, {});
    } catch (error) {
      tellProblem(error);
    }
  }

  draw(receipt, found) {
    this.words.textContent = summary(receipt);
    const byRegion = Map.groupBy(receipt.nodes, (node) => node.region);
    drawMarks(this.map, this.regions.filter((region) => byRegion.has(region.name)).map((region) => {
      const states = byRegion.get(region.name).map((node) => stateOf(node, receipt.state).state);
      const worst = ["bad", "warn", "idle"].find((state) => states.includes(state)) ?? "good";
      return { ...region, state: worst, note: byRegion.get(region.name).map((node) => `${node.node} ${stateOf(node, receipt.state).words}`).join("; ") };
    }));
    refill(this.table, el("table", {}, el("thead", {}, el("tr", {}, ["Node", "Testifies"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, receipt.nodes.map((node) => row(node, receipt.state, found[node.node])))));
  }

  async prove() {
    this.words.textContent = "Every node reads and hashes its copy …";
    const { receipt, proven, found } = await api.get(`${this.page.path}/verify`, { deep: true }, { tries: 1 });
    this.draw(receipt, found);
    this.words.textContent = proven ? "Every node has read its copy just now: all are right." : `Not proven. ${summary(receipt)}`;
  }
}

function summary({ state, complete, set, nodes, missing, unasked }) {
  if (state === "deleted") return complete ? `Deleted on all ${nodes.length} nodes of the set ${set}.` : `Deleted; not yet testified by ${[...missing, ...unasked].join(", ")}.`;
  return complete ? `Held by all ${nodes.length} nodes of the set ${set}.` : `Not (yet) testified by ${[...missing, ...unasked].join(", ")}.`;
}

/** What a node says, as a state and in words. */
function stateOf(node, state) {
  if (node.unasked) return { state: "warn", words: `could not be asked: ${node.unasked}` };
  const [held] = node.held;
  if (state === "deleted" || !held) return removal(node, state);
  return { state: "good", words: `durable since ${when(held.durable_since)}, last read and right ${when(held.verified_at)}` };
}

function removal(node, state) {
  if (state !== "deleted") return { state: "bad", words: "does not hold it yet" };
  const [removed] = node.removed;
  if (removed?.erased_at) return { state: "good", words: `erased ${when(removed.erased_at)}` };
  if (removed) return { state: "idle", words: removed.shared ? "kept for another image" : `in the trash since ${when(removed.removed_at)}` };
  return node.deleted_at ? { state: "good", words: `deleted ${when(node.deleted_at)}` } : { state: "warn", words: "has not heard of the delete yet" };
}

function row(node, state, found) {
  const { state: mark, words } = stateOf(node, state);
  const shown = found && found !== "right" ? { mark: "bad", text: found } : { mark, text: words };
  return el("tr", {}, el("td", {}, el("p", {}, node.node), el("p.muted", {}, node.region)), el("td", {}, el("span.state", { "data-state": shown.mark }, shown.text)));
}

customElements.define("atoll-places", Places);
