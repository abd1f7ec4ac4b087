"""A network drawn: the places of its circles, and the SVG that a notebook shows for an MLP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

#: Blue, vermilion, green, purple, orange, sky blue (Okabe and Ito, 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_COLUMN, _ROW, _RADIUS = 120, 22, 7


@dataclass(frozen=True)
class Layer:
    """A column of circles, one for each unit, at heights about 0."""

    heights: list[float]
    color: str
    shortened: bool


def network_layers(layer_sizes: Sequence[int], most: int = 8) -> list[Layer]:
    """Return the columns of a network; more than `most` units are drawn as so many with a gap."""
    ends = (0, len(layer_sizes) - 1)
    layers = []
    for column, size in enumerate(layer_sizes):
        shown = min(size, most)
        heights = [i - (shown - 1) / 2 for i in range(shown)]
        if size > most:
            heights = [y + (0.5 if y > 0 else -0.5) for y in heights]
        layers.append(Layer(heights, COLORS[2 if column in ends else 0], size > most))
    return layers


def network_svg(layer_sizes: Sequence[int], labels: Sequence[str], title: str, text: str) -> str:
    """Return an inline SVG of a network: circles for units, lines for weights.

    Lines and letters take the color of the text around them, so that it reads on light and dark
    pages.

    Parameters
    ----------
    layer_sizes : sequence of int
    labels : sequence of str
        A text under each layer.
    title, text : str
        What a screen reader says: the name of the picture and its description.
    """
    layers = network_layers(layer_sizes)
    middle = _ROW * max(layer.heights[-1] for layer in layers) + 2 * _RADIUS
    width, height = _COLUMN * len(layers), 2 * middle + 20
    parts = [
        f'<svg class="nnlib-network" role="img" viewBox="0 0 {width} {height:g}" '
        f'style="width: 100%; max-width: {width}px; font: 13px sans-serif" '
        f'xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title><desc>{escape(text)}</desc>",
        '<g stroke="currentColor" stroke-width="0.6" opacity="0.5">',
    ]
    places = [
        [(_COLUMN * i + _COLUMN // 2, middle + _ROW * y) for y in layer.heights]
        for i, layer in enumerate(layers)
    ]
    for left, right in pairwise(places):
        # One path a layer: the page stays small.
        lines = "".join(
            f"M{x0 + _RADIUS} {y0:g}L{x1 - _RADIUS} {y1:g}" for x0, y0 in left for x1, y1 in right
        )
        parts.append(f'<path d="{lines}"/>')
    parts.append('</g><g stroke="currentColor" stroke-width="1.2">')
    for layer, circles in zip(layers, places, strict=True):
        parts += [
            f'<circle cx="{x}" cy="{y:g}" r="{_RADIUS}" fill="{layer.color}"/>' for x, y in circles
        ]
    parts.append('</g><g fill="currentColor" text-anchor="middle">')
    for layer, circles, label in zip(layers, places, labels, strict=True):
        x = circles[0][0]
        parts.append(f'<text x="{x}" y="{height - 6:g}">{escape(label)}</text>')
        if layer.shortened:
            parts.append(f'<text x="{x}" y="{middle + 4:g}">⋮</text>')
    parts.append("</g></svg>")
    return "".join(parts)
