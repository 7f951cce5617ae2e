"""URL paths with tricks of escaping in every part: for the grammar alone, and for a node over HTTP."""

from __future__ import annotations

from itertools import product

MIDDLE = [
    "c_fill,g_auto,h_50,w_60",
    "l_text:sans_20:Hi%2520you,co_red",
    "fl_layer_apply,g_north,x_5",
    "f_webp,q_80",
]
TRICKS = (
    "%00", "%0a", "%0d%0aX-Evil:1", "%2f", "%252f", "%2e%2e%2f", "%2e", "..", "%c0%ae", "%c0%af", "%e0%80%af",
    "%ed%a0%80", "%f4%90%80%80", "%u002f", "%", "%2", "%zz", "%ff", "%e2%80%ae", "%ef%bb%bf", "%25", "%2525",
    "%2C", "%252C", "%5F", "+", ";", "\\", "%5c", "%3f", "%23", "%7f", "%c2%85", "%3Cscript%3E", "%60id%60",
    "%24%7Bjndi%3A%7D", "%F0%9F%92%A9", "%CC%81", "%EF%BC%8F", "{{7*7}}", "%s%n", "$IFS",
)  # fmt: skip


def spoilt(segments: list[str]) -> list[str]:
    """The path with every trick in every segment: before it, in it, behind it, and instead of it."""
    paths: list[str] = []
    for at, trick in product(range(len(segments)), TRICKS):
        segment, half = segments[at], len(segments[at]) // 2
        inside = segment[:half] + trick + segment[half:]
        for changed in (trick + segment, inside, segment + trick, trick):
            paths += ["/" + "/".join([*segments[:at], changed, *segments[at + 1 :]])]
    return paths
