/** What can be done with the whole image: delete, restore, move, copy the original's address. */
import { api, pause } from "../app/api.js";
import { button } from "../app/button.js";
import { askPerson } from "../app/dialog.js";
import { el } from "../app/dom.js";
import { go } from "../app/router.js";
import { may } from "../app/session.js";
import { tell, tellProblem } from "../app/toasts.js";
import { editorOf } from "../editor/batch.js";

/** The buttons for a page's asset; without one: of what was deleted. */
export function actionsOf(page) {
  const { asset } = page;
  if (!asset) return el("div.row", {}, may("delete") && button("Restore", () => restore(page), "primary"));
  return el("div.row", {},
    el("a.button", { href: asset.url, target: "_blank", rel: "noopener" }, "Open original"),
    el("a.button", { href: editorOf(asset.asset_id) }, "Edit"),
    may("write") && may("delete") && button("Rename", () => rename(page)),
    may("delete") && button("Delete", () => remove(page)));
}

async function rename(page) {
  const moved = await askPerson({
    title: "Rename",
    fields: [{ name: "name", label: "Name in the bucket, with its folders", value: page.asset.public_id, required: true, maxLength: 512, spellcheck: false }],
    action: "Rename",
    submit: ({ name }) => api.post(`${page.path}/rename`, { public_id: name.trim() }),
  });
  if (moved) await go(`/app/image/${moved.asset_id}`, { replace: true });
}

async function remove(page) {
  const gone = await askPerson({
    title: "Delete this image?",
    text: "With all its versions. It is served no more, anywhere; until the trash is emptied its newest version can be restored.",
    action: "Delete",
    danger: true,
    submit: () => api.delete(page.path),
  });
  if (!gone) return;
  const { path } = page;
  const back = async () => {
    const asset = await api.post(`${path}/restore`);
    await shown(path);
    await go(`/app/image/${asset.asset_id}`);
  };
  tell("The image is deleted.", { action: "Undo", run: () => back().catch(tellProblem), stay: true });
  await page.leave();
}

async function restore(page) {
  await api.post(`${page.path}/restore`);
  await shown(page.path);
  tell("The image is back, as a new version.");
  await page.reload();
}

/** The catalog hears of it by event, usually within a tenth of a second. */
async function shown(path, tries = 20) {
  for (let attempt = 1; attempt < tries; attempt += 1) {
    const there = await api.get(path).then(() => true, (error) => error.status !== 404);
    if (there) return;
    await pause(attempt / 20);
  }
}
