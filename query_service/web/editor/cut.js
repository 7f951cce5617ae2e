/** The fold in which a section is chosen: by hand with the box on the stage, by what is to be seen, or around a face. */
import { el } from "../app/dom.js";
import { CropBox } from "./crop.js";

export const CUT = "Cut";
const SHAPES = [["", "Free"], ["1:1", "1 : 1"], ["4:3", "4 : 3"], ["3:2", "3 : 2"], ["16:9", "16 : 9"], ["3:4", "3 : 4"], ["2:3", "2 : 3"], ["9:16", "9 : 16"], ["1.91:1", "1.91 : 1"]];
const WAYS = [["hand", "By hand"], ["auto", "What there is most to see of"], ["face", "Around the face"]];

export class Cut {
  /** `picture()`: the turned picture's size, as well as it is known. */
  constructor(controls, picture) {
    this.history = controls.history;
    this.picture = picture;
    this.box = new CropBox((box, gesture) => this.history.set({ box }, gesture));
    this.sides = ["x", "y", "w", "h"].map((name) => this.side(name));
    this.byHand = el("div.pair", { role: "group", "aria-label": "Section in percent" }, this.sides.map(({ field }) => field));
    this.zoom = controls.slider("zoom", "How near", { min: 0.3, max: 3, step: 0.1 });
    this.element = el("div.fields", {}, controls.choice("cut", "How", WAYS),
      el("div.row.shapes", { role: "group", "aria-label": "Shape" }, SHAPES.map(([value, label]) => this.shape(controls, value, label))),
      this.byHand, this.zoom, el("div.row", {}, controls.button("Whole picture", () => ({ cut: "hand", shape: "", box: null, zoom: 1 }))));
    controls.watch((recipe) => this.draw(recipe));
  }

  shape(controls, value, label) {
    return controls.button(label, (recipe) => this.shaped(recipe, value), { says: value ? `Shape ${label}` : "Any shape", on: ({ shape }) => shape === value });
  }

  shaped(recipe, shape) {
    this.box.show(recipe.box);
    const box = this.box.shape(ratioOf(shape), this.ratio());
    return { shape, box: shape ? box : recipe.box };
  }

  ratio() {
    const { width, height } = this.picture();
    return width / height;
  }

  side(name) {
    const labels = { x: "From the left", y: "From the top", w: "Width", h: "Height" };
    const id = `cut-${name}`;
    const input = el("input", { id, type: "number", min: 0, max: 100, step: 0.1, onchange: () => this.typed() });
    return { name, input, field: el("div.field", {}, el("label.label", { htmlFor: id }, `${labels[name]}, %`), input) };
  }

  /** Somebody has written numbers: they count as they are, within the picture. */
  typed() {
    const said = Object.fromEntries(this.sides.map(({ name, input }) => [name, Math.max(0, Math.min(100, Number(input.value) || 0)) / 100]));
    const [w, h] = [Math.max(0.01, said.w), Math.max(0.01, said.h)];
    this.history.set({ box: { x: Math.min(said.x, 1 - w), y: Math.min(said.y, 1 - h), w, h }, shape: "" });
  }

  draw(recipe) {
    this.byHand.hidden = recipe.cut !== "hand";
    this.zoom.hidden = recipe.cut !== "face";
    this.box.show(recipe.box);
    this.box.ratio = recipe.shape ? ratioOf(recipe.shape) / this.ratio() : null;
    for (const { name, input } of this.sides) {
      if (document.activeElement !== input) input.value = Math.round(this.box.box[name] * 1000) / 10;
    }
  }
}

function ratioOf(shape) {
  const [across, down] = shape.split(":").map(Number);
  return shape ? across / down : null;
}
