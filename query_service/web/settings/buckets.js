/** Buckets: the list, a new one, and one of them with its whole policy (bucket-form.js) and its end (bucket-end.js). */
import { api, segment } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { go } from "../app/router.js";
import { may } from "../app/session.js";
import { tell } from "../app/toasts.js";
import { bytes, count } from "../app/words.js";
import { endOf } from "./bucket-end.js";
import { formOf } from "./bucket-form.js";
import { bucketPath, save } from "./bucket-store.js";
import { button, head, state, tableOf } from "./fields.js";

export const draw = (shown) => (shown.name ? one(shown) : all(shown));

async function all({ place, signal }) {
  const { buckets } = await api.get("/v1/buckets", {}, { signal });
  refill(place, head("Buckets", "A bucket is a namespace of images and a policy.", may("admin") && button("New bucket", make, "primary")),
    buckets.length ? tableOf("Buckets", ["Name", "Readable by", "Quota", "Named", "Images lie in"], buckets.map(row)) : el("p.muted", {}, "There is none yet."));
}

function row(bucket) {
  const quota = [bucket.quota.bytes !== null && bytes(bucket.quota.bytes), bucket.quota.assets !== null && `${count(bucket.quota.assets)} images`].filter(Boolean);
  return [
    [el("a", { href: `/app/settings/buckets/${segment(bucket.name)}` }, bucket.name), bucket.ending && el("p", {}, state("being deleted", "bad"))],
    bucket.visibility === "public" ? "Everybody" : "Signed addresses", quota.join(", ") || "None",
    count(Object.keys(bucket.transformations).length), bucket.home_regions.join(", ") || "All regions",
  ];
}

async function make() {
  const made = await askPerson({
    title: "New bucket",
    fields: [
      { name: "name", label: "Name", required: true, minLength: 3, maxLength: 63, pattern: "[a-z0-9][a-z0-9\\-]*[a-z0-9]", spellcheck: false, hint: "Small letters, digits, and - between. It stands in addresses." },
      { name: "visibility", label: "Its images can be read by", options: [{ value: "private", label: "Those who have a signed address" }, { value: "public", label: "Everybody" }] },
    ],
    action: "Make the bucket",
    submit: async ({ name, visibility }) => {
      await unless(name);
      return api.put(bucketPath(name), { visibility });
    },
  });
  if (made) await go(`/app/settings/buckets/${segment(made.name)}`);
}

/** A PUT would give a bucket that is there another policy. */
async function unless(name) {
  const { buckets } = await api.get("/v1/buckets");
  if (buckets.some((bucket) => bucket.name === name)) throw new Error(`There is a bucket “${name}” already.`);
}

async function one({ place, name, signal, again }) {
  const [bucket, { regions }] = await Promise.all([api.get(bucketPath(name), {}, { signal }), api.get("/v1/regions", {}, { signal })]);
  const admin = may("admin") && !bucket.ending;
  const form = formOf(bucket, regions.map((region) => region.name), admin, async (order) => {
    await save(bucket, order);
    tell(`The policy of ${name} is changed.`);
    await again();
  });
  refill(place, head(name, null, el("a.button", { href: `/app/library/${segment(name)}/` }, "Images")),
    el("p", {}, el("a", { href: "/app/settings/buckets" }, "All buckets")), form, may("admin") && endOf(bucket, signal, again));
}
