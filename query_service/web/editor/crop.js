/**
 * The section that is cut out, over the picture: moved and sized by mouse, finger and keyboard, kept to a shape. Owns a box
 * in shares of the picture (`{ x, y, w, h }`, 0 to 1); `changed(box, gesture)` is told of each move. The box goes on the stage.
 */
import { el } from "../app/dom.js";

const LEAST = 0.02; // of a side
const STEP = 0.01;
const CORNERS = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const WHOLE = { x: 0, y: 0, w: 1, h: 1 };

export class CropBox {
  constructor(changed) {
    this.changed = changed;
    this.box = WHOLE;
    this.gestures = 0;
    this.ratio = null; // width to height of the box, in shares; null: any
    this.frame = el("div.crop-box", { tabIndex: 0, role: "group", "aria-label": "Section; arrows move it, with Shift they change its size" },
      CORNERS.map((name) => el("span.grip", { "data-grip": name, "aria-hidden": "true" })));
    this.element = el("div.crop", { hidden: true }, el("div.crop-shade"), this.frame);
    const on = (event, act) => this.frame.addEventListener(event, act);
    on("pointerdown", (event) => this.grab(event));
    on("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) on(end, () => { this.held = null; });
    on("keydown", (event) => this.key(event));
  }

  /** Show this box (null: the whole picture). */
  show(box) {
    this.box = box ?? WHOLE;
    const { x, y, w, h } = this.box;
    for (const [side, part] of Object.entries({ left: x, top: y, right: x + w, bottom: y + h })) this.element.style.setProperty(`--${side}`, `${part * 100}%`);
  }

  /** Keep to a shape from now on: the largest such box around the middle of the present one. `picture`: width to height. */
  shape(ratio, picture) {
    this.ratio = ratio && ratio / picture;
    if (!ratio) return this.box;
    const w = Math.min(1, this.ratio);
    const h = w / this.ratio;
    const middle = { x: this.box.x + this.box.w / 2, y: this.box.y + this.box.h / 2 };
    return inside({ x: middle.x - w / 2, y: middle.y - h / 2, w, h });
  }

  grab(event) {
    event.preventDefault();
    this.frame.focus();
    this.frame.setPointerCapture(event.pointerId);
    this.gestures += 1;
    this.held = { gesture: `drag ${this.gestures}`, grip: event.target.dataset.grip ?? "", x: event.clientX, y: event.clientY, box: this.box };
  }

  drag(event) {
    if (!this.held) return;
    const stage = this.element.getBoundingClientRect();
    const [dx, dy] = [(event.clientX - this.held.x) / stage.width, (event.clientY - this.held.y) / stage.height];
    this.put(this.held.grip ? sized(this.held.box, this.held.grip, dx, dy, this.ratio) : moved(this.held.box, dx, dy));
  }

  key(event) {
    const way = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!way) return;
    event.preventDefault();
    this.put(event.shiftKey ? sized(this.box, this.ratio && way[1] ? "s" : "se", ...way, this.ratio) : moved(this.box, ...way));
  }

  put(box) {
    this.show(box);
    this.changed(box, this.held?.gesture);
  }
}

function moved({ x, y, w, h }, dx, dy) {
  return inside({ x: x + dx, y: y + dy, w, h });
}

/** Pulled at a grip; with a shape the other side follows, and nothing leaves the picture. */
function sized(box, grip, dx, dy, ratio) {
  let [left, top, right, bottom] = [box.x, box.y, box.x + box.w, box.y + box.h];
  if (grip.includes("w")) left = clamp(left + dx, 0, right - LEAST);
  if (grip.includes("e")) right = clamp(right + dx, left + LEAST, 1);
  if (grip.includes("n")) top = clamp(top + dy, 0, bottom - LEAST);
  if (grip.includes("s")) bottom = clamp(bottom + dy, top + LEAST, 1);
  if (!ratio) return { x: left, y: top, w: right - left, h: bottom - top };
  const byHeight = grip === "n" || grip === "s";
  const room = { w: grip.includes("w") ? right : 1 - left, h: grip.includes("n") ? bottom : 1 - top };
  const w = Math.min(byHeight ? (bottom - top) * ratio : right - left, room.w, room.h * ratio);
  return { x: grip.includes("w") ? right - w : left, y: grip.includes("n") ? bottom - w / ratio : top, w, h: w / ratio };
}

function inside({ x, y, w, h }) {
  return { x: clamp(x, 0, 1 - w), y: clamp(y, 0, 1 - h), w, h };
}

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
