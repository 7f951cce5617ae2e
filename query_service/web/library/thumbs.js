/**
 * Where the thumbnails of assets are: asked for in batches, for those that are in sight when the batch goes, and
 * remembered, as long as they are good. Each URL is on the node nearest to the person, and signed where it must be.
 */
import { api } from "../app/api.js";

const WIDTHS = "c_limit,h_360/f_webp,q_75";
const AT_ONCE = 200;
const WAIT_MS = 25;
const KEPT = 20_000;
const SPARE_MS = 30_000; // a URL that ends sooner is asked for anew

const known = new Map(); // asset id and version: { url, alternatives, until }
const wanted = new Map(); // the same: { asset, told: Set }
let timer = 0;
let asking = 0;

const keyOf = (asset) => `${asset.asset_id} ${asset.version}`;

/** Where it is, if that is known already. */
export function thumbOf(asset) {
  const thumb = known.get(keyOf(asset));
  return thumb && thumb.until > Date.now() + SPARE_MS ? thumb : undefined;
}

/** `told(thumb)` when it is known; answers how to want it no more. `thumb`: `{ url, alternatives }`, or `{ problem }`. */
export function wantThumb(asset, told) {
  const key = keyOf(asset);
  const entry = wanted.get(key) ?? { asset, told: new Set() };
  entry.told.add(told);
  wanted.set(key, entry);
  timer ||= setTimeout(send, WAIT_MS);
  return () => {
    entry.told.delete(told);
    if (!entry.told.size && wanted.get(key) === entry) wanted.delete(key);
  };
}

async function send() {
  timer = 0;
  if (asking >= 2 || !wanted.size) return;
  const batch = [...wanted.values()].slice(-AT_ONCE); // the latest first: they are in sight
  for (const { asset } of batch) wanted.delete(keyOf(asset));
  asking += 1;
  try {
    const order = { t: WIDTHS, items: batch.map(({ asset }) => ({ asset_id: asset.asset_id })) };
    const { results } = await api.post("/v1/resolve", order, { tries: 3 });
    batch.forEach((entry, index) => settle(entry, results[index]));
  } catch (problem) {
    for (const entry of batch) tellAll(entry, { problem });
  } finally {
    asking -= 1;
    if (wanted.size) timer ||= setTimeout(send, 0);
  }
}

function settle(entry, result) {
  if (result.problem) return tellAll(entry, { problem: result.problem });
  const thumb = { url: result.url, alternatives: result.alternatives.map((offer) => offer.url), until: result.expires_at ? Date.parse(result.expires_at) : Infinity };
  known.set(keyOf(entry.asset), thumb);
  if (known.size > KEPT) known.delete(known.keys().next().value);
  return tellAll(entry, thumb);
}

function tellAll(entry, thumb) {
  for (const told of entry.told) told(thumb);
}
