/**
 * <atoll-viewer>: the picture, to zoom into and move. First a rendition that fits a screen, then, where one looks closer,
 * the original. Wheel, pinch, drag, double click; with the keyboard + − 0 and the arrows.
 */
import { api } from "../app/api.js";
import { el, refill } from "../app/dom.js";
import { drawThumbHash } from "../app/thumbhash.js";

const SCREEN = "c_limit,h_1600,w_1600/f_webp,q_85";
const WHOLE = "c_limit,h_4096,w_4096/f_webp,q_90"; // of what browsers cannot show
const SHOWN_BY_ALL = ["jpg", "png", "webp", "gif", "avif", "bmp"];
const MOST = 16;
const STEP = 1.4;
const FAR = 80; // pixels of an arrow key

class Viewer extends HTMLElement {
  connectedCallback() {
    this.blur = el("canvas", { "aria-hidden": "true" });
    this.image = el("img", { decoding: "async", draggable: false, onload: () => this.loaded(), onerror: () => this.source(this.spare) });
    this.words = el("p.wrong", { role: "status" });
    this.stage = el("div.stage", { tabIndex: 0, role: "group", "aria-label": "The picture; plus and minus zoom, arrows move" }, el("div.moved", {}, this.blur, this.image));
    this.level = el("output", {}, "100 %");
    refill(this, this.stage, this.words, el("div.row.tools", { role: "group", "aria-label": "Zoom" },
      tool("−", "Smaller", () => this.by(1 / STEP)), this.level, tool("+", "Larger", () => this.by(STEP)), tool("Fit", "Fit", () => this.fit()), tool("1 : 1", "One pixel of the image on one of the screen", () => this.real())));
    this.pointers = new Map();
    this.listen();
    this.fit();
  }

  listen() {
    const on = (name, act) => this.stage.addEventListener(name, act);
    on("wheel", (event) => this.wheel(event));
    on("dblclick", (event) => (this.zoom > 1 ? this.fit() : this.by(3, event)));
    on("pointerdown", (event) => { this.stage.setPointerCapture(event.pointerId); this.pointers.set(event.pointerId, event); });
    on("pointermove", (event) => this.pointers.has(event.pointerId) && this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) on(name, (event) => this.pointers.delete(event.pointerId));
    on("keydown", (event) => this.key(event));
  }

  /** Show an asset. The same version again changes nothing. */
  async show(asset) {
    this.image.alt = asset.alt || asset.title || "";
    if (this.asset?.version === asset.version) return;
    this.asset = asset;
    this.wanted = null;
    this.classList.remove("there");
    this.stage.style.aspectRatio = `${asset.width} / ${asset.height}`;
    this.stage.style.maxWidth = `min(100%, calc(74vh * ${asset.width / asset.height}))`;
    this.blur.hidden = !(asset.thumbhash && drawThumbHash(this.blur, asset.thumbhash));
    this.fit();
    await this.load(SCREEN, asset.url);
  }

  /** What a transformation makes of it, from whichever node gives it; if that cannot be, `otherwise`. */
  async load(t, otherwise) {
    const { asset } = this;
    this.wanted = t;
    const nodes = await api.get(`/v1/assets/${asset.asset_id}/url`, { t }).then((found) => [found, ...found.alternatives], () => []);
    if (asset === this.asset && t === this.wanted) this.source([...nodes.map(({ url }) => url), otherwise]);
  }

  /** The first of these; the others when it cannot be had. */
  source([url, ...spare]) {
    this.spare = spare;
    if (url) this.image.src = url;
    else this.words.textContent = "The picture cannot be shown now.";
  }

  loaded() {
    this.words.textContent = "";
    this.classList.add("there");
  }

  /** Where all of it is seen there is nothing nearer to come from: the page scrolls on. */
  wheel(event) {
    if (this.zoom === 1 && event.deltaY > 0) return;
    event.preventDefault();
    this.by(Math.exp(-event.deltaY / 400), event);
  }

  by(factor, point) {
    const box = this.stage.getBoundingClientRect();
    const [x, y] = point ? [point.clientX - box.left - box.width / 2, point.clientY - box.top - box.height / 2] : [0, 0];
    const zoom = Math.min(MOST, Math.max(1, this.zoom * factor));
    const share = zoom / this.zoom;
    Object.assign(this, { zoom, x: x - (x - this.x) * share, y: y - (y - this.y) * share });
    this.draw();
  }

  fit() {
    Object.assign(this, { zoom: 1, x: 0, y: 0 });
    this.draw();
  }

  real() {
    if (!this.asset) return;
    this.zoom = 1;
    this.by(Math.max(1, this.asset.width / devicePixelRatio / this.stage.clientWidth));
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    const [other] = [...this.pointers.values()].filter((pointer) => pointer.pointerId !== event.pointerId);
    if (other) {
      const apart = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
      this.by(apart(event) / Math.max(1, apart(before)), { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 });
    } else {
      this.move(event.clientX - before.clientX, event.clientY - before.clientY);
    }
    this.pointers.set(event.pointerId, event);
  }

  move(x, y) {
    this.x += x;
    this.y += y;
    this.draw();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own
    const ways = { ArrowLeft: [FAR, 0], ArrowRight: [-FAR, 0], ArrowUp: [0, FAR], ArrowDown: [0, -FAR] };
    if (event.key === "+" || event.key === "=") this.by(STEP);
    else if (event.key === "-") this.by(1 / STEP);
    else if (event.key === "0") this.fit();
    else if (ways[event.key] && this.zoom > 1) this.move(...ways[event.key]);
    else return;
    event.preventDefault();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const room = (this.zoom - 1) / 2;
    this.x = Math.min(width * room, Math.max(-width * room, this.x));
    this.y = Math.min(height * room, Math.max(-height * room, this.y));
    this.stage.firstChild.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    this.stage.classList.toggle("near", this.zoom > 1);
    this.level.textContent = `${Math.round(this.zoom * 100)} %`;
    this.sharpen(width);
  }

  /** Closer than the rendition is sharp: the original, or the largest that the browser can show. */
  sharpen(width) {
    if (!this.asset || this.wanted !== SCREEN || this.zoom <= 1) return;
    const { asset } = this;
    const had = 1600 / Math.max(asset.width, asset.height);
    if (had >= 1 || width * this.zoom * devicePixelRatio <= asset.width * had) return;
    if (!SHOWN_BY_ALL.includes(asset.format)) this.load(WHOLE, asset.url);
    else {
      this.wanted = "the original";
      this.source([asset.url, this.image.src]);
    }
  }
}

function tool(label, says, run) {
  return el("button", { type: "button", title: says, "aria-label": says, onclick: run }, label);
}

customElements.define("atoll-viewer", Viewer);
