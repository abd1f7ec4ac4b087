"""A graph of operations drawn as SVG: what a notebook shows for a Tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nnlib._arrays import FloatArray
from nnlib._diagram import COLORS

Place: TypeAlias = tuple[float, float, float]  # left, top, width
MOST_NODES, MOST_NUMBERS = 30, 4  # So many nodes are drawn, and so many numbers of one.
_LETTER, _LINE, _GAP, _PAD, _LANE = 7.5, 17, 34, 8, 9


class Box(NamedTuple):
    """A node as it is drawn.

    Attributes
    ----------
    lines : list of str
        Its name, then what else is written below.
    is_leaf : bool
    inputs : list of int
        The places of its inputs among the boxes, all before its own.
    """

    lines: list[str]
    is_leaf: bool
    inputs: list[int]


def graph_svg(nodes: Sequence[Any], gradients: Mapping[Any, FloatArray]) -> str:
    """Return an inline SVG of a graph: leaves at the left, the result at the right.

    Lines and letters take the color of the text around them, so that it reads on light and dark
    pages; the description for screen readers names every box. The nodes come in topological order.
    """
    boxes = []
    for node in nodes:
        lines = [_name(node), f"value {_written(node.value)}"]
        if node in gradients:
            lines.append(f"gradient {_written(gradients[node])}")
        inputs = [nodes.index(source) for source in node.inputs if source]
        boxes.append(Box(lines, node.rule is None, inputs))
    title = f"Graph of {len(boxes)} nodes, the result is {_name(nodes[-1])}"
    columns = _columns(boxes)
    places, width, height = _places(boxes, columns)
    paths, lowest = _arrows(boxes, columns, places, height)
    words = "; ".join(", ".join(box.lines) for box in boxes)
    parts = [
        f'<svg class="nnlib-graph" role="img" viewBox="0 0 {width:g} {lowest:g}" '
        f'style="width: 100%; max-width: {width:g}px; font: 13px sans-serif" '
        'xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title><desc>{escape(words)}</desc>",
        '<g fill="none" stroke="currentColor" stroke-width="1.2">',
        *paths,
    ]
    for box, (left, top, wide) in zip(boxes, places, strict=True):
        fill = f' fill="{COLORS[2]}" fill-opacity="0.18"' if box.is_leaf else ""
        parts.append(
            f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="{_height(box):g}" '
            f'rx="6"{fill}/>'
        )
    parts.append('</g><g fill="currentColor" text-anchor="middle">')
    for box, (left, top, wide) in zip(boxes, places, strict=True):
        for k, line in enumerate(box.lines):
            weight = ' font-weight="bold"' if k == 0 else ""
            parts.append(
                f'<text x="{left + wide / 2:g}" y="{top + _LINE * (k + 1):g}"{weight}>'
                f"{escape(line)}</text>"
            )
    parts.append("</g></svg>")
    return "".join(parts)


def _name(node: Any) -> str:
    return node.rule.name if node.rule else node.options


def _written(value: Any) -> str:
    """Return numbers if they are few, or their shape."""
    if isinstance(value, tuple) or value.size > MOST_NUMBERS:
        return f"of shape {getattr(value, 'shape', value)}"
    four_digits: Any = {"float_kind": "{:.4g}".format}
    return " ".join(np.array2string(value, separator=", ", formatter=four_digits).split())


def _places(boxes: Sequence[Box], columns: list[list[int]]) -> tuple[list[Place], float, float]:
    """Return left, top and width of every box, and width and height of them all."""
    height = max(sum(_height(boxes[i]) + _LINE for i in column) for column in columns) + _LINE
    places, x = dict[int, Place](), 4.0
    for column in columns:
        width = max(_LETTER * len(line) for i in column for line in boxes[i].lines) + 2 * _PAD
        free = height - sum(_height(boxes[i]) for i in column)
        y = step = free / (len(column) + 1)
        for i in column:
            places[i] = x, y, width
            y += _height(boxes[i]) + step
        x += width + _GAP
    return [places[i] for i in range(len(boxes))], x - _GAP + 4, height


def _arrows(
    boxes: Sequence[Box], columns: list[list[int]], places: list[Place], height: float
) -> tuple[list[str], float]:
    """Return an arrow for every input, and how far down the lowest goes."""
    paths = list[str]()
    column_of = {i: place for place, column in enumerate(columns) for i in column}
    for i, box in enumerate(boxes):
        left, top, _ = places[i]
        for k, source in enumerate(box.inputs):
            x0, y0 = places[source][0] + places[source][2], _middle(boxes[source], places[source])
            y1 = top + _height(box) * (k + 1) / (len(box.inputs) + 1)
            if column_of[i] == column_of[source] + 1:
                bend = (left - x0) / 2
                way = f"C{x0 + bend:g} {y0:g} {left - bend:g} {y1:g} {left:g} {y1:g}"
            else:  # in a lane of its own below the boxes between
                lane, height = height, height + _LANE
                way = (
                    f"C{x0 + _GAP:g} {y0:g} {x0:g} {lane:g} {x0 + _GAP:g} {lane:g}"
                    f"H{left - _GAP:g}C{left:g} {lane:g} {left - _GAP:g} {y1:g} {left:g} {y1:g}"
                )
            paths.append(f'<path opacity="0.6" d="M{x0:g} {y0:g}{way}m-7 -4l7 4l-7 4"/>')
    return paths, height


def _columns(boxes: Sequence[Box]) -> list[list[int]]:
    """Return the boxes of each column: one further to the right than the last of its inputs."""
    depths = list[int]()
    for box in boxes:
        depths.append(1 + max((depths[source] for source in box.inputs), default=-1))
    # A leaf stands just before its first use, not far to the left of it.
    for i, box in enumerate(boxes):
        users = [depths[j] for j, user in enumerate(boxes) if i in user.inputs]
        if box.is_leaf and users:
            depths[i] = min(users) - 1
    return [[i for i, d in enumerate(depths) if d == depth] for depth in range(max(depths) + 1)]


def _height(box: Box) -> float:
    return _LINE * len(box.lines) + _PAD


def _middle(box: Box, place: Place) -> float:
    return place[1] + _height(box) / 2
