"""How the cost of one operation grows with what is held: `make bench-scale`. docs/scale.md has what follows.

Map: `growth` is the value (sizes, costs, the exponent fitted); `cpu` measures CPU seconds; `catalog`, `node`,
`repair` and `cluster` each grow one part and measure its operations; `bench` runs them all; `exponents` makes
the result, `plot` draws.
Cost is CPU time, of all processes that take part: what else a shared machine does shows in no figure.
"""
