/**
 * Where the web app begins. Owns the order: who is signed in, then the page that the address names, then what was left unsent.
 * What goes wrong and nobody caught is told here, once.
 */
import "./app/frame.js";
import { start } from "./app/router.js";
import { learn, may, watchSession } from "./app/session.js";
import { applyTheme } from "./app/theme.js";
import { tell, tellProblem } from "./app/toasts.js";

applyTheme();
addEventListener("unhandledrejection", (event) => {
  tellProblem(event.reason);
  if (event.reason?.status === 401) event.preventDefault(); // the sign-in has taken the page's place: that says it
});
addEventListener("error", (event) => {
  if (event.error) tellProblem(event.error); // without one it is a ResizeObserver that goes on in the next frame
});
document.addEventListener("securitypolicyviolation", (event) => {
  if (event.disposition === "enforce" && /^(img|connect)-src/.test(event.effectiveDirective)) {
    tell("The cluster has a node that this page does not know yet. Reload to see its images.", {
      once: "new node", action: "Reload", run: () => location.reload(),
    });
  }
});
await learn();
start();
watchSession(sendOn);
sendOn();

/** Uploads of before go on whatever page is shown. Who never sent anything from this browser does not wait for more modules. */
async function sendOn() {
  if (!may("write") || !(await stores()).some(({ name }) => name === "atoll-uploads")) return;
  const { queue } = await import("./upload/queue.js");
  await queue.restore();
}

async function stores() {
  try {
    return await indexedDB.databases();
  } catch {
    return []; // a browser that keeps nothing, or does not tell: then the upload page looks itself
  }
}
