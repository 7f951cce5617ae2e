/** An error as the API tells it (RFC 9457), or one of our own in the same shape. */
export class Problem extends Error {
  /** `document`: type, title, status, detail and facts. `status` 0: there was no answer. */
  constructor(document) {
    super(document.detail || document.title || "Something went wrong.");
    this.document = document;
    this.status = document.status ?? 0;
    this.title = document.title ?? "Something went wrong";
    this.slug = String(document.type ?? "").split(":").pop();
  }

  /** What the document names beside the four common members. */
  get facts() {
    const { type, title, status, detail, ...facts } = this.document;
    return facts;
  }

  /** Seconds until it may be tried again; undefined: nobody said. */
  get retryAfter() {
    const seconds = Number(this.document.retry_after);
    return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
  }
}

/** Whatever was thrown, as a problem. */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  return new Problem({ title: "This page made a mistake", detail: String(error?.message ?? error), status: 0 });
}

/** Whether somebody ended it on purpose. */
export const isAbort = (error) => error?.name === "AbortError";
