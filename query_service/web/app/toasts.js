/**
 * <atoll-toasts>, and `tell`, `tellProblem`: short messages at the edge of the window. What went wrong stays until it
 * is closed; what went well leaves by itself. Screen readers hear both. They are for who is signed in, and nobody after.
 */
import { el } from "./dom.js";
import { asProblem, isAbort } from "./problem.js";
import { signedIn, watchSession } from "./session.js";

const SECONDS = 6;
const MOST = 4;

class Toasts extends HTMLElement {
  connectedCallback() {
    this.setAttribute("aria-label", "Messages");
    this.setAttribute("role", "region");
    this.polite = el("div", { role: "status" });
    this.urgent = el("div", { role: "alert" });
    this.replaceChildren(this.polite, this.urgent);
    let key = signedIn()?.key;
    watchSession((who) => {
      if (who?.key !== key) for (const place of this.children) place.replaceChildren();
      key = who?.key;
    });
  }

  add(toast, urgent) {
    const place = urgent ? this.urgent : this.polite;
    place.append(toast);
    const leaving = [...place.children].filter((each) => !("stays" in each.dataset)); // who works, or has something to give, keeps its place
    for (const each of leaving.slice(0, -MOST)) each.remove();
  }
}

/** Say something. `action`, `run`: a button. `once`: not twice at the same time. `stay`: until it is closed. */
export function tell(text, { action, run, once, stay = false } = {}) {
  const toast = el("div.toast", { "data-stays": stay }, el("p", {}, text));
  if (action) toast.append(el("button", { type: "button", onclick: () => { toast.remove(); run(); } }, action));
  return put(toast, once, false, stay || Boolean(action) ? SECONDS * (stay ? Infinity : 2) : SECONDS);
}

/** Say what went wrong: title, what to do, and the facts to look at. Aborts are nothing. */
export function tellProblem(error) {
  if (isAbort(error)) return null;
  const problem = asProblem(error);
  if (problem.status === 401) return null; // the sign-in has taken the page's place
  const facts = Object.entries(problem.facts).slice(0, 12);
  const toast = el("div.toast.bad", {}, el("p", {}, el("strong", {}, problem.title)));
  if (problem.message !== problem.title) toast.append(el("p", {}, problem.message));
  if (facts.length) toast.append(el("details", {}, el("summary", {}, "Details"), factsOf(facts)));
  return put(toast, `${problem.title} ${problem.message}`, true, Infinity);
}

function factsOf(facts) {
  const shown = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value)).slice(0, 300);
  return el("dl", {}, facts.map(([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, shown(value))]));
}

function put(toast, once, urgent, seconds) {
  const place = document.querySelector("atoll-toasts");
  if (once && [...place.querySelectorAll(".toast")].some((other) => other.dataset.once === once)) return null;
  if (once) toast.dataset.once = once;
  toast.append(el("button.quiet.icon.close", { type: "button", "aria-label": "Close", onclick: () => toast.remove() }, "✕"));
  place.add(toast, urgent);
  if (seconds !== Infinity) setTimeout(() => toast.remove(), seconds * 1000);
  return toast;
}

customElements.define("atoll-toasts", Toasts);
