/** Signing keys: which keys sign the addresses of private images, and which of them are good still. */
import { api, segment } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { refill } from "../app/dom.js";
import { tell } from "../app/toasts.js";
import { when } from "../app/words.js";
import { button, head, state, tableOf } from "./fields.js";
import { showSecret } from "./secret.js";

const SIGNS = { active: "good", retired: "warn", revoked: "bad" };
const CHANGES = {
  retired: { action: "Retire", title: "Retire", text: "It signs no more. Addresses that it signed stay good until they expire." },
  active: { action: "Take back", title: "Take back", text: "It may sign again." },
  revoked: { action: "Revoke", title: "Revoke", text: "All addresses that it signed are closed at once, for good.", danger: true },
};

export async function draw({ place, again, signal }) {
  const { keys } = await api.get("/v1/signing-keys", {}, { signal });
  refill(place, head("Signing keys", "Addresses of private images are signed with the newest active key.", button("New signing key", () => make(again), "primary")),
    tableOf("Signing keys", ["Name", "In addresses", "State", "Made", ""], keys.map((key) => [
      key.name, key.id, state(key.signs ? `${key.state}, signs` : key.state, SIGNS[key.state]),
      key.created_at ? when(key.created_at) : "With the cluster", doings(key, again)])));
}

function doings(key, again) {
  const ways = { active: ["retired", "revoked"], retired: ["active", "revoked"], revoked: [] };
  return ways[key.state].map((to) => button(CHANGES[to].action, () => change(key, to, again)));
}

async function make(again) {
  const made = await askPerson({
    title: "New signing key",
    text: "Nodes honour it at once; it signs here some seconds later. With its secret a program signs by itself.",
    fields: [{ name: "name", label: "Name", maxLength: 32, pattern: "[a-z0-9]([a-z0-9\\-]*[a-z0-9])?", spellcheck: false, hint: "Small letters, digits, and - between. Empty: it gets one." }],
    action: "Make the key",
    submit: ({ name }) => api.post("/v1/signing-keys", name ? { name } : {}),
  });
  if (!made) return;
  await showSecret(`The signing key “${made.key.name}”`, made.secret, "Only programs that sign addresses by themselves need it.");
  await again();
}

async function change(key, to, again) {
  const { title, text, action, danger = false } = CHANGES[to];
  const done = await askPerson({ title: `${title} “${key.name}”?`, text, action, danger, submit: () => api.patch(`/v1/signing-keys/${segment(key.name)}`, { state: to }) });
  if (!done) return;
  tell(`The signing key “${key.name}” is ${to} now.`);
  await again();
}
