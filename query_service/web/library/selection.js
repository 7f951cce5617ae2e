/** Which assets are chosen, and from where a range begins. Pure but for its event, `changed`. */
export class Selection extends EventTarget {
  #chosen = new Map(); // id: asset
  #anchor = null; // id of the last one that was turned by itself

  get size() {
    return this.#chosen.size;
  }

  get assets() {
    return [...this.#chosen.values()];
  }

  has(id) {
    return this.#chosen.has(id);
  }

  /** In or out; ranges begin here. */
  turn(asset) {
    if (!this.#chosen.delete(asset.asset_id)) this.#chosen.set(asset.asset_id, asset);
    this.#anchor = asset.asset_id;
    this.#tell();
  }

  /** All from where the last one was turned to this one, in the order of `assets`. */
  reach(assets, index) {
    const from = Math.max(0, assets.findIndex((asset) => asset.asset_id === (this.#anchor ?? assets[index].asset_id)));
    for (const asset of assets.slice(Math.min(from, index), Math.max(from, index) + 1)) this.#chosen.set(asset.asset_id, asset);
    this.#anchor ??= assets[index].asset_id;
    this.#tell();
  }

  /** These as well. */
  add(assets) {
    for (const asset of assets) this.#chosen.set(asset.asset_id, asset);
    this.#tell();
  }

  /** These no more; without any: none. */
  drop(ids) {
    if (ids) for (const id of ids) this.#chosen.delete(id);
    else this.#chosen.clear();
    this.#anchor = null;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("changed"));
  }
}
