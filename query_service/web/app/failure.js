/** What stands in a page's place when what it shows could not be had: why, and a way to try again. */
import { button } from "./button.js";
import { el } from "./dom.js";
import { asProblem } from "./problem.js";

/** The element; `again` asks anew. */
export function failure(error, again) {
  const { title, message } = asProblem(error);
  return el("section.empty", { role: "alert" }, el("h1", {}, title), el("p", {}, message),
    el("div.row", {}, button("Try again", again), el("a.button", { href: "/app/" }, "To the library")));
}
