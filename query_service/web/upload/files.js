/** What a person dropped, pasted or chose, as a flat list of files with their paths. Folders are walked. */

const EXTENSIONS = /\.(jpe?g|png|webp|gif|avif|heic|heif|tiff?|bmp)$/i;
const MEDIA = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "image/avif": "avif" };

/** `{ found: [{ file, path }], left }`: `left` counts files that are no images by their names. */
export function fromInput(input) {
  return sorted([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

/** Of a drop: files, and everything in folders. */
export async function fromDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return sorted([...transfer.files].map((file) => ({ file, path: file.name })));
  return sorted((await Promise.all(entries.map((entry) => walked(entry, "")))).flat());
}

/** Of the clipboard: a picture there has no name of its own, so it gets the time. */
export function fromPaste(clipboard, now = new Date()) {
  const stamp = now.toISOString().replaceAll(/[:.]/g, "-").slice(0, 19);
  const files = [...clipboard.files].filter((file) => file.type.startsWith("image/"));
  return sorted(files.map((file, index) => {
    const nameless = file.name === "image.png" && MEDIA[file.type];
    return { file, path: nameless ? `pasted-${stamp}${index ? `-${index}` : ""}.${MEDIA[file.type]}` : file.name };
  }));
}

/** The public_id that the command line gives it, too: the path below the folder, without an image's extension. */
export function publicIdOf(path, folder) {
  return `${folder}${path.replace(EXTENSIONS, "")}`;
}

/** Of files with a `name`: the path of the one before it that has the same, as `a.heic` has with `a.jpg`, as its `like`. */
export function likened(named) {
  const first = new Map();
  return named.map((each) => {
    const like = first.get(each.name);
    if (like === undefined) first.set(each.name, each.path);
    return { ...each, like };
  });
}

/** Whether it can be read still: what was moved, deleted or changed since it was chosen cannot. */
export const readable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

/** A folder as people type it: "" or with one slash at its end. */
export function folderOf(text) {
  const clean = text.trim().replaceAll(/^\/+|\/+$/g, "");
  return clean && `${clean}/`;
}

function sorted(files) {
  const found = files.filter(({ file, path }) => EXTENSIONS.test(path) || file.type.startsWith("image/"));
  return { found, left: files.length - found.length };
}

async function walked(entry, above) {
  const path = above + entry.name;
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path }];
  const reader = entry.createReader();
  const below = [];
  for (let part = await batch(reader); part.length; part = await batch(reader)) below.push(...part);
  const lists = [];
  for (const each of below) lists.push(await walked(each, `${path}/`));
  return lists.flat();
}

/** A browser gives the entries of a folder a hundred at a time, and none at the end. */
const batch = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
