/** Which image is laid on the picture: its name, with those that there are offered while one types. */
import { api } from "../app/api.js";
import { el, refill, settled } from "../app/dom.js";

const OFFERED = 20;

export function markField(controls, page) {
  const list = el("datalist", { id: "marks" });
  const field = controls.words("mark", "Image", { maxLength: 512, hint: "Its name in this bucket, with its folders; a PNG with transparency looks best." });
  const input = field.querySelector("input");
  input.setAttribute("list", "marks");
  const offer = settled(async () => {
    const found = await api.get("/v1/assets", { bucket: page.asset.bucket, prefix: input.value, limit: OFFERED, fields: "public_id" }).catch(() => null);
    if (found) refill(list, found.assets.map((asset) => el("option", { value: asset.public_id })));
  });
  for (const event of ["focus", "input"]) input.addEventListener(event, offer);
  return [field, list];
}
