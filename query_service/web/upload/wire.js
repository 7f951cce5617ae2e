/** A request with a body whose progress is seen: fetch cannot tell it, XMLHttpRequest can. */
import { Problem } from "../app/problem.js";

const SILENT_SECONDS = 60; // nothing moves: the line is dead

/**
 * Answers `{ status, header(name), json() }` for 2xx; throws `Problem` else, AbortError when told to end.
 * `progress(bytes)` of this body.
 */
export function exchange(method, url, { headers = {}, body = null, signal, progress } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    let timer = 0;
    const moved = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), SILENT_SECONDS * 1000);
    };
    const end = (settle, value) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      settle(value);
    };
    const stop = () => request.abort();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => { moved(); progress?.(event.loaded); };
    request.onprogress = moved;
    request.onload = () => (request.status < 300 ? end(resolve, answerOf(request)) : end(reject, problemOf(request)));
    request.onerror = () => end(reject, new Problem({ title: "No connection", detail: "The node cannot be reached from here.", status: 0 }));
    request.onabort = () => end(reject, signal?.aborted ? signal.reason : new Problem({ title: "The line went silent", detail: `Nothing moved for ${SILENT_SECONDS} seconds.`, status: 0 }));
    signal?.addEventListener("abort", stop);
    moved();
    request.send(body);
  });
}

const answerOf = (request) => ({
  status: request.status,
  header: (name) => request.getResponseHeader(name),
  json: () => JSON.parse(request.responseText),
});

function problemOf(request) {
  let told = {};
  try {
    told = JSON.parse(request.responseText);
  } catch {
    // a proxy's page: its status is all there is to say
  }
  const after = Number(request.getResponseHeader("Retry-After"));
  return new Problem({ title: request.statusText || `HTTP ${request.status}`, ...(after && { retry_after: after }), ...told, status: request.status });
}
