/**
 * Sends one file to the nearest node: a ticket, then one PUT, or for larger files the parts of a resumable upload (tus
 * 1.0.0), which goes on after a reload. What is needed to go on stands in `line.kept`. A ticket is used again as long as
 * it is good: the same bytes with the same ticket are one asset, also when an answer was lost.
 */
import { api } from "../app/api.js";
import { exchange } from "./wire.js";

const RESUMABLE_BYTES = 4 << 20;
const PART_BYTES = 8 << 20;
const SPARE_SECONDS = 30; // a ticket that ends sooner is not begun with
const GONE = [404, 410];
const TUS = { "Tus-Resumable": "1.0.0" };

/** Answers the asset's id. `told()`: `line.sent` or `line.kept` has changed. */
export async function send(line, { signal, told }) {
  if (line.kept.url) return resume(line, signal, told);
  const ticket = await ticketOf(line, signal, told);
  return line.file.size > RESUMABLE_BYTES ? begin(line, ticket, signal, told) : put(line, ticket, signal, told);
}

async function ticketOf(line, signal, told) {
  const known = line.kept.ticket;
  if (known && Date.parse(known.expires_at) > Date.now() + SPARE_SECONDS * 1000) return known;
  line.kept.ticket = await api.post("/v1/uploads", line.order, { signal, tries: 3 });
  told();
  return line.kept.ticket;
}

async function put(line, ticket, signal, told) {
  const answer = await exchange("PUT", ticket.upload_url, {
    headers: { "X-Atoll-Filename": encodeURIComponent(line.file.name) }, body: line.file, signal,
    progress: (bytes) => { line.sent = bytes; told(); },
  });
  return answer.json();
}

async function begin(line, ticket, signal, told) {
  const endpoint = ticket.upload_url.replace("/v1/uploads", "/v1/tus");
  const answer = await exchange("POST", endpoint, {
    headers: { ...TUS, "Upload-Length": String(line.file.size), "Upload-Metadata": `filename ${base64(line.file.name)}` }, signal,
  });
  line.kept.url = new URL(answer.header("Location"), endpoint).href;
  told();
  return parts(line, 0, signal, told);
}

/** Where the node stands, and on from there. What the node no longer knows begins anew. */
async function resume(line, signal, told) {
  let answer;
  try {
    answer = await exchange("GET", line.kept.url, { headers: TUS, signal });
  } catch (error) {
    if (!GONE.includes(error.status)) throw error;
    line.kept = {};
    line.sent = 0;
    told();
    return send(line, { signal, told });
  }
  const { offset, asset } = answer.json();
  return asset ?? parts(line, offset, signal, told);
}

async function parts(line, from, signal, told) {
  for (let offset = from; ;) {
    const answer = await exchange("PATCH", line.kept.url, {
      headers: { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream", Accept: "application/json" },
      body: line.file.slice(offset, offset + PART_BYTES), signal,
      progress: (bytes) => { line.sent = offset + bytes; told(); },
    });
    if (answer.status !== 204) return answer.json();
    offset = Number(answer.header("Upload-Offset"));
    line.sent = offset;
    told();
  }
}

/**
 * The node that has the beginning does not answer. A fresh ticket names another one when the cluster misses it, too: then it
 * begins there. Answers whether. The same node again: it may come back with what it has.
 */
export async function leave(line, signal, told) {
  const ticket = await api.post("/v1/uploads", line.order, { signal });
  if (new URL(ticket.upload_url).origin === new URL(line.kept.url).origin) return false;
  Object.assign(line, { kept: { ticket }, sent: 0 });
  told();
  return true;
}

/** End a resumable upload that nobody wants: its bytes leave the node. */
export async function forget(line) {
  if (!line.kept.url) return;
  try {
    await exchange("DELETE", line.kept.url, { headers: TUS });
  } catch (error) {
    if (!GONE.includes(error.status)) throw error;
  }
}

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
