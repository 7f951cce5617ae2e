"""Transformations for property tests: texts that the grammar takes, and texts that are nearly so."""

from __future__ import annotations

from hypothesis import strategies as st

from atoll.transformation.colors import NAMES
from atoll.transformation.effects import EFFECTS, FILTERS
from atoll.transformation.escapes import escaped
from atoll.transformation.parameters import FLAGS, PARAMETERS
from atoll.transformation.resizing import COMPASS

joined = ",".join
pixels = st.integers(1, 4096).flatmap(lambda n: st.sampled_from([f"{n}", f"0{n}"]))
fractions = st.integers(1, 10_000).map(lambda n: f"{n / 1000}")
lengths = pixels | fractions
offsets = st.integers(-500, 500).map(str) | st.integers(-1000, 1000).map(lambda n: f"{n / 1000:.3f}")
colors = st.sampled_from(sorted(NAMES)) | st.from_regex(r"rgba?:([0-9a-fA-F]{3}){1,2}", fullmatch=True)
colors |= st.from_regex(r"rgb:([0-9a-fA-F]{4}){1,2}", fullmatch=True)
ratios = st.tuples(st.integers(1, 99), st.integers(1, 99)).map(lambda r: f"{r[0]}:{r[1]}")
ratios |= st.integers(11, 9000).map(lambda n: f"{n / 100}")
folders = st.text("abc_-.é :,", min_size=1, max_size=8).map(lambda s: f"a{s}z")
public_ids = st.lists(folders | st.just("text"), min_size=1, max_size=3).map(lambda f: "/".join([*f, "x"]))


def word(key, values):
    return values.map(lambda value: f"{key}_{value}")


def maybe(key, values):
    return st.just("") | word(key, values)


@st.composite
def words(draw, *each):
    """A component of these words in any order, without those that are empty."""
    said = [draw(one) for one in each]
    flat = [word for part in said for word in ([part] if isinstance(part, str) else part) if word]
    return draw(st.permutations(flat)) if len(flat) > 1 else flat


densities = st.sampled_from(["1", "1.0", "2", "1.5", "0.75", "auto"])
places = st.one_of(
    st.tuples(maybe("g", st.sampled_from(COMPASS)), maybe("x", offsets), maybe("y", offsets)),
    st.sampled_from(["g_face", "g_faces", "g_auto", "g_auto:attention", "g_auto:entropy"]).map(
        lambda g: (g,)
    ),
    st.tuples(st.just("g_xy_center"), word("x", offsets), word("y", offsets)),
)
sides = st.one_of(
    st.tuples(word("w", lengths), word("h", lengths)),
    st.tuples(word("w", lengths | st.just("auto")), maybe("ar", ratios)),
    st.tuples(word("h", lengths), maybe("ar", ratios)),
)
resizes = st.one_of(
    words(sides, maybe("c", st.sampled_from(["scale", "fit", "limit"])), maybe("dpr", densities)),
    words(sides, word("c", st.sampled_from(["fill", "lfill", "thumb"])), maybe("dpr", densities), places),
    words(sides, word("c", st.sampled_from(["pad", "lpad"])), maybe("dpr", densities), places),
    words(sides, st.just("c_crop"), places),
    words(word("ar", ratios), word("c", st.sampled_from(["fill", "crop", "pad"])), places),
    words(
        st.just("c_thumb"),
        word("w", pixels),
        st.just("g_face"),
        word("z", st.sampled_from(["0.5", "1", "2.50"])),
    ),
)


def effect(name):
    levels = EFFECTS[name].levels
    if levels is None:
        return st.just(f"e_{name}")
    said = st.integers(levels.low, levels.high).map(lambda level: f"e_{name}:{level}")
    return said | st.just(f"e_{name}") if levels.default is not None or levels.optional else said


