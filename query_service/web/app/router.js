/**
 * From addresses to pages and back, by the history API. Owns what is in <main>, the title, where the focus
 * goes, and how far each entry of the history was scrolled.
 */
import { el, refill } from "./dom.js";
import { find, SIGN_IN } from "./pages.js";
import { asProblem } from "./problem.js";
import { may, signedIn, watchSession } from "./session.js";
import { style } from "./styles.js";

let current = null; // { tag, element }
let turn = 0; // a slow page must not come after a later one
let resting = 0; // the timer of a scroll that may have ended
let placed = false; // whether what is seen is this entry's page, scrolled to where it was left
const REST_MS = 150; // writing down how far it went costs more than a frame

const main = () => document.querySelector("#main");

/** Go to an address of the app. `replace`: without a new entry in the history. */
export function go(path, { replace = false } = {}) {
  if (!replace) keepScroll();
  history[replace ? "replaceState" : "pushState"]({}, "", path);
  return show();
}

/** Scroll to where the present entry was left, or to the top for a `fresh` page, which calls this when it is as long. */
export function restoreScroll({ fresh = false } = {}) {
  scrollTo(0, fresh ? 0 : history.state?.scroll ?? 0);
  placed = true;
}

/** Begin: show the present address, and follow links and the browser's buttons. */
export function start() {
  history.scrollRestoration = "manual";
  addEventListener("popstate", () => show({ back: true }));
  addEventListener("scrollend", () => {
    clearTimeout(resting);
    resting = setTimeout(keepScroll, REST_MS);
  });
  addEventListener("pagehide", keepScroll);
  document.addEventListener("click", follow);
  let was = signedIn()?.key;
  watchSession((who) => {
    if (who?.key !== was) {
      was = who?.key;
      current = null;
      show({ back: true });
    }
  });
  return show();
}

function keepScroll() {
  clearTimeout(resting);
  if (placed) history.replaceState({ ...history.state, scroll: Math.round(scrollY) }, "");
}

function follow(event) {
  const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !url.pathname.startsWith("/app/")) return;
  event.preventDefault();
  go(url.pathname + url.search + url.hash);
}

/** `back`: to an entry of the history that there is. */
async function show({ back = false } = {}) {
  placed = false; // how far the page before was scrolled, and a scroll of it that ends now, is not this entry's
  const mine = ++turn;
  const { page, at: address } = (signedIn() ? find(new URL(location.href)) : { page: SIGN_IN }) ?? {};
  if (!page) return blank("There is no such page", "Look at the address, or begin at the library.");
  if (page.scope && !may(page.scope)) {
    return blank("This key may not see this", `The page needs an API key with the scope “${[page.scope].flat().join("” or “")}”.`);
  }
  const at = { ...address, back };
  if (current?.tag === page.tag && current.element.arrive) {
    main().removeAttribute("aria-busy"); // of a page that was on its way, and is not wanted any more
    placed = !current.element.keepsScroll;
    return current.element.arrive(at);
  }
  main().setAttribute("aria-busy", "true");
  try {
    await Promise.all([page.load(), ...(page.styles ?? []).map(style)]);
  } catch (error) {
    if (mine === turn) blank("This page could not be loaded", `${asProblem(error).message} There may be a newer version: reload.`);
    return undefined;
  }
  return mine === turn ? put(page, at) : undefined;
}

function put(page, at) {
  const element = document.createElement(page.tag);
  element.at = at;
  const again = current !== null;
  current = { tag: page.tag, element };
  refill(main(), element);
  main().removeAttribute("aria-busy");
  titled(page.title ?? page.nav);
  dispatchEvent(new CustomEvent("atoll:page", { detail: page }));
  if (!element.keepsScroll) restoreScroll();
  if (again) main().focus({ preventScroll: true });
}

/** What the window is called; pages say more when they know it. */
export function titled(text) {
  document.title = text ? `${text} · Atoll` : "Atoll";
}

function blank(title, detail) {
  current = null;
  refill(main(), el("section.empty", {}, el("h1", {}, title), el("p", {}, detail), el("a.button", { href: "/app/" }, "To the library")));
  main().removeAttribute("aria-busy");
  titled(title);
  dispatchEvent(new CustomEvent("atoll:page", { detail: { tag: "" } }));
}
