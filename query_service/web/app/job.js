/** Watching a job by server-sent events. */
import { api, segment } from "./api.js";

/**
 * Call `told(job)` at every change until the job has ended; answers the job as it ended. The browser reconnects by
 * itself; when it gives up, the job is asked for once more, and what that says is thrown or believed.
 */
export function watchJob(id, told, signal) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`/v1/jobs/${segment(id)}/events`);
    const stop = () => source.close();
    const hear = (event) => {
      const job = JSON.parse(event.data);
      told(job);
      return job;
    };
    source.addEventListener("progress", hear);
    source.addEventListener("end", (event) => { stop(); resolve(hear(event)); });
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      stop();
      api.get(`/v1/jobs/${segment(id)}`).then((job) => { told(job); resolve(job); }, reject);
    };
    signal?.addEventListener("abort", () => { stop(); reject(signal.reason); }, { once: true });
  });
}
