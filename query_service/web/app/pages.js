/**
 * The app's pages: the address of each, and the module that brings its element. A page is a custom element;
 * it gets `at = { params, query, hash, back }` before it is put in, and is taken out when the person leaves. `back`: the
 * person has been there, and comes by the browser's buttons.
 *
 * To add one: a folder with a module that defines the element, a line here. `styles` are there before it is
 * shown; `nav` puts it into the navigation; `scope` is what the API key needs (of a list: any). A page that has
 * `arrive(at)` is kept when only its own address changes (another search, another folder).
 */
const library = { tag: "atoll-library", load: () => import("../library/page.js"), styles: ["library/library.css"], title: "Library", scope: "read" };
const settings = { tag: "atoll-settings", load: () => import("../settings/page.js"), styles: ["settings/settings.css", "style/world.css"], title: "Settings", scope: ["read", "admin"] };
const trash = { tag: "atoll-trash", load: () => import("../trash/page.js"), styles: ["settings/settings.css"], title: "Trash", scope: "delete" };

export const PAGES = [
  { path: "/app/", nav: "Library", ...library },
  { path: "/app/library/:bucket/*folder", ...library },
  { path: "/app/upload", nav: "Upload", tag: "atoll-upload", load: () => import("../upload/page.js"), styles: ["upload/upload.css"], title: "Upload", scope: "write" },
  { path: "/app/edit/:id", tag: "atoll-editor", load: () => import("../editor/page.js"), styles: ["image/image.css", "editor/editor.css"], title: "Edit", scope: "read" },
  { path: "/app/image/:id", tag: "atoll-image", load: () => import("../image/page.js"), styles: ["image/image.css", "style/world.css"], title: "Image", scope: "read" },
  { path: "/app/cluster", nav: "Cluster", tag: "atoll-cluster", load: () => import("../cluster/page.js"), styles: ["cluster/cluster.css", "style/world.css"], title: "Cluster", scope: "read" },
  { path: "/app/trash", nav: "Trash", ...trash },
  { path: "/app/trash/:bucket", ...trash },
  { path: "/app/settings/:part/*name", ...settings },
  { path: "/app/settings", nav: "Settings", ...settings },
];

/** Shown whatever the address is, while nobody is signed in. */
export const SIGN_IN = { tag: "atoll-sign-in", load: () => import("./sign-in.js"), title: "Sign in" };

/** `{ page, at }` for an address; null: there is none. */
export function find(url) {
  for (const page of PAGES) {
    const params = matched(page.path, url.pathname);
    if (params) return { page, at: { params, query: url.searchParams, hash: url.hash.slice(1) } };
  }
  return null;
}

function matched(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.split("/");
  const params = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith("*")) {
      params[part.slice(1)] = given.slice(index).map(decoded).join("/");
      return params;
    }
    if (given[index] === undefined) return null;
    if (part.startsWith(":")) {
      if (!given[index]) return null;
      params[part.slice(1)] = decoded(given[index]);
    } else if (part !== given[index]) {
      return null;
    }
  }
  return given.length === wanted.length ? params : null;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
