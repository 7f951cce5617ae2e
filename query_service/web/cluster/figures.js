/** Capacity, forecasts and spans as people read them. */
import { el } from "../app/dom.js";
import { bytes } from "../app/words.js";

const FULL = 0.92; // as the monitor's own defaults have it
const FILLING = 0.8;

/** 93: "93 s"; 7300: "2 h". */
export function span(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** How full something is, as a bar and in words. `null` where nobody said. */
export function usage(name, total, free) {
  if (!total || free === null) return el("p.muted", {}, "Nothing said of its disk yet.");
  const share = Math.min(1, Math.max(0, 1 - free / total));
  const mark = share >= FULL ? "bad" : share >= FILLING ? "warn" : "good";
  const words = `${Math.round(share * 100)} % used, ${bytes(free)} of ${bytes(total)} free`;
  return el("div.usage", {}, el("meter", { "aria-label": `Use of the disk of ${name}`, min: 0, max: 1, value: share, "data-state": mark }), el("p", {}, words));
}

/** When it will be full. Beyond what its history can bear it is not foretold. */
export function foretold(forecast, known) {
  if (!known) return "Forecast not known";
  if (!forecast) return "Too new for a forecast";
  if (forecast.days === null) return "Not filling up";
  if (!forecast.foreseen) return `Grows; known for ${span(forecast.known_days * 86_400)} only, too short to foretell`;
  const range = forecast.early === null ? "" : ` (${span(forecast.early * 86_400)} to ${forecast.late === null ? "never" : span(forecast.late * 86_400)})`;
  return `Full in ${span(forecast.days * 86_400)}${range}`;
}

/** How far behind a node is: by its peers, by what it wants, by what it has not told. */
export function behind(node) {
  const said = [];
  if (node.wanted) said.push(`wants ${node.wanted}`);
  if (node.outbox) said.push(`${node.outbox} to tell${node.outbox_age_ms ? `, oldest ${span(node.outbox_age_ms / 1000)}` : ""}`);
  if (node.lag?.seconds) said.push(`${span(node.lag.seconds)} behind${node.lag.note ? `, ${node.lag.note}` : ""}`);
  if (node.quarantined) said.push(`${node.quarantined} in quarantine`);
  return said.length ? said.join("; ") : "Nothing outstanding";
}
