/** Which images are edited together: put down by the library, taken up by the editor, in this window; a reload keeps it. */
const KEY = "atoll.edited";

/** Go on with these. Answers the editor's address for them. */
export function editTogether(assets) {
  sessionStorage.setItem(KEY, JSON.stringify(assets.map((asset) => asset.asset_id)));
  return editorOf(assets[0].asset_id, assets.length > 1);
}

/** The editor's address. */
export const editorOf = (id, together = false) => `/app/edit/${id}${together ? "?together" : ""}`;

/** The images that are edited together with this one, by id. */
export function together(id, query) {
  if (!query.has("together")) return [id];
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  return kept.includes(id) ? kept : [id];
}
