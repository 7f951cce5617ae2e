/** What is edited becomes the images' next version, or renditions of all of them are made: jobs, followed to their end. */
import { api, pause } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { beginJob, runJob } from "../app/job-tray.js";
import { tell } from "../app/toasts.js";
import { many } from "../app/words.js";
import { transformationOf } from "./recipe.js";

const LOOKS = 20; // for the catalog to hear of it

/** A new version of each. Of one image the page then goes on with that version. */
export async function saveAll(page) {
  const { asset, batch } = page;
  const title = batch.length > 1 ? `New version of ${many(batch.length, "image")}` : "New version";
  if (page.saving) return;
  page.hold(true);
  try {
    if (!(await agreed(asset.bucket, batch.length))) return;
    const order = { kind: "apply", bucket: asset.bucket, asset_ids: batch, transformation: wholeOf(page) };
    const ended = await runJob(order, title);
    if (ended?.state !== "done" || ended.progress.failed) return;
    await page.saved(await shown(asset));
    tell(`${many(batch.length, "image")} saved.`);
  } finally {
    page.hold(false);
  }
}

/** Renditions made now, so that nobody waits for them later. */
export async function makeForAll({ asset, batch, recipe }) {
  const order = { kind: "transform", bucket: asset.bucket, asset_ids: batch, transformations: [transformationOf(recipe)] };
  await beginJob(order, `Renditions of ${many(batch.length, "image")}`);
}

const wholeOf = ({ recipe, size }) => transformationOf(recipe, { size, stored: true });

/** Asked where there is no way back, or it is done to many. */
async function agreed(bucket, count) {
  const { buckets } = await api.get("/v1/buckets");
  const keeps = buckets.find((each) => each.name === bucket)?.versioning ?? true;
  if (keeps && count === 1) return true;
  const text = keeps ? "They show it from now on; the versions of now stay, and can be gone back to one by one." : "This bucket keeps no older versions: what is there now is deleted.";
  return askPerson({ title: `Save ${many(count, "image")}?`, text, action: "Save", danger: !keeps, submit: () => true });
}

/** The image as it is then. The catalog hears of a new version by event, usually within a tenth of a second. */
async function shown({ asset_id: id, version }) {
  for (let look = 1; ; look += 1) {
    const now = await api.get(`/v1/assets/${id}`);
    if (now.version > version || look === LOOKS) return now;
    await pause(look / 20);
  }
}
