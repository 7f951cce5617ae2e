/**
 * The picture as the recipe makes it, drawn by the nodes: a moment after the last change, at the size of a screen. Then what
 * the whole result weighs and how long it took, by asking a node for its head. Owns what is asked; later answers win.
 */
import { api } from "../app/api.js";
import { settled } from "../app/dom.js";
import { asProblem, isAbort } from "../app/problem.js";
import { transformationOf } from "./recipe.js";

const SCREEN = "c_limit,h_1200,w_1200/f_webp,q_85";
const MOST_STEPS = 8; // of a transformation, unless a bucket says fewer
const DRAWN_MS = 220; // after the last change
const WEIGHED_MS = 500; // after it was drawn
const BUSY = [429, 503];
const AGAIN_MS = 3000; // a node that is busy is asked again, as long as nothing else is drawn
const ANY_IMAGE = "image/avif,image/webp,image/*;q=0.9"; // as a browser asks for one

/** Events: `drawing`, `drawn`, `weighed` (detail: `{ bytes, seconds }`, or `{ status }`; 0: no answer that may be read), `failed` (detail: a problem). */
export class Preview extends EventTarget {
  /** `what()`: `{ asset, recipe, size, cutting }` as they are now. */
  constructor(image, what) {
    super();
    Object.assign(this, { image, what, found: null, control: new AbortController() });
    this.draw = settled(() => this.ask(), DRAWN_MS);
    this.weigh = settled((url) => this.head(url), WEIGHED_MS);
    this.weighAgain = settled((url) => this.head(url), AGAIN_MS);
    image.addEventListener("load", () => this.loaded());
    image.addEventListener("error", () => this.missing());
  }

  end() {
    this.ended = true;
    this.control.abort();
  }

  /** Ask for it now. `found` is then the resolved result: url, image_url, transformation, expires_at. */
  async ask() {
    if (this.ended) return;
    this.draw.off();
    this.control.abort();
    this.control = new AbortController();
    const { asset, recipe, size, cutting } = this.what();
    const t = transformationOf(recipe, { size });
    this.tell("drawing");
    try {
      const items = [{ asset_id: asset.asset_id, t: screened(recipe, size, cutting) }, { asset_id: asset.asset_id, ...(t && { t }) }];
      const { results } = await api.post("/v1/resolve", { items }, { signal: this.control.signal, tries: 3 });
      const problem = results.find((result) => result.problem)?.problem;
      if (problem) throw Object.assign(new Error(problem.detail), { title: problem.title });
      [this.shown, this.found] = results;
      this.began = performance.now();
      if (this.image.getAttribute("src") === this.shown.url && this.image.complete) this.loaded();
      else this.image.src = this.shown.url;
    } catch (error) {
      this.fail(error);
    }
  }

  loaded() {
    this.tell("drawn");
    if (this.found) this.weigh(this.found.url);
  }

  /** Why a node did not draw it; where its answer may not be read, only that. */
  async missing() {
    if (!this.shown) return;
    try {
      const answer = await fetch(this.shown.url, { signal: this.control.signal });
      const { detail, title } = await answer.json();
      throw new Error(detail ?? title);
    } catch (error) {
      this.fail(error instanceof TypeError || error instanceof SyntaxError ? new Error("The node cannot draw this now.") : error);
    }
  }

  fail(error) {
    if (isAbort(error)) return;
    this.found = null;
    this.tell("failed", asProblem(error).message);
  }

  async head(url) {
    if (this.ended || this.found?.url !== url) return;
    const began = performance.now();
    const answer = await fetch(url, { method: "HEAD", headers: { Accept: ANY_IMAGE }, signal: this.control.signal }).catch(() => null);
    if (this.found?.url !== url || this.control.signal.aborted) return;
    const bytes = answer?.ok ? Number(answer.headers.get("Content-Length")) : 0;
    this.tell("weighed", bytes ? { bytes, seconds: (performance.now() - began) / 1000 } : { status: answer?.status ?? 0 });
    if (BUSY.includes(answer?.status)) this.weighAgain(url);
  }

  tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }
}

/** As the stage shows it: not larger than a screen; while a section is chosen, all of the picture. */
function screened(recipe, size, cutting) {
  const t = transformationOf({ ...recipe, format: "", quality: "" }, { size, uncut: cutting });
  if (t.split("/").length + SCREEN.split("/").length > MOST_STEPS) return t;
  return t ? `${t}/${SCREEN}` : SCREEN;
}
