/** Upload keys: programs sign upload tickets with them, with no query service asked. */
import { api, segment } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { tell } from "../app/toasts.js";
import { bytes, many, when } from "../app/words.js";
import { beginnings, button, head, state, tableOf, ticked, ticks } from "./fields.js";
import { EXPIRIES } from "./keys.js";
import { showSecret } from "./secret.js";
import { bytesOf, numberOf } from "./sizes.js";

const SIGNS = { active: "good", expired: "warn", revoked: "bad" };

export async function draw({ place, again, signal }) {
  const [{ keys }, { buckets }] = await Promise.all([api.get("/v1/upload-keys", {}, { signal }), api.get("/v1/buckets", {}, { signal })]);
  const names = buckets.map((bucket) => bucket.name);
  refill(place, head("Upload keys", "With one a program signs permissions to upload by itself, within the key's limits.", names.length > 0 && button("New upload key", () => make(names, again), "primary")),
    keys.length ? tableOf("Upload keys", ["Name", "State", "For", "A ticket brings", "Good until", ""], keys.map((key) => row(key, again))) : el("p.muted", {}, "There are none."));
}

function row(key, again) {
  const most = key.max_bytes === null ? "" : `, ${bytes(key.max_bytes)} each`;
  return [
    key.name, state(key.state, SIGNS[key.state]),
    [...key.buckets, ...key.prefixes.map((prefix) => `${prefix}…`)].map((text) => el("span.chip", {}, text)),
    `${many(key.max_files, "file")}${most}, for ${many(key.max_seconds, "second")}`,
    key.expires_at ? when(key.expires_at) : "No end",
    key.state !== "revoked" && button("Revoke", () => revoke(key, again)),
  ];
}

async function make(names, again) {
  const made = await askPerson({
    title: "New upload key",
    fields: [
      { name: "name", label: "Name", required: true, maxLength: 32, pattern: "[a-z0-9]([a-z0-9\\-]*[a-z0-9])?", spellcheck: false, hint: "Small letters, digits, and - between." },
      ticks("bucket", "For these buckets", names, names.slice(0, 1)),
      { name: "prefixes", label: "Only names that begin so", type: "textarea", spellcheck: false, hint: "One a line. Empty: all names." },
      { name: "bytes", label: "Largest file", hint: "Such as 10 MB. Empty: what the bucket allows." },
      { name: "files", label: "Files of one ticket", type: "number", min: 1, max: 1000, value: 1, required: true },
      { name: "seconds", label: "Longest life of a ticket, in seconds", type: "number", min: 1, max: 604800, value: 3600, required: true },
      { name: "expires", label: "The key ends", options: EXPIRIES },
    ],
    action: "Make the key",
    submit: (values) => api.post("/v1/upload-keys", {
      name: values.name, buckets: ticked(values, "bucket"), prefixes: beginnings(values.prefixes), max_bytes: bytesOf(values.bytes),
      max_files: numberOf(values.files), max_seconds: numberOf(values.seconds), expires_in: Number(values.expires) || null,
    }),
  });
  if (!made) return;
  await showSecret(`The upload key “${made.key.name}”`, made.secret, "For the program that signs tickets.");
  await again();
}

async function revoke(key, again) {
  const gone = await askPerson({
    title: `Revoke “${key.name}”?`, text: "What it signs, and has signed, opens nothing from now on, for good.", action: "Revoke", danger: true,
    submit: () => api.delete(`/v1/upload-keys/${segment(key.name)}`),
  });
  if (!gone) return;
  tell(`The upload key “${key.name}” is revoked.`);
  await again();
}
