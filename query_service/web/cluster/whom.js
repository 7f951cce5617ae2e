/** <atoll-cluster-whom>: who serves a client at some place: by a city, by degrees, or by a click on the map. */
import { api } from "../app/api.js";
import { fieldOf } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { tellProblem } from "../app/toasts.js";
import { count } from "../app/words.js";
import { CITIES } from "./cities.js";

const OTHER = "";

class ClusterWhom extends HTMLElement {
  connectedCallback() {
    const cities = [{ value: OTHER, label: "A place on the map" }, ...CITIES.map(([name]) => name)];
    this.form = el("form.whom", { onsubmit: (event) => { event.preventDefault(); this.ask(this.typed()); } },
      fieldOf({ name: "city", label: "City", options: cities, value: OTHER, onchange: (event) => this.travel(event.target.value) }),
      fieldOf({ name: "lat", label: "Latitude", type: "number", min: -90, max: 90, step: "any", required: true }),
      fieldOf({ name: "lon", label: "Longitude", type: "number", min: -180, max: 180, step: "any", required: true }),
      el("button", { type: "submit" }, "Who serves there?"));
    this.answer = el("div.whom-answer", { role: "status" });
    refill(this, el("h3", {}, "Who serves whom"), el("p.hint", {}, "Resolve as if somewhere else: pick a city, or press on the map."), this.form, this.answer);
  }

  /** When a node's health changes, what was asked is asked again: who steps in? */
  show({ nodes }) {
    const health = JSON.stringify(nodes.map((node) => [node.name, node.health, node.state]));
    const changed = this.health !== undefined && health !== this.health;
    this.health = health;
    if (changed && this.place) this.look();
  }

  typed() {
    const { lat, lon } = this.form.elements;
    return { lat: lat.valueAsNumber, lon: lon.valueAsNumber };
  }

  travel(name) {
    const city = CITIES.find(([known]) => known === name);
    if (city) this.ask({ lat: city[1], lon: city[2], name });
  }

  /** Ask for a place: `{ lat, lon, name }`. */
  async ask(place) {
    const { city, lat, lon } = this.form.elements;
    const near = (value, degrees) => Math.round(value * degrees) / degrees;
    this.place = { ...place, lat: near(place.lat, 100), lon: near(place.lon, 100) };
    city.value = place.name ?? OTHER;
    [lat.value, lon.value] = [this.place.lat, this.place.lon];
    await this.look();
  }

  async look() {
    const { place } = this;
    try {
      const found = await api.get("/v1/nearest", { lat: place.lat, lon: place.lon });
      if (place !== this.place) return;
      this.asked(found);
      refill(this.answer, el("p", {}, `As if in ${place.name ?? `${found.lat}°, ${found.lon}°`}:`), el("ul", {}, found.sets.map(row)));
    } catch (error) {
      tellProblem(error);
    }
  }
}

function row(each) {
  const [first, ...others] = each.servers;
  if (!first) return el("li", {}, el("strong", {}, each.set), ": nobody can serve now.");
  const named = (server) => `${server.node} (${server.region}, ${count(Math.round(server.distance_km))} km${server.suspect ? ", gives no sign of life" : ""})`;
  const uploads = each.sealed ? "It is sealed: no uploads." : each.upload ? `Uploads go to ${each.upload}.` : "No node takes uploads.";
  return el("li", {}, el("strong", {}, each.set), `: ${named(first)}`, others.length > 0 && `, then ${others.map(named).join(", ")}`, `. ${uploads}`);
}

customElements.define("atoll-cluster-whom", ClusterWhom);
