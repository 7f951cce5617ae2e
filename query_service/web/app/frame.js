/** <atoll-frame>: what surrounds every page. Skip link, name, navigation, who is signed in, theme, toasts. */
import { el, refill } from "./dom.js";
import { PAGES } from "./pages.js";
import { may, signedIn, signOut, watchSession } from "./session.js";
import { theme, turnTheme } from "./theme.js";
import { tellProblem } from "./toasts.js";

const THEMES = { auto: "As the system", light: "Light", dark: "Dark" };
const SIGNS = { auto: "◐", light: "☀", dark: "☾" };

class Frame extends HTMLElement {
  connectedCallback() {
    this.nav = el("nav", { "aria-label": "Pages" });
    this.person = el("div.person");
    refill(
      this,
      el("a.skip", { href: "#main", onclick: (event) => this.skip(event) }, "To the content"),
      el("header.bar", {}, el("a.brand", { href: "/app/", "aria-label": "Atoll" }, brand(), el("span", {}, "Atoll")), this.nav, this.person),
      el("main", { id: "main", tabIndex: -1 }),
      el("atoll-toasts"),
    );
    watchSession(() => this.draw());
    addEventListener("atoll:page", (event) => this.mark(event.detail));
    this.draw();
  }

  draw() {
    const who = signedIn();
    const pages = who ? PAGES.filter((page) => page.nav && (!page.scope || may(page.scope))) : [];
    refill(this.nav, pages.map((page) => el("a", { href: page.path, "data-tag": page.tag }, page.nav)));
    refill(this.person, themeButton(), who && el("span.who", { title: `Scopes: ${who.scopes.join(", ")}` }, who.key), who && signOutButton());
    if (this.page) this.mark(this.page);
  }

  /** Which page is shown. */
  mark(page) {
    this.page = page;
    for (const link of this.nav.children) {
      if (link.dataset.tag === page.tag) {
        link.setAttribute("aria-current", "page");
        this.nav.scrollLeft = link.offsetLeft - this.nav.offsetLeft - (this.nav.clientWidth - link.offsetWidth) / 2; // on a phone they have no room beside each other
      } else {
        link.removeAttribute("aria-current");
      }
    }
  }

  skip(event) {
    event.preventDefault();
    this.querySelector("#main").focus();
  }
}

function brand() {
  return el("img", { src: new URL("../icon.svg", import.meta.url).pathname, alt: "", width: 26, height: 26 });
}

function themeButton() {
  const button = el("button.quiet.icon", { type: "button", onclick: () => named(turnTheme()) });
  const named = (which) => {
    button.textContent = SIGNS[which];
    button.title = `Colours: ${THEMES[which]}`;
    button.setAttribute("aria-label", button.title);
  };
  named(theme());
  return button;
}

function signOutButton() {
  return el("button.quiet", { type: "button", onclick: () => signOut().catch(tellProblem) }, "Sign out");
}

customElements.define("atoll-frame", Frame);
