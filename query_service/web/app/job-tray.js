/** Jobs that were begun here, followed until they have ended: progress, a way to cancel, and what they made. */
import { api, segment } from "./api.js";
import { button } from "./button.js";
import { el, refill } from "./dom.js";
import { watchJob } from "./job.js";
import { isAbort } from "./problem.js";
import { tellProblem } from "./toasts.js";
import { bytes, count, many } from "./words.js";

const ENDS = { done: "done", failed: "failed", cancelled: "cancelled" };

/** Order a job (the body of POST /v1/jobs) and follow it. `title`: what it does. Answers it as it ended, or null. */
export async function runJob(order, title) {
  const job = await ordered(order);
  return job && followJob(job, title);
}

/** The same for who does not wait for its end. */
export async function beginJob(order, title) {
  const job = await ordered(order);
  if (job) followJob(job, title);
}

async function ordered(order) {
  try {
    return await api.post("/v1/jobs", order);
  } catch (error) {
    tellProblem(error);
    return null;
  }
}

/** Follow a job that there is. */
export async function followJob(job, title) {
  const control = new AbortController();
  const meter = el("progress", { "aria-label": title });
  const words = el("p", {});
  const cancel = button("Cancel", () => api.delete(`/v1/jobs/${segment(job.id)}`));
  const close = el("button.quiet.icon.close", { type: "button", "aria-label": `Close: ${title}`, onclick: () => { toast.remove(); control.abort(); } }, "✕");
  const toast = el("div.toast", { "data-job": job.id, "data-stays": true }, el("p", {}, el("strong", {}, title)), words, meter, cancel, close);
  document.querySelector("atoll-toasts").polite.append(toast);
  const draw = (now) => {
    const { items, done, failed } = now.progress;
    if (items) Object.assign(meter, { max: items, value: done + failed });
    words.textContent = `${now.state}, ${count(done)} of ${many(items, "image")}${failed ? `, ${count(failed)} failed` : ""}`;
  };
  draw(job);
  try {
    const ended = await watchJob(job.id, draw, control.signal);
    refill(toast, el("p", {}, el("strong", {}, `${title}: ${ENDS[ended.state] ?? ended.state}`)), words, results(ended), close);
    toast.classList.toggle("bad", ended.state === "failed");
    return ended;
  } catch (error) {
    if (!isAbort(error)) tellProblem(error);
    return null;
  }
}

function results(job) {
  const files = job.files.map((file) => el("li", {}, el("a", { href: file.url, download: file.name }, file.name), ` ${bytes(file.bytes)}`));
  const errors = job.errors.slice(0, 5).map((error) => el("li", {}, `${error.item}: ${error.detail}`));
  return [files.length > 0 && el("ul", {}, files), errors.length > 0 && el("details", {}, el("summary", {}, "What failed"), el("ul", {}, errors))];
}
