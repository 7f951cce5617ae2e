/**
 * A ThumbHash (evanw.github.io/thumbhash), decoded: some 25 bytes become a blur in the picture's proportions.
 * The format is a discrete cosine transform of luminance, two colour differences and, if there is any, alpha.
 */
import { bitmapUrl } from "./bitmap.js";

const LARGEST = 32; // pixels of the longer side
const SMALL = 16; // the same where there are many; a hash has seven waves to a side at most

/** Draw a hash (base64) onto a canvas, which gets its size. False for what is no hash. */
export function drawThumbHash(canvas, text) {
  const image = decode(text, LARGEST);
  if (!image) return false;
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return true;
}

/** The same, smaller, as the address of a picture; "" for what is no hash. Of many canvases each is a layer to be put together. */
export function thumbHashUrl(text) {
  const image = decode(text, SMALL);
  return image ? bitmapUrl(image) : "";
}

function decode(text, largest) {
  let hash;
  try {
    hash = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
  return hash.length < 5 ? null : drawn(hash, largest);
}

function drawn(hash, largest) {
  const head = header(hash);
  const ratio = head.lx / head.ly;
  const width = Math.round(ratio > 1 ? largest : largest * ratio);
  const height = Math.round(ratio > 1 ? largest / ratio : largest);
  const read = nibbles(hash, head.hasAlpha ? 6 : 5);
  const light = channel(read, head.lx, head.ly, head.lScale);
  const yellow = channel(read, 3, 3, head.pScale * 1.25);
  const green = channel(read, 3, 3, head.qScale * 1.25);
  const alpha = head.hasAlpha ? channel(read, 5, 5, head.aScale) : null;
  const image = new ImageData(width, height);
  const most = head.hasAlpha ? 5 : 3;
  const across = cosines(Math.max(head.lx, most), width);
  const down = cosines(Math.max(head.ly, most), height);
  for (let y = 0, at = 0; y < height; y += 1) {
    const [ls, ps, qs, as] = [light, yellow, green, alpha].map((terms) => terms && rowOf(terms, down, y));
    for (let x = 0; x < width; x += 1, at += 4) {
      const l = head.lDc + summed(ls, across[x]);
      const p = head.pDc + summed(ps, across[x]);
      const q = head.qDc + summed(qs, across[x]);
      const b = l - (2 / 3) * p;
      const r = (3 * l - b + q) / 2;
      image.data[at] = 255 * r;
      image.data[at + 1] = 255 * (r - q);
      image.data[at + 2] = 255 * b;
      image.data[at + 3] = as ? 255 * (head.aDc + summed(as, across[x])) : 255;
    }
  }
  return image;
}

function header(hash) {
  const first = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const second = hash[3] | (hash[4] << 8);
  const hasAlpha = first >> 23 === 1;
  const landscape = second >> 15 === 1;
  const most = hasAlpha ? 5 : 7;
  return {
    hasAlpha,
    lDc: (first & 63) / 63,
    pDc: ((first >> 6) & 63) / 31.5 - 1,
    qDc: ((first >> 12) & 63) / 31.5 - 1,
    lScale: ((first >> 18) & 31) / 31,
    pScale: ((second >> 3) & 63) / 63,
    qScale: ((second >> 9) & 63) / 63,
    lx: Math.max(3, landscape ? most : second & 7),
    ly: Math.max(3, landscape ? second & 7 : most),
    aDc: hasAlpha ? (hash[5] & 15) / 15 : 1,
    aScale: hasAlpha ? (hash[5] >> 4) / 15 : 0,
  };
}

function nibbles(hash, start) {
  let index = 0;
  return () => {
    const byte = hash[start + (index >> 1)] ?? 0;
    const value = (byte >> ((index & 1) << 2)) & 15;
    index += 1;
    return value;
  };
}

/** The coefficients of a channel beyond the first: a triangle, row by row. */
function channel(read, nx, ny, scale) {
  const rows = [];
  for (let cy = 0; cy < ny; cy += 1) {
    rows.push(new Float32Array(nx));
    for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx += 1) rows[cy][cx] = (read() / 7.5 - 1) * scale;
  }
  return rows;
}

/** By place: the cosine of each term there. */
function cosines(terms, size) {
  return Array.from({ length: size }, (_, at) => Float32Array.from({ length: terms }, (_, term) => Math.cos((Math.PI / size) * (at + 0.5) * term)));
}

/** What a channel's terms across come to in row `y`: the terms down are added up once for all its pixels. */
function rowOf(rows, down, y) {
  const found = new Float32Array(rows[0].length);
  for (let cy = 0; cy < rows.length; cy += 1) {
    const share = down[y][cy] * 2;
    for (let cx = 0; cx < found.length; cx += 1) found[cx] += rows[cy][cx] * share;
  }
  return found;
}

function summed(row, waves) {
  let sum = 0;
  for (let cx = 0; cx < row.length; cx += 1) sum += row[cx] * waves[cx];
  return sum;
}
