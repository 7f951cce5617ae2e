/** What can be done, folded by kind: one fold is open at a time. Each is a form over the recipe. */
import { el } from "../app/dom.js";
import { filtersPanel } from "./filters.js";
import { markField } from "./mark.js";
import { CUT } from "./cut.js";

const PLACES = [
  ["north_west", "Top left"], ["north", "Top"], ["north_east", "Top right"], ["west", "Left"], ["center", "Middle"],
  ["east", "Right"], ["south_west", "Bottom left"], ["south", "Bottom"], ["south_east", "Bottom right"],
];
const MODES = [
  ["limit", "At most, never larger"], ["fit", "As large as fits"], ["fill", "Exactly, cutting what is over"],
  ["pad", "Exactly, with edges"], ["scale", "Exactly, stretched"],
];
const FORMATS = [["", "As the original"], ["auto", "The best that each browser knows"], ["jpg", "JPEG"], ["png", "PNG"], ["webp", "WebP"], ["avif", "AVIF"]];
const QUALITIES = [["", "As usual"], ["auto", "Chosen from the picture"], ["auto:best", "Chosen, rather good"], ["auto:eco", "Chosen, rather small"], ["95", "95"], ["85", "85"], ["75", "75"], ["60", "60"], ["40", "40"]];

/** All folds. `opened(name)` is told which one is open, "" for none; `cut`: the panel's own part (cut.js). */
export function panels(controls, page, opened) {
  const folds = [
    fold("cut", CUT, page.cut.element),
    fold("turn", "Turn", turn(controls)),
    fold("size", "Size", size(controls)),
    fold("adjust", "Adjust", adjust(controls)),
    fold("filters", "Filters", filtersPanel(controls, page)),
    fold("text", "Text", text(controls)),
    fold("mark", "Image on it", mark(controls, page)),
    fold("file", "File", file(controls)),
  ];
  for (const each of folds) each.addEventListener("toggle", () => opened(folds.find((one) => one.open)?.dataset.fold ?? ""));
  return el("div.folds", {}, folds);
}

function fold(name, label, ...content) {
  return el("details.fold", { name: "edit", "data-fold": name }, el("summary", {}, label), el("div.fields", {}, content));
}

function turn(controls) {
  const by = (degrees) => ({ turn: now }) => ({ turn: (now + degrees + 360) % 360, box: null, shape: "" });
  return [
    el("div.row", {}, controls.button("↺ Left", by(-90), { says: "Turn left" }), controls.button("↻ Right", by(90), { says: "Turn right" }),
      controls.button("⇋ Mirror", mirrored("hflip", "vflip", "x", "w"), { says: "Mirror left and right" }),
      controls.button("⥮ Flip", mirrored("vflip", "hflip", "y", "h"), { says: "Flip top and bottom" })),
    controls.slider("straighten", "Straighten", { min: -45, max: 45, step: 0.5, unit: "°" }),
    el("p.hint", {}, "What becomes empty at the corners can be cut off."),
  ];
}

/** Mirrored as it is seen: the picture is mirrored before it is turned, so on its side it is the other way round. */
function mirrored(upright, onItsSide, at, side) {
  return (recipe) => {
    const flip = recipe.turn % 180 ? onItsSide : upright;
    const box = recipe.box && { ...recipe.box, [at]: 1 - recipe.box[at] - recipe.box[side] };
    return { [flip]: !recipe[flip], straighten: 0 - recipe.straighten, box };
  };
}

function size(controls) {
  return [
    el("div.pair", {}, controls.size("width", "Width"), controls.size("height", "Height")),
    controls.choice("mode", "How", MODES),
    el("p.hint", {}, "In pixels. With one of the two the other follows."),
  ];
}

function adjust(controls) {
  const level = (name, label, min = -100, max = 100) => controls.slider(name, label, { min, max });
  return [
    controls.flag("auto", "Stretch the tones by itself"), level("brightness", "Brightness", -99), level("contrast", "Contrast"),
    level("saturation", "Colours"), level("gamma", "Middle tones", -50, 150), level("hue", "Hue"), level("sharpen", "Sharpness", 0, 400),
    level("blur", "Blur", 0, 1000), level("vignette", "Dark corners", 0, 100),
  ];
}

function text(controls) {
  return [
    controls.words("text", "Text", { maxLength: 200, spellcheck: true }),
    el("div.pair", {}, controls.choice("textPlace", "Where", PLACES), controls.color("textColor", "Colour")),
    controls.slider("textSize", "Height of the letters", { min: 8, max: 400, unit: " px" }),
    controls.slider("textOpacity", "Strength", { min: 5, max: 100, unit: " %" }),
    controls.flag("textBold", "Bold"),
  ];
}

function mark(controls, page) {
  return [
    markField(controls, page),
    controls.slider("markWidth", "Width, of the picture's", { min: 2, max: 100, unit: " %" }),
    controls.choice("markPlace", "Where", PLACES),
    controls.slider("markOpacity", "Strength", { min: 5, max: 100, unit: " %" }),
    controls.flag("markTiled", "All over the picture"),
  ];
}

function file(controls) {
  return [controls.choice("format", "Format", FORMATS), controls.choice("quality", "Quality", QUALITIES)];
}