effects = st.sampled_from(sorted(EFFECTS)).flatmap(effect) | st.sampled_from(FILTERS).map(
    lambda f: f"e_art:{f}"
)
angles = st.sampled_from(["hflip", "vflip", "auto", "exif", "hflip.vflip", "vflip.30"])
angles |= st.integers(-3600, 3600).map(lambda n: f"{n / 10}")
radii = st.just("max") | st.lists(st.integers(0, 60), min_size=1, max_size=4).map(
    lambda r: ":".join(map(str, r))
)
borders = st.tuples(st.integers(0, 9), colors).map(lambda b: f"{b[0]}px_solid_{b[1]}")
percents = st.integers(0, 100).map(str)
looks = words(
    maybe("a", angles), st.just("") | effects, maybe("r", radii), maybe("bo", borders), maybe("b", colors),
    maybe("o", percents),
)  # fmt: skip


@st.composite
def both(draw):
    return draw(st.permutations([*draw(resizes), *draw(looks)]))


plain = st.one_of(resizes, looks, both()).filter(bool)
results = words(
    maybe("f", st.sampled_from(["auto", "jpg", "jpeg", "png", "webp", "avif", "gif"])),
    maybe("q", st.integers(1, 100).map(str) | st.sampled_from(["auto", "auto:good", "auto:low"])),
    maybe("pg", st.integers(1, 999).map(str)),
    maybe("d", public_ids.map(lambda i: ":".join(escaped(folder) for folder in i.split("/")))),
    maybe("fl", st.sampled_from(["progressive", "lossy.keep_iptc", "strip_profile", "attachment:a%2Eb"])),
)  # fmt: skip
shown_texts = st.text("ab ,/%_:.שלוםé😀<b>&\n", min_size=1, max_size=20)
fonts = st.sampled_from(["sans_40", "Arial_20_bold", "open sans_9_italic_right", "a_100_center_bold"])
texts = st.tuples(fonts, shown_texts).map(lambda t: f"l_text:{t[0]}:{escaped(t[1])}")
images = public_ids.map(lambda i: "l_" + ":".join(escaped(f) for f in i.split("/"))).filter(
    lambda w: not w.startswith("l_text:")
)
openings = st.one_of(words(texts, maybe("co", colors)), images.map(lambda i: [i]))
closings = words(
    st.sampled_from(["fl_layer_apply", "fl_layer_apply.tiled"]),
    st.sampled_from([(), ("fl_relative", "w_0.5"), ("fl_relative", "w_0.2", "h_0.3")]),
    maybe("g", st.sampled_from(COMPASS)), maybe("x", offsets), maybe("y", offsets), maybe("o", percents),
)  # fmt: skip
inside = plain | st.sampled_from([["fl_relative", "w_0.3"], ["o_50"], ["fl_relative", "h_0.3", "o_20"]])
results = results.filter(bool)


@st.composite
def layers(draw):
    return [draw(openings), *draw(st.lists(inside, max_size=2)), draw(closings)]


@st.composite
def some_components(draw):
    """A list of components, each a list of words."""
    components = []
    for kind in draw(st.lists(st.sampled_from("pppplrt"), min_size=1, max_size=4)):
        if kind == "l":
            components += draw(layers())
        elif kind == "t":
            components.append([draw(st.sampled_from(["t_card", "t_Big-1", "t_a_b"]))])
        else:
            components.append(draw(plain if kind == "p" else results))
    return components[:8] if len(components) > 8 else components


transformations = some_components()


def text_of(components):
    return "/".join(joined(component) for component in components)


# Text near the grammar: its words, keys and signs in any order.
signs = st.sampled_from([",", "/", "_", ":", ".", "%", "-", "%2C", "%00", "\n", "é", "\u202e", " ", "9" * 30])
keys = st.sampled_from([*(f"{key}_" for key in PARAMETERS), *(f"fl_{flag}" for flag in FLAGS)])
components_or_words = st.one_of(effects, openings.map(joined), closings.map(joined), plain.map(joined))


@st.composite
def nearly(draw):
    pieces = st.one_of(keys, signs, st.integers(-9, 99).map(str), colors, components_or_words)
    return draw(st.sampled_from(["", "/", ","])).join(draw(st.lists(pieces, max_size=9)))


near = nearly()
