/** A bucket's named transformations: seen on one of its images, made, changed, taken away. They are part of its policy. */
import { api } from "../app/api.js";
import { askPerson, fieldOf } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { go } from "../app/router.js";
import { may } from "../app/session.js";
import { tell } from "../app/toasts.js";
import { lastBucket } from "../library/address.js";
import { bucketPath, policyOf, save } from "./bucket-store.js";
import { button, head, tableOf } from "./fields.js";
import { Preview } from "./preview.js";

export async function draw({ place, name, signal, again }) {
  const names = (await api.get("/v1/buckets", {}, { signal })).buckets.map((bucket) => bucket.name);
  if (!names.length) return refill(place, head("Named transformations", "There is no bucket yet."));
  const chosen = [name, lastBucket.get(), names.find((each) => !each.startsWith("atoll-")), names[0]].find((each) => names.includes(each));
  const [bucket, image] = await Promise.all([api.get(bucketPath(chosen), {}, { signal }), newest(chosen, signal)]);
  const rows = Object.entries(bucket.transformations).sort().map(([each, text]) => row(bucket, each, text, image, signal, again));
  const which = fieldOf({ name: "bucket", label: "Bucket", options: names, value: chosen, onchange: (event) => go(`/app/settings/transformations/${event.target.value}`) });
  return refill(place, head("Named transformations", "t_NAME stands for all of it, in addresses that nobody has to sign.",
    may("admin") && button("New transformation", () => edit(bucket, null, "", image, again), "primary")),
  which, rows.length ? tableOf("Named transformations", ["On an image", "Name", "Transformation", ""], rows) : el("p.muted", {}, "This bucket has none yet."),
  !image && el("p.hint", {}, "Previews come with the bucket's first image."));
}

/** What previews are made of. */
async function newest(bucket, signal) {
  return (await api.get("/v1/assets", { bucket, sort: "-created_at", limit: 1 }, { signal })).assets[0] ?? null;
}

function row(bucket, name, text, image, signal, again) {
  const preview = new Preview(image, signal);
  preview.show(`t_${name}`);
  return [preview.element, el("code", {}, `t_${name}`), el("code.long", {}, text), may("admin") && el("div.row", {},
    button("Change", () => edit(bucket, name, text, image, again)), button("Delete", () => remove(bucket, name, again)))];
}

/** A new one, or another meaning of `known`. What is typed is seen at once. */
async function edit(bucket, known, text, image, again) {
  const control = new AbortController();
  const preview = new Preview(image, control.signal);
  if (text) preview.show(text);
  const done = await askPerson({
    title: known ? `Change t_${known}` : "New transformation",
    text: known ? "Addresses with this name show the new meaning from now on, as soon as what is cached ends." : null,
    fields: [
      { name: "name", label: "Name", value: known ?? "", required: true, readOnly: Boolean(known), maxLength: 64, pattern: "[A-Za-z0-9][A-Za-z0-9_\\-]*", spellcheck: false, hint: "Letters, digits, _ and -" },
      { name: "text", label: "Transformation", type: "textarea", value: text, required: true, maxLength: 3000, spellcheck: false, hint: "Such as c_fill,g_auto,w_400,h_300/e_sepia", oninput: (event) => preview.later(event.target.value) },
      preview.element,
    ],
    action: "Keep",
    submit: (values) => keep(bucket, known, values.name, values.text.trim()),
  });
  control.abort();
  if (!done) return;
  tell(`t_${done} is known in ${bucket.name}.`);
  await again();
}

async function keep(bucket, known, name, text) {
  if (!known && Object.hasOwn(bucket.transformations, name)) throw new Error(`There is a t_${name} already.`);
  const policy = policyOf(bucket);
  await save(bucket, { ...policy, transformations: { ...policy.transformations, [name]: text } });
  return name;
}

async function remove(bucket, name, again) {
  const gone = await askPerson({
    title: `Delete t_${name}?`, text: "Addresses with this name end with 400 from now on.", action: "Delete", danger: true,
    submit: () => {
      const { [name]: _, ...others } = bucket.transformations;
      return save(bucket, { ...policyOf(bucket), transformations: others });
    },
  });
  if (gone) await again();
}
