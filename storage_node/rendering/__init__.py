"""The rendering of derivatives: decoded pixels in, an encoded file out. Only worker processes import this.

`job` does one request from its opening to its encoding. Pixels come from `open_source` (limits, scale,
orientation) and `colour` (to sRGB); `planning` finds the scale to decode at; `steps` does a transformation's
steps in order, each kind in a file of its own: `resizing` (on `geometry`, `gravity_auto`), `shape`, `adjust`,
`effects`, `art`, `overlays`, `text`; `encode` (with `quality`, `metric`, `copyright`) writes the file,
`animation` one of many frames. Nothing here knows of HTTP, buckets or where files belong.
"""
