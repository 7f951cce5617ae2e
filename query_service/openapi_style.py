"""The look of the API's page: light and dark by the reader's own choice, from a phone's width upwards. Pure.

Its digest stands in the page's Content-Security-Policy, which lets nothing else in.
"""

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b2530;--soft:#56636f;--line:#d5dce2;--tint:#f3f6f8;
  --link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--paper:#12181d;--ink:#e4e9ed;--soft:#a3b0bb;--line:#2f3a44;
  --tint:#1b232a;--link:#7db8f5}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;display:grid;
  grid-template-columns:15rem minmax(0,1fr)}
nav{position:sticky;top:0;align-self:start;height:100vh;overflow-y:auto;padding:1rem 1.25rem;
  border-right:1px solid var(--line);background:var(--tint)}
nav h1{font-size:1.25rem;margin:0}
nav h2{font-size:.95rem;margin:1.25rem 0 .25rem}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.3rem 0}
main{padding:1rem 1.5rem 4rem;max-width:64rem}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
a:focus-visible,summary:focus-visible,pre:focus-visible{outline:3px solid var(--link);outline-offset:2px}
h2{font-size:1.5rem;margin:1.5rem 0 .5rem}
h3{font-size:1.1rem;margin:2rem 0 .25rem;text-transform:capitalize}
small,em{color:var(--soft);font-style:normal;font-size:.85em}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875em;
  overflow-wrap:anywhere}
pre{background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:.75rem;
  overflow-x:auto;white-space:pre}
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0;padding:0 .75rem}
details[open]{padding-bottom:.75rem}
details:has(:target){border-color:var(--link)}
details i{scroll-margin-top:5rem}
summary{cursor:pointer;padding:.6rem 0}
summary span{color:var(--soft);display:block;margin-left:1.1rem}
b{display:inline-block;min-width:4.2rem;font-size:.8em;letter-spacing:.03em}
.get{color:#0a7a52}.post,.put{color:#0b5cad}.patch{color:#8a5a00}.delete{color:#b3261e}
@media(prefers-color-scheme:dark){.get{color:#5fd3a3}.post,.put{color:#7db8f5}.patch{color:#e5b567}.delete{color:#ff8f86}}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-top:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
@media(max-width:48rem){
body{display:block}
nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}
nav ul{display:flex;flex-wrap:wrap;gap:0 1rem}
main{padding:.5rem 1rem 3rem}
td,th{min-width:6rem}
}
"""
