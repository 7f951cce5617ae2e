/**
 * A map of the world, as SVG: the land, and places on it. Longitude and latitude as they are (plate carrée), from 84°
 * north to 58° south. What a map shows is also in words beside it; the drawing is for the eye.
 */
import { refill, svg } from "./dom.js";

const NORTH = 84;
const SOUTH = -58;
const UNIT = 2; // of the drawing, in a degree
const WIDTH = 360 * UNIT;
const HEIGHT = (NORTH - SOUTH) * UNIT;
const WIDEST = 14.8; // of a letter, where the map is small and names are large (style/world.css)
const DOTS = 12; // of a place; more are a number

let rings = null; // the land, asked for once

/** Where a place is on the drawing. */
export function at(lon, lat) {
  return [(lon + 180) * UNIT, (NORTH - Math.max(SOUTH, Math.min(NORTH, lat))) * UNIT];
}

/** Which place somebody pressed on: `{ lon, lat }`. */
export function placeOf(map, event) {
  const box = map.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) => Math.min(1, Math.max(0, share)));
  return { lon: (x * WIDTH) / UNIT - 180, lat: NORTH - (y * HEIGHT) / UNIT };
}

/** An <svg> with the land; `marks` go on top and can be changed: `drawMarks(map, marks)`. `label` says what it shows. */
export function worldMap(label) {
  const land = svg("path.land", {});
  const grid = svg("path.grid-lines", { d: lines() });
  const map = svg("svg.world", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label }, land, grid, svg("g.routes"), svg("g.marks"));
  outline().then((path) => land.setAttribute("d", path), () => {}); // without land there are still places
  return map;
}

/** Lines from a place to others; without a place none. */
export function drawRoutes(map, from, others) {
  const line = (to) => svg("path.route", { d: `M${at(from.lon, from.lat).join(" ")}L${at(to.lon, to.lat).join(" ")}` });
  refill(map.querySelector(".routes"), from ? others.map(line) : []);
}

/**
 * `marks`: `{ lon, lat, name, state, note, dots }`; `state` is good, warn, bad or idle. Names keep out of each other's
 * way. `dots`: what stands there, `{ name, state, note }` each, in a row below the name. `last`: its name keeps out of all
 * others' way.
 */
export function drawMarks(map, marks) {
  const taken = [];
  const drawn = [...marks].sort((a, b) => Boolean(a.last) - Boolean(b.last) || b.lat - a.lat).map((mark) => markOf(mark, taken));
  refill(map.querySelector(".marks"), drawn);
}

function markOf({ lon, lat, name, state, note, dots = [] }, taken) {
  const [x, y] = at(lon, lat);
  const left = x > WIDTH / 2 && x + 14 + name.length * WIDEST > WIDTH;
  const wide = name.length * 7.4;
  const from = left ? x - 14 - wide : x + 14;
  let line = y + 4;
  const high = dots.length ? 26 : 15;
  while (taken.some((other) => Math.abs(other.line - line) < Math.max(high, other.high) && from < other.to && other.from < from + wide)) line += 5;
  taken.push({ from, to: from + wide, line, high });
  return svg("g.mark", { "data-state": state, "data-name": name },
    svg("title", {}, note ? `${name}: ${note}` : name),
    svg("circle.halo", { cx: x, cy: y, r: 11 }), svg("circle.dot", { cx: x, cy: y, r: 4.5 }),
    svg("text", { x: left ? x - 14 : x + 14, y: line, "text-anchor": left ? "end" : "start" }, name),
    dots.slice(0, DOTS).map((dot, index) => svg("circle.small", { "data-state": dot.state, "data-name": dot.name, cx: (left ? x - 18 : x + 18) + (left ? -9 : 9) * index, cy: line + 10, r: 3.2 }, svg("title", {}, `${dot.name}: ${dot.note}`))),
    dots.length > DOTS && svg("text.small", { x: (left ? x - 18 : x + 18) + (left ? -9 : 9) * DOTS, y: line + 14, "text-anchor": left ? "end" : "start" }, `+${dots.length - DOTS}`));
}

function lines() {
  const across = [60, 30, 0, -30].map((lat) => `M0 ${at(0, lat)[1]}H${WIDTH}`);
  const down = [-120, -60, 0, 60, 120].map((lon) => `M${at(lon, 0)[0]} 0V${HEIGHT}`);
  return [...across, ...down].join("");
}

async function outline() {
  rings ??= fetch(new URL("../land.json", import.meta.url)).then((answer) => answer.json());
  return (await rings).map((ring) => {
    const points = [];
    for (let index = 0; index < ring.length; index += 2) points.push(at(ring[index], ring[index + 1]).join(" "));
    return `M${points.join("L")}Z`;
  }).join("");
}
