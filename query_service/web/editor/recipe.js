/**
 * What is done to an image, as plain data, and the transformation that does it. Pure. The order of the steps is fixed:
 * turned, cut, sized, adjusted, filtered, marked, written as a file. The server has the last word on how it is spelt.
 */

/** Nothing done. `box`: the section cut out, as shares (0 to 1) of the turned picture. */
export const UNTOUCHED = Object.freeze({
  turn: 0, hflip: false, vflip: false, straighten: 0,
  cut: "hand", shape: "", box: null, zoom: 1,
  mode: "limit", width: "", height: "",
  brightness: 0, contrast: 0, saturation: 0, hue: 0, gamma: 0, sharpen: 0, blur: 0, vignette: 0, auto: false,
  filter: "",
  text: "", textSize: 48, textColor: "#ffffff", textBold: true, textPlace: "south_east", textOpacity: 80,
  mark: "", markWidth: 25, markPlace: "south_east", markOpacity: 60, markTiled: false,
  format: "", quality: "",
});

const LEVELS = ["brightness", "contrast", "saturation", "hue", "gamma", "sharpen", "blur", "vignette"];
const MARGIN = 16; // pixels of the result, from the edge to a mark
const FACE_SIDE = 600; // pixels of a section around a face, where no size is said

/** Whether a recipe does nothing. */
export const isUntouched = (recipe) => transformationOf(recipe) === "";

/**
 * The transformation's text, as `t` of the API takes it. `size` of the picture makes sections exact in pixels; without one
 * they are shares, which fit pictures of any size. `uncut`: only what comes before the cut. `stored`: not "the best that the
 * browser knows", for a file is the same for everybody.
 */
export function transformationOf(recipe, { size = null, uncut = false, stored = false } = {}) {
  const turned = turnOf(recipe);
  if (uncut) return turned;
  const effects = effectsOf(recipe);
  const [cut, sized] = [cutOf(recipe, size), sizeOf(recipe)];
  const steps = [turned, cut, [sized, effects[0]].filter(Boolean).join(","), ...effects.slice(1), ...textOf(recipe), ...markOf(recipe), fileOf(recipe, stored)];
  return steps.filter(Boolean).join("/");
}

/** Width and height once it is turned, where that is exact. */
export function turnedSize({ width, height }, { turn, straighten }) {
  if (straighten) return null;
  return turn % 180 ? { width: height, height: width } : { width, height };
}

function turnOf({ turn, hflip, vflip, straighten }) {
  const parts = [hflip && "hflip", vflip && "vflip", (turn + straighten) % 360 && number((turn + straighten) % 360)];
  const said = parts.filter(Boolean).join(".");
  return said && `a_${said}`;
}

function cutOf({ cut, shape: ratio, box, zoom, width, height }, size) {
  if (cut === "auto") return ratio && `ar_${ratio},c_fill,g_auto`;
  if (cut === "face") return faceOf(ratio, zoom, Number(width), Number(height));
  if (!box) return "";
  const [across, down] = size ? [pixels(size.width), pixels(size.height)] : [share, share];
  return `c_crop,h_${down(box.h, 1)},w_${across(box.w, 1)},x_${across(box.x)},y_${down(box.y)}`;
}

/** A section around a face needs a size: what was asked for, or one that suits. */
function faceOf(ratio, zoom, width, height) {
  const [across, down] = (ratio || "1:1").split(":").map(Number);
  const wide = width || (height ? Math.round((height * across) / down) : FACE_SIDE);
  const high = height || Math.round((wide * down) / across);
  return `c_thumb,g_face,h_${Math.max(1, high)},w_${wide},z_${number(zoom)}`;
}

const pixels = (side) => (part, least = 0) => Math.max(least, Math.round(part * side));
const share = (part) => Math.max(0, Math.min(1, part)).toFixed(3);

function sizeOf({ cut, mode, width, height }) {
  if (cut === "face" || (!width && !height)) return "";
  return [`c_${mode}`, height && `h_${height}`, width && `w_${width}`].filter(Boolean).join(",");
}

function effectsOf(recipe) {
  const levels = LEVELS.filter((name) => recipe[name]).map((name) => `e_${name}:${recipe[name]}`);
  return [recipe.auto && "e_auto_contrast", ...levels, recipe.filter && `e_${recipe.filter}`].filter(Boolean);
}

function textOf({ text, textSize, textColor, textBold, textPlace, textOpacity }) {
  if (!text.trim()) return [];
  const font = `sans_${textSize}${textBold ? "_bold" : ""}`;
  return [`co_rgb:${textColor.slice(1)},l_text:${font}:${written(text)}`, laid("fl_layer_apply", textPlace, textOpacity)];
}

function markOf({ mark, markWidth, markPlace, markOpacity, markTiled }) {
  if (!mark) return [];
  const flags = markTiled ? "fl_layer_apply.tiled" : "fl_layer_apply";
  return [`l_${mark.split("/").map(written).join(":")}/fl_relative,w_${number(markWidth / 100, 2)}`, laid(flags, markTiled ? "center" : markPlace, markOpacity)];
}

/** Offsets go inwards from the edges that a place names; the middle has none. */
function laid(flags, place, opacity) {
  const offsets = [/east|west/.test(place) && `x_${MARGIN}`, /north|south/.test(place) && `y_${MARGIN}`];
  return [flags, `g_${place}`, opacity < 100 && `o_${opacity}`, ...offsets].filter(Boolean).join(",");
}

/** Commas and slashes are grammar, so they are escaped once more than an address needs. */
const written = (text) => text.trim().replaceAll("%", "%25").replaceAll(",", "%2C").replaceAll("/", "%2F");

function fileOf({ format, quality }, stored) {
  const wanted = stored && format === "auto" ? "" : format;
  return [wanted && `f_${wanted}`, quality && `q_${quality}`].filter(Boolean).join(",");
}

const number = (value, places = 3) => {
  const text = value.toFixed(places).replace(/0+$/, "");
  return text.endsWith(".") ? (places === 2 ? `${text}0` : text.slice(0, -1)) : text;
};
