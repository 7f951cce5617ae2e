/** From the values of the form of a bucket to the policy that is sent. Pure; throws with what is wrong. */
import { lines, ticked } from "./fields.js";
import { bytesOf, numberOf } from "./sizes.js";

export const EXTENSIONS = ["jpg", "png", "webp", "gif", "avif", "heic", "tiff", "bmp"];

/** Limits of what is made of an image: name in the API, label. Empty: what each node allows. */
export const RENDERING = [
  ["max_pixels", "Pixels of the source"], ["max_frames", "Frames of the source"], ["max_side", "Longest side of the result"],
  ["max_components", "Components"], ["max_layers", "Layers"], ["max_frame_pixels", "Pixels of all frames of the result"], ["max_art_pixels", "Pixels for artistic filters"],
];

/** The whole policy: what the form has no field for stays as it is. */
export function orderOf(values, rules, policy) {
  return {
    ...policy,
    visibility: values.visibility,
    versioning: "versioning" in values,
    metadata: "strip" in values ? "strip" : "keep",
    durability: values.durability.trim() || "local",
    max_bytes: bytesOf(values.max_bytes),
    max_pixels: numberOf(values.max_pixels),
    allowed: someOf(ticked(values, "allowed")),
    quota: { bytes: bytesOf(values.quota_bytes), assets: numberOf(values.quota_assets) },
    lifecycle: rules,
    home_regions: ticked(values, "home"),
    cors: lines(values.cors),
    fetch_hosts: lines(values.fetch_hosts),
    eager: lines(values.eager),
    unsigned_transformations: "unsigned" in values,
    rendering: { ...Object.fromEntries(RENDERING.map(([name]) => [name, numberOf(values[name])])), sources: someOf(ticked(values, "source")) },
  };
}

/** All or none: no limit. */
const someOf = (chosen) => (chosen.length && chosen.length < EXTENSIONS.length ? chosen : null);
