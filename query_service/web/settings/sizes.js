/** Sizes as people write them ("200 GB") and as the API has them (bytes). Pure; units are powers of ten. */
const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** Bytes of a text; null for none. Throws where it is no size. */
export function bytesOf(text) {
  if (!text.trim()) return null;
  const found = /^([0-9]+(?:[.,][0-9]+)?)\s*([KMGTP]?)B?$/i.exec(text.trim());
  if (!found) throw new Error(`“${text}” is no size. Write it as 200 GB, 500 MB, or as bytes.`);
  const step = Math.max(0, UNITS.findIndex((unit) => unit === `${found[2].toUpperCase()}B`));
  return Math.round(Number(found[1].replace(",", ".")) * 1000 ** step);
}

/** The shortest text that means exactly so many bytes. */
export function sizeText(bytes) {
  if (bytes === null || bytes === undefined) return "";
  let step = 0;
  while (step < UNITS.length - 1 && bytes && bytes % 1000 ** (step + 1) === 0) step += 1;
  return step ? `${bytes / 1000 ** step} ${UNITS[step]}` : String(bytes);
}

/** A whole number of a text; null for none. */
export const numberOf = (text) => (text.trim() ? Number(text) : null);
