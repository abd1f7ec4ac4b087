"""A network drawn as SVG: what a notebook shows for an MLP."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

_COLUMN, _ROW, _RADIUS, _MOST = 120, 22, 7, 8


def network_svg(layer_sizes: Sequence[int], labels: Sequence[str], title: str, text: str) -> str:
    """Return an inline SVG of a network: circles for units, lines for weights.

    Lines and letters take the color of the text around them, so that it reads on light and dark
    pages. A layer of more than 8 units is drawn as 8 with a gap.

    Parameters
    ----------
    layer_sizes : sequence of int
    labels : sequence of str
        A text under each layer.
    title, text : str
        What a screen reader says: the name of the picture and its description.
    """
    columns = [_heights(size) for size in layer_sizes]
    middle = max(max(ys) for ys in columns) + 2 * _RADIUS
    width, height = _COLUMN * len(columns), 2 * middle + 20
    parts = [
        f'<svg class="nnlib-network" role="img" viewBox="0 0 {width} {height:g}" '
        f'style="width: 100%; max-width: {width}px; font: 13px sans-serif" '
        f'xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title><desc>{escape(text)}</desc>",
        '<g stroke="currentColor" stroke-width="0.6" opacity="0.5">',
    ]
    for i, (left, right) in enumerate(pairwise(columns)):
        x0, x1 = _x(i) + _RADIUS, _x(i + 1) - _RADIUS
        # One path a layer: the page stays small.
        lines = "".join(
            f"M{x0} {middle + y0:g}L{x1} {middle + y1:g}" for y0 in left for y1 in right
        )
        parts.append(f'<path d="{lines}"/>')
    parts.append('</g><g stroke="currentColor" stroke-width="1.2">')
    for i, ys in enumerate(columns):
        color = "#009E73" if i in (0, len(columns) - 1) else "#0072B2"
        parts += [
            f'<circle cx="{_x(i)}" cy="{middle + y:g}" r="{_RADIUS}" fill="{color}"/>' for y in ys
        ]
    parts.append('</g><g fill="currentColor" text-anchor="middle">')
    for i, (size, label) in enumerate(zip(layer_sizes, labels, strict=True)):
        parts.append(f'<text x="{_x(i)}" y="{height - 6:g}">{escape(label)}</text>')
        if size > _MOST:
            parts.append(f'<text x="{_x(i)}" y="{middle + 4:g}">⋮</text>')
    parts.append("</g></svg>")
    return "".join(parts)


def _x(column: int) -> int:
    return _COLUMN * column + _COLUMN // 2


def _heights(size: int) -> list[float]:
    """Return the heights of a layer's circles about 0, with a gap where some are left out."""
    shown = min(size, _MOST)
    heights = [_ROW * (i - (shown - 1) / 2) for i in range(shown)]
    if size > _MOST:
        heights = [y + (_ROW / 2 if y > 0 else -_ROW / 2) for y in heights]
    return heights
