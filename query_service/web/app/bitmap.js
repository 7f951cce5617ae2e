/**
 * A few pixels as the address of a picture: a Windows bitmap, which is nothing but pixels. Packing them as PNG took longer than
 * drawing them, once for each picture of a gallery that comes into sight.
 */

const HEAD = 14 + 108;
const RED_GREEN_BLUE_ALPHA = [0xff, 0xff00, 0xff0000, 0xff000000]; // where each is in a pixel: as in an ImageData
const BY_MASKS = 3;
const SRGB = 0x73524742;

/** `data:…` of an ImageData. */
export function bitmapUrl({ width, height, data }) {
  const file = new Uint8Array(HEAD + data.length);
  const view = new DataView(file.buffer);
  const put = (at, ...words) => words.forEach((word, place) => view.setUint32(at + 4 * place, word, true));
  file.set([0x42, 0x4d]); // "BM"
  put(2, file.length, 0, HEAD, 108, width, -height); // from the top down
  view.setUint16(26, 1, true);
  view.setUint16(28, 32, true); // bits of a pixel
  put(30, BY_MASKS, data.length, 0, 0, 0, 0, ...RED_GREEN_BLUE_ALPHA, SRGB);
  file.set(data, HEAD);
  return `data:image/bmp;base64,${btoa(String.fromCharCode(...file))}`;
}
