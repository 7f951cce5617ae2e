/** Webhooks: endpoints that are told of events; the log of each is in deliveries.js. */
import { api, segment } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { el, refill } from "../app/dom.js";
import { tell } from "../app/toasts.js";
import { when } from "../app/words.js";
import { logOf } from "./deliveries.js";
import { button, head, tableOf, ticked, ticks } from "./fields.js";
import { showSecret } from "./secret.js";

const EVENTS = ["asset.stored", "asset.updated", "asset.deleted", "job.done", "job.failed"];

export async function draw(shown) {
  const { place, name, signal, again } = shown;
  const { webhooks } = await api.get("/v1/webhooks", {}, { signal });
  const chosen = webhooks.find((hook) => hook.id === name);
  if (chosen) return logOf(shown, chosen);
  return refill(place, head("Webhooks", "An endpoint is an address of yours that gets a POST for each event.", button("New webhook", () => make(again), "primary")),
    webhooks.length ? tableOf("Webhooks", ["Address", "Events", "Buckets", "Made", ""], webhooks.map((hook) => row(hook, again))) : el("p.muted", {}, "There are none."));
}

function row(hook, again) {
  const some = (values, all) => (values.length ? values.map((value) => el("span.chip", {}, value)) : all);
  return [
    el("code.long", {}, hook.url), some(hook.events, "All"), some(hook.buckets, "All"), when(hook.created_at),
    el("div.row", {}, el("a.button", { href: `/app/settings/webhooks/${segment(hook.id)}`, "aria-label": `Deliveries to ${hook.url}` }, "Deliveries"), button("Remove", () => remove(hook, again))),
  ];
}

async function make(again) {
  const names = (await api.get("/v1/buckets")).buckets.map((bucket) => bucket.name);
  const made = await askPerson({
    title: "New webhook",
    fields: [
      { name: "url", label: "Address", type: "url", required: true, maxLength: 2048, placeholder: "https://", spellcheck: false },
      ticks("event", "Told of these events", EVENTS, [], "None ticked: of all."),
      names.length > 0 && ticks("bucket", "In these buckets", names, [], "None ticked: in all."),
    ].filter(Boolean),
    action: "Make the webhook",
    submit: (values) => api.post("/v1/webhooks", { url: values.url.trim(), events: ticked(values, "event"), buckets: ticked(values, "bucket") }),
  });
  if (!made) return;
  await showSecret("The webhook's secret", made.secret, "What is sent is signed with it: check the signature before you believe a delivery.");
  await again();
}

async function remove(hook, again) {
  const gone = await askPerson({
    title: "Remove this webhook?", text: `${hook.url} is told of nothing any more, and its log goes with it.`, action: "Remove", danger: true,
    submit: () => api.delete(`/v1/webhooks/${segment(hook.id)}`),
  });
  if (!gone) return;
  tell("The webhook is removed.");
  await again();
}
