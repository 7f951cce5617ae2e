/** Buttons that do something which takes a while: pressed twice they do it once, and what goes wrong is told. */
import { el } from "./dom.js";
import { tellProblem } from "./toasts.js";

/** `run`, but not again before it has ended. Tells what went wrong. */
export function once(run) {
  let busy = false; // no button is disabled meanwhile: a question that it asks gives it the focus back
  return async (...given) => {
    if (busy) return;
    busy = true;
    try {
      await run(...given);
    } catch (error) {
      tellProblem(error);
    } finally {
      busy = false;
    }
  };
}

/** A button; `run` may answer a promise. */
export function button(label, run, kind = "", more = {}) {
  const press = once(() => run());
  return el(`button${kind && `.${kind}`}`, { type: "button", ...more, onclick: () => press() }, label);
}
