/**
 * Asking the API, as whoever is signed in. Owns the header that changes need, the deadline of each request, reading
 * problem documents, and asking again what is safe to ask again. Throws `Problem`, or AbortError when told to end.
 */
import { Problem } from "./problem.js";

const SECONDS = 30;
const TRIES = 3; // of a GET
const LONGEST_WAIT = 5; // seconds; with more the person decides

/** Called when the session has ended. Set by session.js. */
let ended = () => {};
export function onEnded(told) {
  ended = told;
}

/** `api.get("/v1/assets", { bucket, prefix })`: what is undefined, null or "" is left out of the query. */
export const api = {
  get: (path, query, options) => ask("GET", path + queryOf(query), options),
  post: (path, body, options) => ask("POST", path, { ...options, body }),
  put: (path, body, options) => ask("PUT", path, { ...options, body }),
  patch: (path, body, options) => ask("PATCH", path, { ...options, body }),
  delete: (path, query, options) => ask("DELETE", path + queryOf(query), options),
};

function queryOf(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** A part of a path that came from outside. */
export const segment = encodeURIComponent;

/** `options`: `body` (to be JSON), `signal`, `headers`, `tries`. Answers the JSON, or null without any. */
export async function ask(method, path, options = {}) {
  const tries = options.tries ?? (method === "GET" ? TRIES : 1);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(method, path, options);
    } catch (error) {
      const wait = error instanceof Problem ? waitAfter(error, attempt) : undefined;
      if (wait === undefined || attempt >= tries) throw error;
      await pause(wait, options.signal);
    }
  }
}

/** Seconds until another try may help; undefined: none will. */
function waitAfter(problem, attempt) {
  if (![0, 429, 502, 503].includes(problem.status)) return undefined;
  const seconds = problem.retryAfter ?? 0.3 * 2 ** attempt;
  return seconds > LONGEST_WAIT ? undefined : seconds * (1 + Math.random() / 4);
}

async function once(method, path, { body, signal, headers = {} }) {
  const deadline = AbortSignal.timeout(SECONDS * 1000);
  const sent = { Accept: "application/json", ...headers };
  if (method !== "GET") sent["X-Atoll-App"] = "1";
  if (body !== undefined) sent["Content-Type"] ??= "application/json";
  const answer = await reached(path, {
    method,
    headers: sent,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
  }, signal);
  if (answer.ok) return answer.status === 204 ? null : await answer.json();
  throw await refused(answer);
}

async function reached(path, request, signal) {
  try {
    return await fetch(path, request);
  } catch (error) {
    if (signal?.aborted) throw error;
    const late = error.name === "TimeoutError";
    throw new Problem({
      title: late ? "No answer in time" : "No connection",
      detail: late ? `There was no answer within ${SECONDS} seconds.` : "The query service cannot be reached from here.",
      status: 0,
    });
  }
}

/** The problem of an answer. A 401 also ends the session here. */
export async function refused(answer) {
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // a proxy's page: its status is all there is to say
  }
  const problem = new Problem({ title: answer.statusText || `HTTP ${answer.status}`, ...told, status: answer.status });
  const header = Number(answer.headers.get("Retry-After"));
  if (problem.retryAfter === undefined && header) problem.document.retry_after = header;
  if (answer.status === 401 && !answer.url.endsWith("/app/session")) ended();
  return problem;
}

/** Wait, unless the signal ends it. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
