/** What is done with many images at once. Each gets `{ assets, selection, feed, place }`. */
import { api } from "../app/api.js";
import { once } from "../app/button.js";
import { askPerson } from "../app/dialog.js";
import { beginJob } from "../app/job-tray.js";
import { forMany } from "../app/many.js";
import { go } from "../app/router.js";
import { tell } from "../app/toasts.js";
import { leaf, many } from "../app/words.js";
import { editTogether } from "../editor/batch.js";

const ids = (assets) => assets.map((asset) => asset.asset_id);
const listed = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
const PRESETS = ["c_limit,w_1600/f_auto,q_auto", "c_fill,g_auto,h_400,w_400/f_auto,q_auto", "c_limit,h_360/f_webp,q_75"];

/** Tags that are added, and taken away. */
export async function tag({ assets, feed }) {
  const known = [...new Set(assets.flatMap((asset) => asset.tags))].sort();
  const change = await askPerson({
    title: `Tag ${many(assets.length, "image")}`,
    fields: [
      { name: "add", label: "Add these", hint: "With commas between", maxLength: 1000 },
      { name: "remove", label: "Take these away", hint: known.length ? `There are: ${known.slice(0, 30).join(", ")}` : "They have none", maxLength: 1000 },
    ],
    action: "Tag",
    submit: ({ add, remove }) => ({ add_tags: listed(add), remove_tags: listed(remove) }),
  });
  if (!change || !(change.add_tags.length + change.remove_tags.length)) return;
  const { done } = await forMany(assets, "Tagging", async (asset, signal) => {
    const now = await api.patch(`/v1/assets/${asset.asset_id}`, change, { signal, tries: 3 });
    Object.assign(asset, { tags: now.tags, version: now.version });
  });
  if (done.length) tell(`${many(done.length, "image")} tagged.`);
  feed.dispatchEvent(new Event("changed"));
}

/** Into another folder of the same bucket: the end of each name stays. */
export async function move({ assets, selection, feed, place }) {
  const folder = await askPerson({
    title: `Move ${many(assets.length, "image")}`,
    fields: [{ name: "folder", label: "To the folder", value: place.folder, hint: "For instance holiday/2026; empty: the top of the bucket", maxLength: 400 }],
    action: "Move",
    submit: (values) => values.folder.trim().replace(/^\/+|\/+$/g, ""),
  });
  if (folder === null) return;
  const to = folder && `${folder}/`;
  const moving = assets.filter((asset) => asset.public_id !== to + leaf(asset.public_id));
  const { done } = await forMany(moving, "Moving", (asset, signal) =>
    api.post(`/v1/assets/${asset.asset_id}/rename`, { public_id: to + leaf(asset.public_id) }, { signal }));
  forget(done, selection, feed);
  if (done.length) tell(`${many(done.length, "image")} moved to ${to || "the top"}.`);
}

/** Into the trash, with a way back as long as they are there. */
export async function remove({ assets, selection, feed }) {
  const sure = await askPerson({
    title: `Delete ${many(assets.length, "image")}?`,
    text: "They are served no more, anywhere. Until the trash is emptied they can be restored.",
    action: "Delete",
    danger: true,
    submit: () => true,
  });
  if (!sure) return;
  const { done } = await forMany(assets, "Deleting", (asset, signal) => api.delete(`/v1/assets/${asset.asset_id}`, {}, { signal, tries: 3 }));
  forget(done, selection, feed);
  if (!done.length) return;
  tell(`${many(done.length, "image")} deleted.`, { action: "Undo", run: () => restore(done), stay: true });
}

async function restore(assets) {
  const { done } = await forMany(assets, "Restoring", (asset, signal) => api.post(`/v1/assets/${asset.asset_id}/restore`, undefined, { signal, tries: 3 }));
  if (done.length) tell(`${many(done.length, "image")} restored.`, { action: "Show", run: () => location.reload() });
}

/** As ZIP files, by a job. */
export const download = once(async ({ assets, place }) => {
  await beginJob({ kind: "export", bucket: place.bucket, asset_ids: ids(assets) }, `Download of ${many(assets.length, "image")}`);
});

/** All of them the same way, as one looks at one of them. */
export const edit = ({ assets }) => go(editTogether(assets));

/** Renditions made now, so that nobody waits for them later. */
export async function transform({ assets, place }) {
  const order = await askPerson({
    title: `Transform ${many(assets.length, "image")}`,
    text: "Renditions are made now and kept where they are made. The images themselves stay as they are.",
    fields: [{ name: "t", label: "Transformations, one a line", type: "textarea", value: PRESETS[0], required: true, spellcheck: false, hint: `For instance ${PRESETS.join("  ·  ")}` }],
    action: "Begin",
    submit: ({ t }) => ({ kind: "transform", bucket: place.bucket, asset_ids: ids(assets), transformations: t.split("\n").map((line) => line.trim()).filter(Boolean) }),
  });
  if (order) await beginJob(order, `Transform ${many(assets.length, "image")}`);
}

function forget(assets, selection, feed) {
  const gone = new Set(ids(assets));
  selection.drop(gone);
  if (gone.size) feed.drop(gone);
}
