"""Is the drawing of a package well-formed, complete, to scale and readable, from one die to hundreds of blocks?"""

import itertools
import re
import struct
import sys
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest

from codesign.physical.blocks import Blocks
from codesign.report.drawing.colours import KIND_FILL, RAMPS, colouring, ink_on, lightness, ramp
from codesign.report.drawing.data import around, power_density, rectangles
from codesign.report.drawing.ink import text_width
from codesign.report.drawing.shoreline import edge_per_use, strips
from codesign.report.floorplan import Budget, FloorplanDrawing, Segment, floorplan_svg
from codesign.report.png import MissingExtra, png_of

SVG = "{http://www.w3.org/2000/svg}"
COLOURS = ("kind", "power density", "temperature")
MM = 1e-3


def _row(kind, name, count, y, pitch, size, watts):
    return [((i - (count - 1) / 2) * pitch, y, *size, watts, kind, f"{name} {i + 1}") for i in range(count)]


def _package(columns, rows, die, stacks, stack=(11.0, 10.0), engines=0, gap=0.5, margin=3.0, fibres=False):
    """Dies in a grid, stacks in rows above and below, engines in columns at both sides; all in mm."""
    wide, high = columns * (die[0] + gap) - gap, rows * (die[1] + gap) - gap
    placed = []
    for row in range(rows):
        y = (row - (rows - 1) / 2) * (die[1] + gap)
        line = _row("die", f"die {row}", columns, y, die[0] + gap, die, 100.0 * (row + 1))
        placed += [(*block[:4], 50.0 + 7 * i + block[4], *block[5:]) for i, block in enumerate(line)]
    per_row, level = max(1, int((wide + 1e-9) / stack[0])), 0
    while stacks > 0:
        for sign in (1, -1):
            count = min(per_row, stacks)
            y = sign * (high / 2 + gap + stack[1] / 2 + level * (stack[1] + gap))
            placed += _row("memory", f"HBM {level}{'ab'[sign < 0]}", count, y, wide / max(count, 1), stack, 30.0)
            stacks -= count
        level += 1
    half = wide / 2
    for i, sign in itertools.product(range(engines // 2), (1, -1)):
        y = -high / 2 + (i + 0.5) * high / (engines // 2)
        placed.append((sign * (half + 3.0), y, 3.0, min(5.0, 0.8 * high / (engines // 2)), 6.0, "optics", f"OE {i}{sign}"))
        if fibres:
            placed.append((sign * (half + 5.5), y, 1.5, 0.5, 0.0, "fibre", f"FA {i}{sign}"))
    numbers = np.array([block[:5] for block in placed])
    blocks = Blocks(*(numbers[:, :4].T * MM), numbers[:, 4])
    box = around(rectangles(blocks))
    sides = box.width + 2 * margin * MM, box.height + 2 * margin * MM
    edges = []
    for left, bottom, right, top in [r for r, block in zip(rectangles(blocks), placed, strict=True) if block[5] == "die"]:
        cut = left + 0.8 * (right - left)
        edges += [Segment(left, top, cut, top, "memory"), Segment(cut, top, right, top, "free")]
        edges += [Segment(left, bottom, cut, bottom, "memory"), Segment(cut, bottom, right, bottom, "free")]
        edges += [
            Segment(right, bottom, right, top, "die to die"),
            Segment(left, bottom, left, top, "optics" if engines else "serialisers"),
        ]
    budgets = [Budget("die edge", 0.1, 0.12, "mm"), Budget("power", 1200.0, 1000.0, "W"), Budget("dies", 4.0, 4.0, "1")]
    return FloorplanDrawing(
        f"{columns} x {rows} dies",
        blocks,
        [block[5] for block in placed],
        [block[6] for block in placed],
        sides,
        carrier=(sides[0] - 2 * MM, sides[1] - 2 * MM),
        temperatures=60.0 + 0.01 * numbers[:, 4],
        shoreline=edges,
        budgets=budgets,
    )


CASES = {
    "1 die, 6 stacks": _package(1, 1, (33.0, 24.67), 6),
    "2 dies, 8 stacks": _package(2, 1, (26.0, 33.0), 8),
    "4 reticles, 16 stacks, optics": _package(4, 1, (26.0, 33.0), 16, (13.0, 11.0), engines=16, gap=0.0),
    "16 dies, 32 stacks, optics": _package(4, 4, (20.0, 20.0), 32, (8.0, 8.0), engines=16, fibres=True),
    "64 dies": _package(8, 8, (8.0, 8.0), 0),
    "64 dies, 128 stacks, optics": _package(8, 8, (8.0, 8.0), 128, (4.0, 4.0), engines=32),
    "a row": _package(12, 1, (9.0, 14.0), 12, (8.0, 7.0)),
    "a column": _package(1, 6, (9.0, 14.0), 2, (8.0, 7.0), engines=4),
    "bare": _package(1, 1, (10.0, 10.0), 0)._replace(shoreline=(), budgets=(), carrier=None),
}
ALL = [pytest.param(drawing, colour, id=f"{name}, {colour}") for name, drawing in CASES.items() for colour in COLOURS]


def _tree(drawing, colour="kind"):
    return ET.fromstring(floorplan_svg(drawing, colour))


def _texts(tree):
    return ["".join(node.itertext()) for node in tree.iter(f"{SVG}text")]


def _block_shapes(tree):
    groups = [g for g in tree.iter(f"{SVG}g") if g.get("class") == "floorplan-block"]
    return np.array([[float(g.find(f"{SVG}rect").get(k)) for k in ("x", "y", "width", "height")] for g in groups])


def _text_box(node):
    """Left, top, right, bottom of a text."""
    x, y, size = (float(node.get(k)) for k in ("x", "y", "font-size"))
    long = text_width("".join(node.itertext()), size, node.get("font-weight") == "600")
    start = {"start": 0.0, "middle": -long / 2, "end": -long}[node.get("text-anchor")]
    if node.get("transform"):
        assert node.get("transform").startswith("rotate(-90 ")
        return x - 0.5 * size, y - start - long, x + 0.5 * size, y - start
    return x + start, y - 0.5 * size, x + start + long, y + 0.5 * size


def _view_box(tree):
    return [float(v) for v in tree.get("viewBox").split()]


@pytest.mark.parametrize(("drawing", "colour"), ALL)
def test_every_block_is_drawn_to_scale_on_the_sheet(drawing, colour):
    tree, blocks = _tree(drawing, colour), drawing.blocks
    shapes = _block_shapes(tree)
    assert len(shapes) == len(drawing.kinds)
    scale = shapes[0, 2] / blocks.width[0]
    assert np.abs(shapes[:, 2:] - scale * np.stack([blocks.width, blocks.height], 1)).max() < 0.1
    centres = shapes[:, :2] + shapes[:, 2:] / 2
    moved = scale * np.stack([blocks.x - blocks.x[0], blocks.y[0] - blocks.y], 1)
    assert np.abs(centres - centres[0] - moved).max() < 0.1
    _, _, width, height = _view_box(tree)
    assert (shapes >= 0).all()
    assert (shapes[:, 0] + shapes[:, 2] <= width).all()
    assert (shapes[:, 1] + shapes[:, 3] <= height).all()


@pytest.mark.parametrize(("drawing", "colour"), ALL)
def test_texts_keep_clear_of_each_other_and_on_the_sheet(drawing, colour):
    tree = _tree(drawing, colour)
    nodes = list(tree.iter(f"{SVG}text"))
    boxes = np.array([_text_box(node) for node in nodes])
    _, _, width, height = _view_box(tree)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= width).all()
    assert (boxes[:, 3] <= height).all()
    assert min(float(node.get("font-size")) for node in nodes) >= 7
    for a, b in itertools.combinations(range(len(boxes)), 2):
        shared = np.minimum(boxes[a, 2:], boxes[b, 2:]) - np.maximum(boxes[a, :2], boxes[b, :2])
        assert shared.min() <= 0, (nodes[a].text, nodes[b].text)


@pytest.mark.parametrize(("drawing", "colour"), ALL)
def test_no_text_lies_across_the_line_around_a_block(drawing, colour):
    tree = _tree(drawing, colour)
    shapes = _block_shapes(tree)
    for node in tree.iter(f"{SVG}text"):
        left, top, right, bottom = _text_box(node)
        low, high = shapes[:, :2], shapes[:, :2] + shapes[:, 2:]
        meets = (left < high[:, 0]) & (right > low[:, 0]) & (top < high[:, 1]) & (bottom > low[:, 1])
        within = (left >= low[:, 0]) & (right <= high[:, 0]) & (top >= low[:, 1]) & (bottom <= high[:, 1])
        assert (~meets | within).all(), node.text


@pytest.mark.parametrize("name", CASES)
def test_figures_equal_the_data(name):
    drawing = CASES[name]
    texts = _texts(_tree(drawing))
    width, height = (f"{side / MM:.4g}" for side in drawing.package)
    assert f"{width} mm" in texts
    assert f"{height} mm" in texts
    assert f"{width} × {height} mm" in texts
    assert f"die {drawing.blocks.width[0] / MM:.4g} mm" in texts
    assert f"die {drawing.blocks.height[0] / MM:.4g} mm" in texts
    for kind, word in (("die", "die"), ("memory", "memory stack"), ("optics", "optical engine"), ("fibre", "fibre attach")):
        count = list(drawing.kinds).count(kind)
        assert (count > 0) == any(re.fullmatch(rf"{count} {word}(s|es)?", text) for text in texts)
    for use, length in edge_per_use(drawing.shoreline).items():
        assert f"{length / MM:.1f}".removesuffix(".0") + " mm" in texts
        assert use in texts


@pytest.mark.parametrize("name", ["1 die, 6 stacks", "2 dies, 8 stacks", "4 reticles, 16 stacks, optics", "16 dies, 32 stacks, optics"])
@pytest.mark.parametrize("colour", COLOURS)
def test_dies_and_stacks_are_labelled(name, colour):
    drawing = CASES[name]
    texts, dies = _texts(_tree(drawing, colour)), [i for i, kind in enumerate(drawing.kinds) if kind == "die"]
    assert all(drawing.names[i] in texts for i in dies)
    size = f"{drawing.blocks.width[dies[0]] / MM:.4g} × {drawing.blocks.height[dies[0]] / MM:.4g} mm"
    assert texts.count(size) >= len(dies)
    values = {"kind": [], "power density": [f"{v:.2f} W/mm²" for v in power_density(drawing)]}
    values["temperature"] = [f"{v:.1f} °C" for v in drawing.temperatures]
    assert all(values[colour][i] in texts for i in dies if colour != "kind")


def test_crowded_blocks_lose_their_names_but_not_their_count():
    texts = _texts(_tree(CASES["64 dies, 128 stacks, optics"]))
    assert not [text for text in texts if text.startswith(("HBM", "OE"))]
    assert {"64 dies", "128 memory stacks", "32 optical engines"} <= set(texts)


def test_the_scale_bar_has_the_length_it_says():
    for drawing in CASES.values():
        tree = _tree(drawing)
        scale = _block_shapes(tree)[0, 2] / drawing.blocks.width[0]
        halves = [n for n in tree.iter(f"{SVG}rect") if n.get("height") == "4"]
        start, end = float(halves[0].get("x")), float(halves[1].get("x")) + float(halves[1].get("width"))
        said = [n for n in tree.iter(f"{SVG}text") if float(n.get("x")) == pytest.approx(end + 7, abs=0.02)]
        assert float(said[0].text.removesuffix(" mm")) * MM * scale == pytest.approx(end - start, abs=0.05)


@pytest.mark.parametrize("name", [n for n in CASES if n != "bare"])
def test_strips_have_the_lengths_of_the_shoreline_and_lie_in_their_die(name):
    drawing = CASES[name]
    tree, found = _tree(drawing), strips(drawing)
    for use, length in edge_per_use(drawing.shoreline).items():
        assert sum(s.end - s.start for s in found if s.use == use) == pytest.approx(length, rel=1e-9)
    shapes, polygons = _block_shapes(tree), list(tree.iter(f"{SVG}polygon"))
    assert len(polygons) == len(found)
    for strip, polygon in zip(found, polygons, strict=True):
        corners = np.array([[float(v) for v in p.split(",")] for p in polygon.get("points").split()])
        low, high = shapes[strip.block, :2], shapes[strip.block, :2] + shapes[strip.block, 2:]
        assert ((corners > low - 0.02) & (corners < high + 0.02)).all()


def test_neighbouring_segments_of_one_use_are_one_strip():
    pieces = [Segment(x * MM, 5 * MM, (x + 2) * MM, 5 * MM, "memory") for x in (-5, -3, -1)]
    (strip,) = strips(CASES["bare"]._replace(shoreline=pieces))
    assert (strip.side, strip.start, strip.end) == ("top", pytest.approx(-5 * MM), pytest.approx(1 * MM))


def test_lengths_of_short_strips_at_the_corners_of_a_die_keep_apart():
    drawing = CASES["bare"]._replace(blocks=Blocks(*np.array([[0.0], [0.0], [0.03], [0.03], [1.0]])), package=(0.032, 0.032))
    box = rectangles(drawing.blocks)[0]
    for long in np.array([0.8, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0]) * MM:
        spots = [(side, start) for side in (box.bottom, box.top) for start in (box.left, box.right - long)]
        pieces = [Segment(start, side, start + long, side, "memory") for side, start in spots]
        pieces += [Segment(side, start, side, start + long, "optics") for side, start in spots]
        test_texts_keep_clear_of_each_other_and_on_the_sheet(drawing._replace(shoreline=pieces), "kind")


def test_fibres_leave_by_the_attach_where_there_is_one():
    lines = {}
    for fibres in (False, True):
        tree = _tree(_package(1, 1, (20.0, 20.0), 0, engines=4, fibres=fibres))
        lines[fibres] = [n for n in tree.iter(f"{SVG}line") if n.get("stroke-linecap")]
    assert len(lines[False]) > len(lines[True]) >= 4


def test_names_and_titles_are_escaped():
    strange = '<&> "a" \x00 ]]>'
    drawing = CASES["1 die, 6 stacks"]
    drawing = drawing._replace(title=strange, names=[strange] * 7, budgets=[Budget(strange, 1.0, 2.0, "W")])
    texts = _texts(_tree(drawing))
    assert texts.count('<&> "a"  ]]>') >= 9


def test_long_texts_are_cut():
    drawing = CASES["2 dies, 8 stacks"]
    drawing = drawing._replace(title="title " * 90, budgets=[Budget("budget " * 20, 0.5, 1.0, "mm")])
    test_texts_keep_clear_of_each_other_and_on_the_sheet(drawing, "kind")
    assert sum(text.endswith("…") for text in _texts(_tree(drawing))) == 2


def test_a_block_outside_the_package_is_on_the_sheet():
    drawing = CASES["2 dies, 8 stacks"]
    test_every_block_is_drawn_to_scale_on_the_sheet(drawing._replace(package=(0.02, 0.01), centre=(0.1, 0.0)), "kind")


def test_moving_everything_changes_only_the_places_named():
    drawing = CASES["16 dies, 32 stacks, optics"]._replace(shoreline=())
    there = drawing._replace(blocks=drawing.blocks._replace(x=drawing.blocks.x + 0.25, y=drawing.blocks.y - 0.5))
    drawn = [re.sub(r"<title>.*?</title>", "", floorplan_svg(d), flags=re.DOTALL) for d in (drawing, there)]
    numbers = [np.array(re.findall(r"-?\d+\.?\d*", re.sub(r"#\w{6}", "", text)), float) for text in drawn]
    assert np.abs(numbers[0] - numbers[1]).max() < 0.02


@pytest.mark.parametrize(("drawing", "colour"), ALL)
def test_the_same_data_give_the_same_drawing_that_needs_nothing_else(drawing, colour):
    text = floorplan_svg(drawing, colour)
    assert text == floorplan_svg(drawing, colour)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<script|<style|<image|@import|url\(|\bid=", text)
    assert "nan" not in re.sub(r"<title>.*?</title>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", RAMPS)
def test_ramps_keep_their_order_in_grey_and_carry_readable_ink(name):
    steps = [ramp(name, share) for share in np.linspace(0, 1, 41)]
    light = np.array([lightness(step) for step in steps])
    assert (np.diff(light) < 0).all()
    assert np.diff(light).min() > 3 * np.diff(light).mean()
    for fill in [*steps, *KIND_FILL.values()]:
        assert abs(lightness(fill) - lightness(ink_on(fill))) > 38


@pytest.mark.parametrize("colour", ["power density", "temperature"])
def test_the_scale_holds_every_value(colour):
    for drawing in CASES.values():
        scale = colouring(drawing, colour)
        assert scale.low <= scale.values.min()
        assert scale.values.max() <= scale.high
        assert 2 <= len(scale.ticks) <= 7


def test_no_heat_no_area_and_unknown_temperatures_still_draw():
    drawing = CASES["1 die, 6 stacks"]
    cold = drawing.blocks._replace(power=np.zeros(7), width=np.array([*drawing.blocks.width[:6], 0.0]))
    for temperatures in (np.full(7, np.nan), np.array([70.0, *[np.nan] * 6]), np.full(7, 40.0)):
        for colour in COLOURS:
            assert len(_block_shapes(_tree(drawing._replace(blocks=cold, temperatures=temperatures), colour))) == 7


def test_budgets_say_what_is_over():
    unbounded = Budget("no limit", 3.0, float("inf"), "W")
    texts = _texts(_tree(CASES["bare"]._replace(budgets=[*CASES["64 dies"].budgets, unbounded, Budget("none", 1e-6, 0.0, "mm2")])))
    assert {"100 of 120 mm", "1200 of 1000 W, over", "4 of 4", "3 of unbounded", "1 of 0 mm², over"} <= set(texts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kinds": ["die"]}, "7 blocks, but 1 kinds"),
        ({"kinds": ["dye"] * 7}, "unknown kind dye"),
        ({"shoreline": [(0.0, 0.0, 1.0, 0.0, "idle")]}, "unknown use idle"),
        ({"package": (0.0, 1.0)}, "package needs"),
        ({"carrier": (1.0, float("nan"))}, "carrier needs"),
        ({"temperatures": None}, "needs temperatures"),
        ({"blocks": Blocks(*np.zeros((5, 0)))}, "at least one block"),
        ({"blocks": Blocks(*np.full((5, 7), np.inf))}, "finite"),
    ],
)
def test_data_that_do_not_fit_are_told(change, said):
    with pytest.raises(ValueError, match=said):
        floorplan_svg(CASES["1 die, 6 stacks"]._replace(**change), "temperature")


def test_an_unknown_colour_is_told():
    with pytest.raises(ValueError, match="known: kind, power density, temperature"):
        floorplan_svg(CASES["bare"], "mood")


def _rows_of(png):
    """Width, height and the raw rows of a PNG without interlacing."""
    at, data, head = 8, b"", b""
    while at < len(png):
        (length,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + length]
        head, data, at = (body if kind == b"IHDR" else head), (data + body if kind == b"IDAT" else data), at + 12 + length
    width, height = struct.unpack(">II", head[:8])
    raw = zlib.decompress(data)
    stride = len(raw) // height
    return width, height, [raw[i * stride : (i + 1) * stride] for i in range(height)]


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
def test_png_is_a_picture_of_the_right_size(scale):
    pytest.importorskip("resvg_py")
    svg = floorplan_svg(CASES["4 reticles, 16 stacks, optics"], "temperature")
    png, sides = png_of(svg, scale), _view_box(ET.fromstring(svg))[2:]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, rows = _rows_of(png)
    assert np.abs(np.array([width, height]) - scale * np.array(sides)).max() <= 1
    assert len(set(rows)) > height / 4
    assert png == png_of(svg, scale)


def test_png_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtra, match=r"pip install -e '.\[png\]'"):
        png_of(floorplan_svg(CASES["bare"]))


@pytest.mark.parametrize(("svg", "scale"), [("", 1.0), ("no drawing", 1.0), ("<svg/>", 0.0), ("<svg/>", float("nan"))])
def test_png_of_nonsense_is_told(svg, scale):
    pytest.importorskip("resvg_py")
    with pytest.raises(ValueError, match=r".+"):
        png_of(svg, scale)
