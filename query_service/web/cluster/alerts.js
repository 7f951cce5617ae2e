/** <atoll-cluster-alerts>: what is not as it should be, what to do about it, and who sees to it. */
import { api } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { tell, tellProblem } from "../app/toasts.js";
import { many, when } from "../app/words.js";
import { mayOrder } from "./orders.js";
import { drawRows } from "./rows.js";

const MOST = 100;

class ClusterAlerts extends HTMLElement {
  connectedCallback() {
    this.none = el("p.muted", {}, "Looking …");
    this.list = el("ul.alerts");
    this.more = el("p.muted", { hidden: true });
    refill(this, el("section.card", { "aria-labelledby": "alerts-head" }, el("h2", { id: "alerts-head" }, "Alerts"), this.none,
      el("div.scrolled.tall", { tabIndex: 0, role: "group", "aria-label": "The alerts that stand" }, this.list), this.more));
  }

  show({ alerts, known, cut }) {
    this.none.hidden = alerts.length > 0;
    this.none.textContent = known ? "Nothing stands." : "Not known: no monitor answers.";
    drawRows(this.list, alerts.slice(0, MOST), (alert) => alert.key, row);
    const left = alerts.length + (cut.alerts ?? 0) - MOST;
    this.more.hidden = left <= 0;
    this.more.textContent = left > 0 ? `${many(left, "more alert")}, less urgent.` : "";
  }
}

function row(alert) {
  return el("li.alert", {},
    el("p.state", { "data-state": alert.level === "critical" ? "bad" : "warn" }, el("strong", {}, `${alert.level}: `), alert.detail),
    alert.todo && el("p", {}, alert.todo),
    el("p.muted", {}, notes(alert).join(" · ")),
    mayOrder() && !alert.acknowledged_by && button(alert));
}

function notes(alert) {
  const said = [`${alert.scope} ${alert.name}`, alert.since ? `since ${when(alert.since)}` : "just now"];
  if (alert.acknowledged_by) said.push(`${alert.acknowledged_by} sees to it`);
  if (alert.silenced_until) said.push(`silent until ${when(alert.silenced_until)}`);
  if (alert.settling) said.push("well again, settling");
  if (alert.covered) said.push("follows from another alert");
  return said;
}

function button(alert) {
  const press = () => acknowledge(alert).catch(tellProblem);
  return el("div.row", {}, el("button", { type: "button", "data-action": "acknowledge", "aria-label": `Acknowledge: ${alert.detail}`, onclick: press }, "Acknowledge"));
}

async function acknowledge(alert) {
  const told = await askPerson({
    title: "Do you see to this alert?",
    text: `${alert.detail} Nobody is reminded of it any more, and it is not passed on.`,
    fields: [{ name: "why", label: "A word for the others (may stay empty)", maxLength: 500, autocomplete: "off" }],
    action: "I see to it",
    submit: ({ why }) => api.post("/v1/alerts/acknowledge", { alert: alert.key, why: why.trim() }),
  });
  if (told) tell("The others see that you see to it.");
}

customElements.define("atoll-cluster-alerts", ClusterAlerts);
