/** <atoll-cluster>: the whole cluster, live: a map, alerts, nodes, sets, canaries, services, and who serves whom. */
import { el, refill } from "../app/dom.js";
import { asProblem } from "../app/problem.js";
import { many } from "../app/words.js";
import { factsOf } from "./facts.js";
import { watchOverview } from "./live.js";
import "./alerts.js";
import "./canaries.js";
import "./nodes.js";
import "./regions.js";
import "./services.js";
import "./sets.js";

const PARTS = ["regions", "alerts", "sets", "nodes", "canaries", "services"];

class ClusterPage extends HTMLElement {
  connectedCallback() {
    this.line = el("p.state", { role: "status" }, "Looking …");
    this.away = el("p.card.away", { hidden: true });
    const [regions, alerts, sets, ...others] = this.parts = PARTS.map((name) => el(`atoll-cluster-${name}`));
    refill(this, el("header.cluster-head", {}, el("h1", {}, "Cluster"), this.line), this.away, el("div.cluster-parts", {}, regions, el("div.side", {}, alerts, sets), others));
    this.live = watchOverview((overview) => this.show(overview), (error) => this.lost(error));
  }

  disconnectedCallback() {
    this.live.stop();
  }

  /** A new word of the query service. */
  show(overview) {
    const facts = factsOf(overview);
    this.say(...summary(facts));
    this.away.hidden = !overview.monitor_away;
    this.away.textContent = overview.monitor_away
      ? `${overview.monitor_away} Alerts, forecasts and canaries are not known now; what is shown is what the query service ${overview.service} sees itself.` : "";
    for (const part of this.parts) part.show(facts);
  }

  /** Nothing is heard; it is tried again by itself. */
  lost(error) {
    this.say("warn", error ? `${asProblem(error).message} Trying again …` : "The connection is lost; trying again … What is shown is as it was.");
  }

  say(state, words) {
    if (this.line.textContent !== words) this.line.textContent = words;
    this.line.dataset.state = state;
  }
}

/** The state of it all, and in words. */
function summary({ nodes, regions, alerts, known }) {
  const ill = nodes.filter((node) => node.mark !== "good").length;
  const told = known ? `, ${alerts.length ? many(alerts.length, "alert") : "no alerts"}` : "";
  const words = `${many(nodes.length, "node")} in ${many(regions.length, "region")}${ill ? `, ${ill} not well` : ", all well"}${told}. Live.`;
  return [alerts.some((alert) => alert.level === "critical") || ill ? "bad" : alerts.length ? "warn" : "good", words];
}

customElements.define("atoll-cluster", ClusterPage);
