/** A folder or a search, page by page, as far as somebody has scrolled. Owns the cursor. */
import { api } from "../app/api.js";
import { isAbort } from "../app/problem.js";

const FIRST = 200;
const NEXT = 1000; // as many as the API gives at once
const FIELDS = "asset_id,public_id,version,width,height,thumbhash,color,format,bytes,title,alt,tags";

/** Events: `grown` (there are more), `changed` (some are gone), `ended`, `failed` (detail: the error). */
export class Feed extends EventTarget {
  /** `query`: as GET /v1/assets has it, without what pages need. */
  constructor(query) {
    super();
    this.query = query;
    this.assets = [];
    this.cursor = null;
    this.ended = false;
    this.asking = null;
    this.control = new AbortController();
  }

  /** What tells this feed from another. */
  get key() {
    return JSON.stringify(this.query);
  }

  /** Ask for more, unless that is under way or there is none. */
  more() {
    if (this.ended || this.asking) return this.asking;
    this.asking = this.#ask().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  /** Nobody looks any more. */
  stop() {
    this.control.abort();
  }

  /** These assets are gone, or not here any more. */
  drop(ids) {
    this.assets = this.assets.filter((asset) => !ids.has(asset.asset_id));
    this.dispatchEvent(new Event("changed"));
  }

  async #ask() {
    try {
      const limit = this.cursor ? NEXT : FIRST;
      const page = await api.get("/v1/assets", { ...this.query, limit, cursor: this.cursor, fields: FIELDS }, { signal: this.control.signal });
      this.assets.push(...page.assets);
      this.cursor = page.next_cursor;
      this.ended = !page.next_cursor;
      this.dispatchEvent(new Event("grown"));
      if (this.ended) this.dispatchEvent(new Event("ended"));
    } catch (error) {
      if (isAbort(error)) return;
      this.ended = true; // until somebody asks anew
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    }
  }
}
