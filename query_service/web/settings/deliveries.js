/** The log of a webhook: every delivery with its tries, one of them once more, and what waits followed until it is done. */
import { api, pause, segment } from "../app/api.js";
import { el, refill } from "../app/dom.js";
import { isAbort } from "../app/problem.js";
import { tell, tellProblem } from "../app/toasts.js";
import { many, when } from "../app/words.js";
import { button, head, state } from "./fields.js";

const SECONDS = 2; // between two looks while something waits
const SIGNS = { delivered: "good", waiting: "warn", failed: "bad" };

export async function logOf({ place, signal, again }, hook) {
  const path = `/v1/webhooks/${segment(hook.id)}/deliveries`;
  const list = el("ol.deliveries", { "aria-label": "Deliveries" });
  const more = el("div.row");
  const page = await api.get(path, {}, { signal });
  const open = new Map(); // delivery id: its row, so that a look changes what changed and nothing else
  refill(place, head("Deliveries", null, button("Refresh", again)), el("p", {}, el("a", { href: "/app/settings/webhooks" }, "All webhooks")), el("p", {}, el("code.long", {}, hook.url)),
    page.deliveries.length ? list : el("p.muted", {}, "Nothing was sent yet."), more);
  const add = ({ deliveries, next_cursor: cursor }) => {
    for (const delivery of deliveries) list.append(rowOf(delivery, path, open));
    refill(more, cursor && button("Older", async () => add(await api.get(path, { cursor }, { signal }))));
  };
  add(page);
  follow(path, open, signal).catch((error) => isAbort(error) || signal.aborted || tellProblem(error));
}

/** The newest page again and again while any of it waits. Rows have their place; new deliveries come by "Refresh". */
async function follow(path, open, signal) {
  for (;;) {
    await pause(SECONDS, signal);
    if (document.hidden || ![...open.values()].some((row) => row.dataset.state === "waiting")) continue;
    const { deliveries } = await api.get(path, {}, { signal });
    for (const delivery of deliveries) if (open.has(delivery.id)) fill(open.get(delivery.id), delivery, path);
  }
}

function rowOf(delivery, path, open) {
  const row = el("li.delivery");
  open.set(delivery.id, row);
  fill(row, delivery, path);
  return row;
}

function fill(row, delivery, path) {
  const told = JSON.stringify(delivery);
  if (row.told === told) return;
  Object.assign(row, { told });
  row.dataset.state = delivery.state;
  const opened = row.querySelector("details")?.open ?? false;
  refill(row,
    el("div.row", {}, state(delivery.state, SIGNS[delivery.state]), el("span.chip", {}, delivery.type), el("span", {}, when(delivery.created_at)),
      delivery.next_try && el("span.hint", {}, `next try ${when(delivery.next_try)}`), el("span.spread"),
      button("Send again", () => again(row, delivery, path), "", { "aria-label": `Send again: ${delivery.type}, ${when(delivery.created_at)}` })),
    el("details", { open: opened }, el("summary", {}, many(delivery.attempts.length, "try", "tries")),
      el("ul", {}, delivery.attempts.map(({ at, status, detail, seconds }) => el("li", {}, `${when(at)}: ${[status && `answer ${status}`, detail].filter(Boolean).join(", ")} (${seconds.toFixed(2)} s)`))),
      el("pre.body", { tabIndex: 0, "aria-label": "What is sent" }, pretty(delivery.body))));
}

async function again(row, delivery, path) {
  fill(row, await api.post(`${path}/${segment(delivery.id)}/redeliver`), path);
  tell("It is sent once more.");
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
