/** How much each bucket has, asked of the nodes now, against its quota. Of other days the API knows nothing. */
import { api } from "../app/api.js";
import { el, refill, svg } from "../app/dom.js";
import { bytes, count } from "../app/words.js";
import { bucketPath } from "./bucket-store.js";
import { button, head, tableOf } from "./fields.js";

const AT_ONCE = 4;
const MOST_BARS = 12;
const [WIDTH, LINE, NAME] = [640, 30, 150];

export async function draw({ place, signal, again }) {
  const names = (await api.get("/v1/buckets", {}, { signal })).buckets.map((bucket) => bucket.name);
  const found = await allOf(names, signal);
  const total = found.reduce((sum, { usage }) => ({ bytes: sum.bytes + usage.bytes, assets: sum.assets + usage.assets }), { bytes: 0, assets: 0 });
  const silent = [...new Set(found.flatMap(({ usage }) => Object.keys(usage.unasked)))].sort();
  refill(place, head("Usage", "What the nodes have now: all versions, each file once; without the trash and without renditions.", button("Ask again", again)),
    silent.length > 0 && el("p.wrong", { role: "status" }, `No answer from ${silent.join(", ")}: where a set is silent, there is more than this.`),
    found.length > 0 && el("figure.card", {}, el("figcaption", {}, `${bytes(total.bytes)} and ${count(total.assets)} images in all`), plot(found)),
    tableOf("Usage", ["Bucket", "Bytes", "Of its quota", "Images", "Of their quota"], found.map(row)));
}

async function allOf(names, signal) {
  const found = [];
  const waiting = [...names];
  const work = async () => {
    for (let name = waiting.shift(); name; name = waiting.shift()) found.push(await api.get(bucketPath(name), {}, { signal }));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found.sort((a, b) => b.usage.bytes - a.usage.bytes);
}

function row({ name, quota, usage }) {
  const least = usage.complete ? "" : "at least ";
  return [name, least + bytes(usage.bytes), share(usage.bytes, quota.bytes, bytes, `Bytes of ${name}`), least + count(usage.assets), share(usage.assets, quota.assets, count, `Images of ${name}`)];
}

function share(used, most, words, label) {
  if (most === null) return "None";
  const percent = most ? Math.round((100 * used) / most) : 100;
  return [el("p", {}, `${percent} % of ${words(most)}`), el("progress", { max: Math.max(1, most), value: Math.min(used, Math.max(1, most)), "aria-label": label })];
}

/** Bars, the largest first; a mark where a quota ends. The figures are in the table below. */
function plot(found) {
  const shown = found.slice(0, MOST_BARS);
  const longest = Math.max(1, ...shown.map(({ usage }) => usage.bytes));
  const width = WIDTH - NAME - 90;
  const cut = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);
  return svg("svg.bars", { viewBox: `0 0 ${WIDTH} ${shown.length * LINE}`, role: "img", "aria-label": "Bytes of each bucket" }, shown.map(({ name, quota, usage }, index) => {
    const y = index * LINE;
    const length = (width * usage.bytes) / longest;
    const end = quota.bytes === null ? null : (width * quota.bytes) / longest;
    return svg("g", {}, svg("title", {}, `${name}: ${bytes(usage.bytes)}`),
      svg("text", { x: NAME - 8, y: y + 19, "text-anchor": "end" }, cut(name)),
      svg("rect", { x: NAME, y: y + 5, width: Math.max(2, length), height: LINE - 12, rx: 3 }),
      end !== null && end <= width && svg("path.quota", { d: `M${NAME + end} ${y + 1}v${LINE - 4}` }),
      svg("text", { x: NAME + Math.max(2, length) + 8, y: y + 19 }, bytes(usage.bytes)));
  }));
}
