/**
 * What is still to be sent, kept in the browser (IndexedDB): files, and where their uploads stand. So a reload, or a
 * browser that was closed, costs nothing. Of each API key its own, and of each window (windows.js). A browser that keeps
 * nothing – a private window, a full disk, a store that does not open – is no failure: uploads go on, and `false` says it.
 */
import { signedIn } from "../app/session.js";
import { alone, appear, here } from "./windows.js";

const NAME = "atoll-uploads";
const OPENS_MS = 5000; // some browsers never answer
const TOGETHER = 50; // lines in one transaction: what fails together

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    setTimeout(() => reject(new DOMException("The store does not open.", "TimeoutError")), OPENS_MS);
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("lines", { keyPath: "id" });
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      request.result.onclose = () => { opened = null; };
      resolve(request.result);
    };
  });
  return opened;
}

/** Keep an upload as it is now. Answers whether that worked. */
export const keep = (line) => keepAll([line]);

/** Keep these. All transactions are begun at once: a drop that comes later is done later. */
export async function keepAll(lines) {
  await appear().catch(() => {});
  const parts = Array.from({ length: Math.ceil(lines.length / TOGETHER) }, (_, part) => lines.slice(part * TOGETHER, (part + 1) * TOGETHER));
  const kept = await Promise.all(parts.map((part) => tried("readwrite", (store) => part.forEach((line) => store.put(keptOf(line))))));
  return kept.every(Boolean);
}

const keptOf = ({ id, file, path, order, kept }) => ({ id, file, path, order, kept, who: signedIn()?.key, window: here });

/** It is done, or nobody wants it. */
export async function drop(id) {
  await appear().catch(() => {});
  return tried("readwrite", (store) => store.delete(id));
}

/**
 * `left`: what this key still had to send in windows that are gone; it is this window's from now on. `others`: the windows that
 * are there and have some of it.
 */
export function remembered() {
  return alone(async (alive) => {
    const found = [];
    await tried("readonly", (store) => {
      const request = store.getAll();
      request.onsuccess = () => found.push(...request.result);
    });
    const own = found.filter((line) => line.who === signedIn()?.key);
    const left = own.filter((line) => !alive(line.window));
    if (left.length) await keepAll(left);
    return { left, others: new Set(own.map((line) => line.window).filter(alive)) };
  });
}

async function tried(mode, what) {
  try {
    const transaction = (await database()).transaction("lines", mode);
    const ended = new Promise((resolve) => {
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = transaction.onerror = () => resolve(false); // a full disk, mostly
    });
    what(transaction.objectStore("lines"));
    return await ended;
  } catch (error) {
    if (error instanceof DOMException || error instanceof ReferenceError || !globalThis.indexedDB) return false; // no storage here
    throw error;
  }
}
