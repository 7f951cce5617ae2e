/** <atoll-cluster-services>: engines, query services, replicators, monitors and channels, as a monitor sees them. */
import { el, refill } from "../app/dom.js";
import { many, when } from "../app/words.js";
import { drawRows } from "./rows.js";

const MOST = 100;

class ClusterServices extends HTMLElement {
  connectedCallback() {
    this.words = el("p.muted", {}, "Looking …");
    this.ill = el("ul.services");
    this.well = el("ul.services");
    this.fold = el("details", { hidden: true }, el("summary", {}), this.well);
    refill(this, el("section.card", { "aria-labelledby": "services-head" }, el("h2", { id: "services-head" }, "Engines and services"), this.words, this.ill, this.fold));
  }

  show({ services, known }) {
    const ill = services.filter((each) => each.mark !== "good");
    const well = services.filter((each) => each.mark === "good");
    this.words.hidden = known && ill.length > 0;
    this.words.textContent = !known ? "Not known: no monitor answers." : services.length ? "None is ill." : "The monitor watches none.";
    const named = (each) => `${each.scope} ${each.name}`;
    drawRows(this.ill, ill.slice(0, MOST), named, row);
    drawRows(this.well, well.slice(0, MOST), named, row);
    this.fold.hidden = !well.length;
    this.fold.firstChild.textContent = `${many(well.length, "healthy one")}${well.length > MOST ? `, of which ${MOST} are shown` : ""}`;
  }
}

function row(each) {
  return el("li", {},
    el("p.state", { "data-state": each.mark }, el("strong", {}, each.name), ` ${each.scope}, ${each.state}`),
    each.reasons.length ? el("p.hint", {}, each.reasons.join("; ")) : el("p.muted", {}, `since ${when(each.since)}`));
}

customElements.define("atoll-cluster-services", ClusterServices);
