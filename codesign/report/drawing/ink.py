"""How are lines, rectangles and texts written as SVG, and how much room does a text take?

Only attributes, no style sheet and no identifiers: drawings inlined in one page cannot disturb each other.
"""

import html
import re

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
INK, SOFT, LINE, GROUND, ALARM = "#1f2933", "#61707d", "#9aa6b1", "#ffffff", "#b3400a"
ALLOWED = re.compile("[\\t\\n\\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NARROW, WIDE = frozenset("iIjlt.,:;'|!()[]f/ r·"), frozenset("mwMWOQGCD%@ABEHKNPRSUVXYZ&×")


def number(value: float) -> str:
    """A coordinate with two decimals at most.

    >>> number(12.50), number(-0.001)
    ('12.5', '0')
    """
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def millimetres(value: float) -> str:
    """A length in m as text in mm, four digits.

    >>> millimetres(0.02467)
    '24.67'
    """
    return f"{value * 1e3:.4g}"


def text_width(content: str, size: float, bold: bool = False) -> float:
    """Room a text takes along its line, a little more than common sans-serif fonts need.

    >>> round(text_width("104 mm", 10.0), 1)
    37.1
    """
    units = sum(0.34 if c in NARROW else 0.80 if c in WIDE else 0.59 for c in content)
    return units * size * (1.06 if bold else 1.0)


def shortened(content: str, size: float, room: float, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it needs more than `room`.

    >>> shortened("a long name", 10.0, 40.0)
    'a long…'
    """
    if text_width(content, size, bold) <= room:
        return content
    while content and text_width(content + "…", size, bold) > room:
        content = content[:-1]
    return content.rstrip() + "…"


def escaped(content: str) -> str:
    """Text as XML may hold it: reserved characters escaped, forbidden ones dropped.

    >>> escaped("a<b & \\x00c")
    'a&lt;b &amp; c'
    """
    return html.escape("".join(c for c in content if ALLOWED.match(c)), quote=False)


def _attributes(given: dict[str, str | float]) -> str:
    texts = ((k.rstrip("_").replace("_", "-"), v if isinstance(v, str) else number(v)) for k, v in given.items())
    return "".join(f' {name}="{html.escape(value)}"' for name, value in texts)


def element(name: str, inside: str = "", /, **attributes: str | float) -> str:
    """One SVG element; `inside` must be SVG already."""
    return f"<{name}{_attributes(attributes)}>{inside}</{name}>" if inside else f"<{name}{_attributes(attributes)}/>"


def rectangle(x: float, y: float, width: float, height: float, /, **attributes: str | float) -> str:
    """A rectangle from its upper left corner."""
    return element("rect", x=x, y=y, width=width, height=height, **attributes)


def stroke(x0: float, y0: float, x1: float, y1: float, colour: str = INK, width: float = 0.6, **attributes: str | float) -> str:
    """A straight line."""
    return element("line", x1=x0, y1=y0, x2=x1, y2=y1, stroke=colour, stroke_width=width, **attributes)


def text(
    x: float, y: float, content: str, size: float, anchor: str = "start", colour: str = INK, bold: bool = False, turned: bool = False
) -> str:
    """One line of text whose middle height is at `y`; `turned` reads upwards around (`x`, `y`)."""
    attributes: dict[str, str | float] = {"x": x, "y": y, "dy": "0.35em", "font_size": size, "text_anchor": anchor, "fill": colour}
    if bold:
        attributes["font_weight"] = "600"
    if turned:
        attributes["transform"] = f"rotate(-90 {number(x)} {number(y)})"
    return element("text", escaped(content), **attributes)
