"""The report's look: one style sheet, light and dark, down to a phone's width. Pure."""

from __future__ import annotations

from atoll.cli.report_drawing import color_style, svg_style

_LAYOUT = """
*{box-sizing:border-box}
html{color-scheme:light dark;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
body{margin:0 auto;max-width:1080px;padding:1.2rem 1rem 3rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
p{margin:.3rem 0 .8rem;max-width:70ch}.muted,footer{color:var(--muted)}
footer{margin-top:3rem;font-size:.85rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(145px,1fr));gap:.7rem;margin:1.2rem 0}
.tile{border:1px solid var(--grid);border-radius:8px;padding:.6rem .8rem}
.tile b{display:block;font-size:1.25rem;line-height:1.3;overflow-wrap:anywhere}
.tile span{font-size:.82rem;color:var(--muted)}
.wide{overflow-x:auto;background:linear-gradient(to right,var(--paper) 40%,transparent),
linear-gradient(to left,var(--paper) 40%,transparent) right,
linear-gradient(to right,var(--muted),transparent),
linear-gradient(to left,var(--muted),transparent) right;background-repeat:no-repeat;
background-size:2rem 100%,2rem 100%,.35rem 100%,.35rem 100%;background-attachment:local,local,scroll,scroll}
.wide figure{min-width:560px}svg{display:block;width:100%;height:auto}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:1rem}
.charts figure:only-child{max-width:640px}
figure{margin:0;border:1px solid var(--grid);border-radius:8px;padding:.4rem}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .6rem;text-align:left;border-bottom:1px solid var(--grid);vertical-align:top}
th{color:var(--muted);font-weight:500;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap}
td{overflow-wrap:anywhere;min-width:4.5rem}td.w,td>b{white-space:nowrap}
td.s{min-width:13rem}td small{display:block;color:var(--muted);white-space:nowrap}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}b.good,b.warn,b.bad{font-weight:600}
.box{border-left:3px solid var(--warn);padding:.2rem .8rem;margin:1rem 0}
@media(max-width:520px){body{padding:.8rem .6rem 2rem}figure{padding:.1rem}th,td{padding:.3rem .4rem}}
@media print{figure,tr{break-inside:avoid}}
"""


def style() -> str:
    """All of it, on one line."""
    return (color_style() + svg_style("svg ") + _LAYOUT).replace("\n", "")
