/** API keys: made, changed, given another secret, revoked. A secret is shown once (secret.js). */
import { api, segment } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { may, signedIn } from "../app/session.js";
import { tell } from "../app/toasts.js";
import { when } from "../app/words.js";
import { beginnings, button, head, lines, state, tableOf, ticked, ticks } from "./fields.js";
import { showSecret } from "./secret.js";

const SCOPES = ["read", "write", "delete", "admin"];
const DAY = 86400;
export const EXPIRIES = [["", "Never"], [DAY, "In a day"], [7 * DAY, "In 7 days"], [30 * DAY, "In 30 days"], [90 * DAY, "In 90 days"], [366 * DAY, "In a year"]]
  .map(([value, label]) => ({ value: String(value), label }));
const OVERLAPS = [[0, "At once"], [3600, "In an hour"], [DAY, "In a day"], [7 * DAY, "In 7 days"]].map(([value, label]) => ({ value: String(value), label }));
const SIGNS = { active: "good", expired: "warn", revoked: "bad" };

export async function draw({ place, again, signal }) {
  const [{ keys }, names] = await Promise.all([api.get("/v1/keys", {}, { signal }), bucketNames(signal)]);
  const alive = keys.filter((key) => key.state !== "revoked");
  const gone = keys.filter((key) => key.state === "revoked");
  refill(place, head("API keys", "Programs and people come with one. None includes another's scopes; revoking is for good.",
    button("New key", () => make(names, again), "primary")),
  tableOf("API keys", ["Name", "Scopes", "Limits", "Last used", "Good until", ""], alive.map((key) => row(key, names, again))),
  gone.length > 0 && el("details", {}, el("summary", {}, `Revoked (${gone.length})`),
    tableOf("Revoked keys", ["Name", "Scopes", "Made", "Last used"], gone.map((key) => [key.name, key.scopes.join(", "), time(key.created_at), time(key.last_used)]))));
}

/** null for a key that may not read: it writes them down. */
async function bucketNames(signal) {
  if (!may("read")) return null;
  const { buckets } = await api.get("/v1/buckets", {}, { signal });
  return buckets.map((bucket) => bucket.name);
}

const time = (text) => (text ? when(text) : "–");

function row(key, names, again) {
  const own = key.name === signedIn().key;
  const limits = [...key.buckets, ...key.prefixes.map((prefix) => `${prefix}…`)];
  const until = [key.expires_at ? when(key.expires_at) : "No end", key.previous_until && `old secret: ${when(key.previous_until)}`];
  const doings = key.source === "map" && el("div.row", {},
    button("Change", () => change(key, names, again)), button("Rotate", () => rotate(key, again)), button("Revoke", () => revoke(key, own, again)));
  return [
    [el("strong", {}, key.name), own && el("p.hint", {}, "signed in here"), key.state !== "active" && el("p", {}, state(key.state, SIGNS[key.state]))],
    key.scopes.map((scope) => el("span.chip", {}, scope)),
    limits.length ? limits.map((limit) => el("span.chip", {}, limit)) : "None",
    time(key.last_used), until.filter(Boolean).map((text) => el("p", {}, text)),
    doings || el("p.hint", {}, "In the service's own file"),
  ];
}

function fieldsOf(names, key) {
  return [
    ticks("scope", "It may", SCOPES, key?.scopes ?? ["read"]),
    bucketsField(names, key?.buckets ?? []),
    { name: "prefixes", label: "Only names that begin so", type: "textarea", value: (key?.prefixes ?? []).join("\n"), spellcheck: false, hint: "One a line, such as shop/. Empty: all names." },
  ].filter(Boolean);
}

function bucketsField(names, chosen) {
  const label = "Only in these buckets";
  if (!names) return { name: "buckets", label, type: "textarea", value: chosen.join("\n"), spellcheck: false, hint: "One a line; this key does not see which there are. Empty: in all." };
  return (names.length > 0 || chosen.length > 0) && ticks("bucket", label, names, chosen, "None ticked: in all.");
}

const limitsOf = (values) => ({
  scopes: ticked(values, "scope"),
  buckets: values.buckets === undefined ? ticked(values, "bucket") : lines(values.buckets),
  prefixes: beginnings(values.prefixes),
});

async function make(names, again) {
  const made = await askPerson({
    title: "New API key",
    fields: [
      { name: "name", label: "Name", required: true, maxLength: 32, pattern: "[a-z0-9]([a-z0-9\\-]*[a-z0-9])?", spellcheck: false, hint: "Small letters, digits, and - between. A name is given once." },
      ...fieldsOf(names), { name: "expires", label: "It ends", options: EXPIRIES },
    ],
    action: "Make the key",
    submit: (values) => api.post("/v1/keys", { name: values.name, ...limitsOf(values), expires_in: Number(values.expires) || null }),
  });
  if (!made) return;
  await showSecret(`The key “${made.key.name}”`, made.secret, "Give it to the program that is to use it.");
  await again();
}

async function change(key, names, again) {
  const keep = { value: "keep", label: key.expires_at ? `As it is: ${when(key.expires_at)}` : "As it is: never" };
  const changed = await askPerson({
    title: `Change “${key.name}”`,
    text: "Its secret stays. What it may from now on counts everywhere as soon as the services have heard of it.",
    fields: [...fieldsOf(names, key), { name: "expires", label: "It ends", options: [keep, ...EXPIRIES], value: "keep" }],
    action: "Change",
    submit: (values) => api.patch(`/v1/keys/${segment(key.name)}`, { ...limitsOf(values), ...(values.expires === "keep" ? {} : { expires_in: Number(values.expires) || null }) }),
  });
  if (changed) await again();
}

async function rotate(key, again) {
  const made = await askPerson({
    title: `A new secret for “${key.name}”?`,
    text: "Both secrets are good until the old one ends.",
    fields: [{ name: "overlap", label: "The old one ends", options: OVERLAPS, value: String(DAY) }],
    action: "Rotate",
    submit: ({ overlap }) => api.patch(`/v1/keys/${segment(key.name)}`, { rotate: true, overlap: Number(overlap) }),
  });
  if (!made) return;
  await showSecret(`The new secret of “${key.name}”`, made.secret, "Give it to the programs that use the key.");
  await again();
}

async function revoke(key, own, again) {
  const gone = await askPerson({
    title: `Revoke “${key.name}”?`,
    text: own ? "You are signed in with this key: your session ends as well. It is refused everywhere from now on, for good." : "It is refused everywhere from now on, for good. Its sessions end, too.",
    action: "Revoke", danger: true,
    submit: () => api.delete(`/v1/keys/${segment(key.name)}`),
  });
  if (!gone) return;
  tell(`The key “${key.name}” is revoked.`);
  await again();
}
