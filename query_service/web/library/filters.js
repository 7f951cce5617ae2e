/** What images must be like: tags, shape, colour, type, faces, size, time. All that is given must hold. */
import { el } from "../app/dom.js";
import { fieldOf } from "../app/dialog.js";

const any = { value: "", label: "Any" };
const COLORS = ["black", "white", "gray", "red", "orange", "brown", "yellow", "green", "teal", "blue", "purple", "pink"];
const FORMATS = ["jpg", "png", "webp", "gif", "avif", "heic", "tiff", "bmp"];
const FIELDS = [
  { name: "tags", label: "Tags (all of them)", hint: "With commas between", maxLength: 500 },
  { name: "orientation", label: "Shape", options: [any, "landscape", "portrait", "square"] },
  { name: "color", label: "Main colour", options: [any, ...COLORS] },
  { name: "format", label: "Type", options: [any, ...FORMATS] },
  { name: "has_faces", label: "Faces", options: [any, { value: "true", label: "With faces" }, { value: "false", label: "Without" }] },
  { name: "min_width", label: "At least so wide", type: "number", min: 1, max: 99999 },
  { name: "created_after", label: "Uploaded from", type: "date" },
  { name: "created_before", label: "Uploaded before", type: "date" },
];

export class Filters {
  /** `changed(filters)`: those that are "" are off. */
  constructor(changed) {
    this.element = el("form.filters", { hidden: true, "aria-label": "Filters", onchange: () => changed(this.values), onsubmit: (event) => { event.preventDefault(); changed(this.values); } },
      FIELDS.map(fieldOf), el("button.quiet", { type: "button", onclick: () => changed(Object.fromEntries(FIELDS.map(({ name }) => [name, ""]))) }, "Clear"));
  }

  get values() {
    return Object.fromEntries([...new FormData(this.element)].map(([name, value]) => [name, value.trim()]));
  }

  /** These are on. */
  show(filters) {
    for (const { name } of FIELDS) {
      const input = this.element.elements[name];
      if (document.activeElement !== input) input.value = filters[name] ?? "";
    }
  }

  focus() {
    this.element.elements[0].focus();
  }
}
