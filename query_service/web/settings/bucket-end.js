/** The end of a bucket: an empty one at once, one with images only when the person writes its name; then how far it is. */
import { api, pause } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { asProblem, isAbort } from "../app/problem.js";
import { go } from "../app/router.js";
import { tell } from "../app/toasts.js";
import { bytes, many } from "../app/words.js";
import { bucketPath } from "./bucket-store.js";
import { button } from "./fields.js";

const SECONDS = 1; // between two looks at a deletion

export function endOf(bucket, signal, again) {
  const place = el("section.card.end", { "aria-label": "Delete the bucket" });
  if (bucket.ending?.everything) follow(bucket.name, place, signal);
  else refill(place, el("h3", {}, "Delete the bucket"), el("p.muted", {}, words(bucket.usage)), button("Delete the bucket", () => remove(bucket, again)));
  return place;
}

const words = ({ assets, bytes: size, complete }) => (assets ? `It has ${complete ? "" : "at least "}${many(assets, "image")}, ${bytes(size)}.` : "It is empty, as far as the nodes have said.");

async function remove({ name, usage }, again) {
  const full = usage.assets > 0;
  const gone = await askPerson({
    title: `Delete the bucket ${name}?`,
    text: full ? `All of its ${many(usage.assets, "image")} with it. They lie in the trash for a while, but without their bucket.` : "It is empty: nothing else goes with it.",
    fields: full ? [{ name: "typed", label: `Write ${name} to delete everything in it`, required: true, autocomplete: "off", spellcheck: false }] : [],
    action: full ? "Delete everything" : "Delete", danger: true,
    submit: ({ typed }) => {
      if (full && typed !== name) throw new Error("That is not the bucket's name.");
      return api.delete(bucketPath(name), full ? { force: "true" } : {});
    },
  });
  if (gone?.state === "deleted") await left(name);
  else if (gone) await again();
}

function left(name) {
  tell(`The bucket ${name} is deleted.`);
  return go("/app/settings/buckets");
}

/** What every node says, until nothing is left. */
async function follow(name, place, signal) {
  const meter = el("progress", { max: 1, value: 0, "aria-label": "Deleted" });
  const said = el("p", { role: "status" });
  refill(place, el("h3", {}, "It is being deleted"), meter, said);
  try {
    for (;;) {
      const end = await api.get(`${bucketPath(name)}/deletion`, {}, { signal });
      if (end.state === "deleted") return await left(name);
      Object.assign(meter, { max: Math.max(1, end.assets), value: end.assets - end.left });
      const silent = Object.keys(end.unasked);
      said.textContent = `${many(end.left, "image")} left.${silent.length ? ` No answer yet from ${silent.join(", ")}.` : ""}`;
      await pause(SECONDS, signal);
    }
  } catch (error) {
    if (!isAbort(error) && !signal.aborted) said.textContent = asProblem(error).message;
    return undefined;
  }
}
