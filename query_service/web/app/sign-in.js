/** <atoll-sign-in>: an API key for a session. The page that was wanted comes afterwards. */
import { el, refill } from "./dom.js";
import { asProblem } from "./problem.js";
import { signIn } from "./session.js";

class SignIn extends HTMLElement {
  connectedCallback() {
    this.key = el("input", { type: "password", id: "api-key", name: "key", required: true, autocomplete: "current-password", maxLength: 256, spellcheck: false, "aria-describedby": "api-key-hint" });
    this.wrong = el("p.wrong", { role: "alert", hidden: true });
    this.button = el("button.primary", { type: "submit" }, "Sign in");
    refill(this, el("form.card", { onsubmit: (event) => this.send(event) },
      el("h1", {}, "Sign in"),
      el("div.field", {}, el("label", { htmlFor: "api-key" }, "API key"), this.key,
        el("p.hint", { id: "api-key-hint" }, "It is exchanged for a session that ends by itself, and kept nowhere in this browser.")),
      this.wrong, this.button));
    this.key.focus();
  }

  async send(event) {
    event.preventDefault();
    this.button.disabled = true;
    this.wrong.hidden = true;
    try {
      await signIn(this.key.value.trim());
    } catch (error) {
      const { title, message } = asProblem(error);
      this.wrong.textContent = `${title}: ${message}`;
      this.wrong.hidden = false;
      this.key.select();
    } finally {
      this.button.disabled = false;
    }
  }
}

customElements.define("atoll-sign-in", SignIn);
