/**
 * Watching a job until it has ended: by server-sent events, or by asking every two seconds. A stream holds a connection,
 * and without HTTP/2 a browser opens six to a service, for all its windows together: with a stream for each of many jobs
 * nothing else would be answered. So only two jobs have one; and where a proxy or a full service refuses it, none has.
 */
import { api, pause, segment } from "./api.js";

const STREAMS = 2;
const LOOK_SECONDS = 2;
const AWAY = [0, 429, 502, 503, 504]; // nobody can say just now how far it is

let streams = 0;

/** Call `told(job)` at every change until the job has ended; answers the job as it ended. Throws `Problem`, AbortError. */
export async function watchJob(id, told, signal) {
  const path = `/v1/jobs/${segment(id)}`;
  return (streams < STREAMS && (await streamed(path, told, signal))) || asked(path, told, signal);
}

/** null when the browser has given the stream up; what breaks off it begins anew by itself. */
async function streamed(path, told, signal) {
  const source = new EventSource(`${path}/events`);
  streams += 1;
  try {
    return await new Promise((resolve, reject) => {
      const hear = (event) => {
        const job = JSON.parse(event.data);
        told(job);
        return job;
      };
      source.addEventListener("progress", hear);
      source.addEventListener("end", (event) => resolve(hear(event)));
      source.onerror = () => source.readyState === EventSource.CLOSED && resolve(null);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  } finally {
    source.close();
    streams -= 1;
  }
}

async function asked(path, told, signal) {
  for (;;) {
    const job = await look(path, signal);
    if (job) told(job);
    if (job?.finished_at) return job;
    await pause(LOOK_SECONDS, signal);
  }
}

async function look(path, signal) {
  try {
    return await api.get(path, {}, { signal });
  } catch (error) {
    if (AWAY.includes(error.status)) return null;
    throw error;
  }
}
