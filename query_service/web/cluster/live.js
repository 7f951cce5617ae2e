/** Watching the cluster by server-sent events. */
import { api } from "../app/api.js";

const AGAIN = 3; // seconds, when the browser itself has given up
const PATIENCE = 5; // seconds without a connection until it is said: at the end of each stream the browser takes two

/**
 * Call `told(overview)` at every change until `stop()` is called. `lost(error)`: nothing is heard now; the error says why,
 * where the API said it. The browser reconnects by itself; what it gives up on is asked once plainly, and begun anew.
 */
export function watchOverview(told, lost) {
  let source = null;
  let timer = 0; // until the loss is said, or until it is begun anew
  let last = null;
  let stopped = false;

  const later = (run, seconds) => {
    clearTimeout(timer);
    timer = setTimeout(run, seconds * 1000);
  };
  const cancel = () => {
    clearTimeout(timer);
    timer = 0;
  };
  const hear = (overview) => {
    if (stopped) return;
    last = overview;
    told(overview);
  };

  function begin() {
    cancel();
    source = new EventSource("/v1/overview/events");
    source.addEventListener("overview", (event) => hear(JSON.parse(event.data)));
    source.onopen = () => {
      cancel();
      if (last) told(last); // what is as it was is not told again
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) again();
      else if (!timer) later(lost, PATIENCE); // not from each of its tries anew: they come faster than that
    };
  }

  async function again() {
    source.close();
    try {
      hear(await api.get("/v1/overview", {}, { tries: 1 })); // a 401 leads to the sign-in
    } catch (error) {
      if (!stopped) lost(error);
    }
    if (!stopped) later(begin, AGAIN);
  }

  begin();
  return {
    stop() {
      stopped = true;
      cancel();
      source.close();
    },
  };
}
