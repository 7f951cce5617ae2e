/** Figures and times as people read them. */

const UNITS = ["B", "KB", "MB", "GB", "TB"];
const number = new Intl.NumberFormat();
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** 1234567: "1.2 MB". */
export function bytes(count) {
  const step = count < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** step;
  return `${step && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[step]}`;
}

/** 12345: "12,345". */
export const count = (value) => number.format(value);

/** "1 image", "12 images". */
export const many = (value, one, more = `${one}s`) => `${number.format(value)} ${value === 1 ? one : more}`;

/** A time of the API (RFC 3339), in the reader's own zone. */
export const when = (text) => moment.format(new Date(text));

/** The last part of a public_id. */
export const leaf = (publicId) => publicId.slice(publicId.lastIndexOf("/") + 1);
