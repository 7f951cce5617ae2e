/** A page's own style sheets: there before the page is, so that nothing jumps. */
const known = new Map();

/** Resolves when the sheet (a path in the app's folder) counts; the same sheet is loaded once. */
export function style(path) {
  if (!known.has(path)) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL(`../${path}`, import.meta.url).pathname;
    known.set(path, new Promise((resolve, reject) => {
      link.onload = resolve;
      link.onerror = () => {
        known.delete(path);
        link.remove();
        reject(new Error(`${path} could not be loaded.`));
      };
    }));
    document.head.append(link);
  }
  return known.get(path);
}
