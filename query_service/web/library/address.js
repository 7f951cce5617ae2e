/** What the library shows, as an address and back: bucket, folder, and what is searched for. Pure. */
import { segment } from "../app/api.js";

const FILTERS = ["q", "tags", "format", "orientation", "color", "has_faces", "min_width", "created_after", "created_before", "sort"];
const LAST = "atoll.bucket";

/** `{ bucket, folder, filters }` of a page's address. A folder ends with a slash, or is "". */
export function read({ params, query }) {
  const folder = (params.folder ?? "").replace(/\/*$/, "");
  const filters = {};
  for (const name of FILTERS) if (query.get(name)) filters[name] = query.get(name);
  return { bucket: params.bucket ?? null, folder: folder && `${folder}/`, filters };
}

/** The address of such a place. */
export function write({ bucket, folder = "", filters = {} }) {
  const path = folder.split("/").map(segment).join("/");
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return `/app/library/${segment(bucket)}/${path}${query.size ? `?${query}` : ""}`;
}

/** As GET /v1/assets is asked. With words the newest comes first, whatever was chosen: it knows no other order. */
export function asked({ bucket, folder, filters }) {
  const { sort, ...rest } = filters;
  const known = !filters.q || (sort ?? "").endsWith("created_at");
  return { bucket, prefix: folder, ...rest, ...(known && sort ? { sort } : {}) };
}

/** How many filters beyond words and order are on. */
export const narrowed = ({ q, sort, ...rest }) => Object.keys(rest).length;

/** The bucket that was looked at last in this browser. */
export const lastBucket = {
  get: () => localStorage.getItem(LAST),
  set: (name) => localStorage.setItem(LAST, name),
};
