"""Cloudinary's transformation grammar: from a URL's text to ordered steps, and back to one text. Pure.

`parser` reads a text into a `steps.Transformation`; `canonical` writes it, always the same way for equal
requests; `paths` takes it out of URL paths and puts it in; `named` puts in what a bucket calls `t_NAME`;
`thumbnail_style` reads `?w=&h=&fit=`; `hints` replaces what was left to the client's hints. What exists is
written in `parameters` and `effects`, which also make the table of docs/transformations.md.
Nothing here knows pixels: the rendering engine does what the steps say, in their order.
"""
