/** <atoll-cluster-regions>: the map of regions and nodes, the same in words, and who serves whom (whom.js). */
import { el, refill } from "../app/dom.js";
import { many } from "../app/words.js";
import { drawMarks, drawRoutes, placeOf, worldMap } from "../app/world.js";
import { foretold } from "./figures.js";
import { drawRows } from "./rows.js";
import "./whom.js";

class ClusterRegions extends HTMLElement {
  connectedCallback() {
    this.map = worldMap("Regions and their nodes; the list below says the same");
    this.list = el("ul.regions");
    this.whom = el("atoll-cluster-whom");
    this.whom.asked = (found) => this.mark(found);
    this.map.addEventListener("click", (event) => this.whom.ask(placeOf(this.map, event)));
    refill(this, el("section.card", { "aria-labelledby": "regions-head" }, el("h2", { id: "regions-head" }, "Regions"), this.map, this.list, this.whom));
  }

  show(facts) {
    this.facts = facts;
    this.draw();
    drawRows(this.list, facts.regions, (region) => region.name, (region) => row(region, facts.known), (region) => ({ ...region, known: facts.known }));
    this.whom.show(facts);
  }

  /** Somebody asked as if from a place: there, and the lines to who serves it. */
  mark(found) {
    this.found = found;
    this.draw();
  }

  draw() {
    if (!this.facts) return;
    const marks = this.facts.regions.map((region) => ({
      ...region,
      state: region.mark,
      note: `${region.well} of ${many(region.here.length, "node")} healthy`,
      dots: region.here.map((node) => ({ name: node.name, state: node.mark, note: node.words })),
    }));
    if (this.found) marks.push({ lon: this.found.lon, lat: this.found.lat, name: "here", state: "here", last: true });
    const looks = JSON.stringify([marks, this.found]);
    if (looks === this.looks) return;
    this.looks = looks;
    drawMarks(this.map, marks);
    const first = new Set((this.found?.sets ?? []).flatMap((each) => each.servers.slice(0, 1)).map((server) => server.region));
    drawRoutes(this.map, this.found, this.facts.regions.filter((region) => first.has(region.name)));
  }
}

function row(region, known) {
  return el("li", {}, el("p.state", { "data-state": region.mark }, el("strong", {}, region.name), ` ${region.well} of ${many(region.here.length, "node")} healthy`),
    el("p.muted", {}, foretold(region.forecast, known)));
}

customElements.define("atoll-cluster-regions", ClusterRegions);
