/** From the API's document to what the parts of the page show: each node with all that is known of it. Pure. */
import { span } from "./figures.js";

/** States of the page: good, warn, bad, idle. */
const MARKS = { healthy: "good", warning: "warn", critical: "bad", unknown: "idle" };

/** `known`: whether a monitor told its part. Lists of what a monitor does not say are empty. */
export function factsOf(overview) {
  const told = overview.monitor ?? { states: [], alerts: [], forecasts: [], canaries: [], lags: [], cut: {} };
  const state = byName(told.states);
  const forecast = byName(told.forecasts);
  const lag = new Map(told.lags.map((each) => [each.node, each]));
  const nodes = overview.nodes.map((node) => ({ ...node, ...markOf(node, state.get(`node ${node.name}`)), forecast: forecast.get(`node ${node.name}`), lag: lag.get(node.name) }));
  return {
    known: overview.monitor !== null,
    monitor: told.monitor,
    nodes,
    regions: overview.regions.map((region) => regionOf(region, nodes, forecast.get(`region ${region.name}`))),
    sets: overview.sets.map((each) => ({ ...each, forecast: forecast.get(`set ${each.name}`) })),
    alerts: told.alerts,
    canaries: told.canaries,
    services: told.states.filter((each) => ["engine", "service", "monitor", "channel"].includes(each.scope)).map((each) => ({ ...each, mark: MARKS[each.state] })),
    cut: told.cut,
  };
}

const byName = (rows) => new Map(rows.map((row) => [`${row.scope} ${row.name}`, row]));

/** What the query service sees itself comes first: it is the fresher word. */
function markOf(node, state) {
  if (node.health === "suspect") return { mark: "bad", words: silence(node) };
  if (node.health === "unknown") return { mark: "idle", words: "not heard of yet" };
  if (node.state === "draining") return { mark: "warn", words: "draining: takes no uploads, goes on serving" };
  if (node.ready && node.ready !== "ready") return { mark: "warn", words: node.ready };
  if (state && state.reasons.length) return { mark: MARKS[state.state], words: state.reasons[0] };
  return node.read_only ? { mark: "warn", words: "healthy, takes no uploads" } : { mark: "good", words: "healthy" };
}

function silence(node) {
  if (node.ready === "failing") return "its disk gives no answer";
  return node.age_ms === null ? "no sign of life" : `no sign of life for ${span(Math.max(1, node.age_ms / 1000))}`;
}

/** All its nodes well, some, or none. */
function regionOf(region, nodes, forecast) {
  const here = nodes.filter((node) => node.region === region.name);
  const well = here.filter((node) => node.health === "healthy").length;
  const troubled = here.some((node) => node.mark !== "good");
  const mark = !here.length ? "idle" : !well ? "bad" : well < here.length || troubled ? "warn" : "good";
  return { ...region, here, well, mark, forecast };
}
