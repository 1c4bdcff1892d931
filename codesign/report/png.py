"""How does a drawing become pixels?"""

import re


class MissingExtra(RuntimeError):
    """A library is not installed that only some commands need; the message says how to get it."""


ROOT = re.compile(r"<svg\b[^>]*>")
SIDES = re.compile(r'(?<=\s)(width|height)="([0-9.]+)"')


def enlarged(svg: str, scale: float) -> str:
    """The drawing with the width and height of its root times `scale`.

    >>> enlarged('<svg viewBox="0 0 3 2" width="3" height="2"/>', 2.5)
    '<svg viewBox="0 0 3 2" width="8" height="5"/>'
    """

    def root(tag: re.Match[str]) -> str:
        return SIDES.sub(lambda side: f'{side[1]}="{round(float(side[2]) * scale)}"', tag[0])

    return ROOT.sub(root, svg, count=1)


def png_of(svg: str, scale: float = 2.0) -> bytes:
    """The drawing as a PNG file with `scale` pixels per unit of the drawing, drawn with the fonts of this machine.

    `MissingExtra` without the library resvg-py; `ValueError` for text that is no SVG, or a scale that is out of range.
    """
    if not 0 < scale <= 20:
        raise ValueError(f"the scale {scale} of a picture must lie above 0 and not above 20")
    try:
        import resvg_py
    except ImportError:
        raise MissingExtra("PNG files need the library resvg-py: uv pip install -e '.[png]'") from None
    # the root carries the scale: the versions of the library differ in what their own zoom accepts
    return bytes(resvg_py.svg_to_bytes(svg_string=enlarged(svg, scale)))
