/** Who is signed in, and what the API key may do. The cookie itself no script can read. */
import { api, onEnded } from "./api.js";

let who = null;
const watchers = new Set();
const windows = new BroadcastChannel("atoll.session"); // all windows of a browser have one cookie

/** `{ key, scopes, buckets, prefixes, expires_at }`, or null. */
export const signedIn = () => who;

/** Whether the key has a scope, or any of a list: what it may not do is not offered. The API decides. */
export const may = (scope) => [scope].flat().some((each) => who?.scopes.includes(each));

/** Be called at every change, until the returned function is. */
export function watchSession(told) {
  watchers.add(told);
  return () => watchers.delete(told);
}

/** Be called when another key is signed in than the one before it, however long nobody was. */
export function watchKey(told) {
  let key = who?.key;
  watchSession((now) => {
    if (!now || now.key === key) return;
    key = now.key;
    told();
  });
}

/** Ask who is signed in. */
export async function learn() {
  try {
    become((await api.get("/app/session")).signed_in);
  } catch {
    become(null); // the sign-in page says what is wrong when one tries
  }
}

/** Throws `Problem` for a key that is not good. */
export async function signIn(key) {
  become((await api.post("/app/session", { key })).signed_in);
  windows.postMessage("changed");
}

/** Forget the session in this browser, in all of its windows. */
export async function signOut() {
  await api.delete("/app/session");
  become(null);
  windows.postMessage("changed");
}

function become(found) {
  who = found;
  for (const told of watchers) told(who);
}

onEnded(() => who && become(null));
windows.onmessage = () => learn();
