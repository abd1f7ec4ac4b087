"""The opening page: a network that learns before the reader's eyes, and a card for each chapter.

What they say stands in the page's notebook, in the boxes ``live``, ``buttons`` and ``cards``. What
draws is loaded when it draws: a build in which this page has not changed needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import assets
import numpy as np
from docutils import nodes
from numpy.typing import NDArray
from public import description
from reading import measure
from sources import of_extension
from sphinx import addnodes
from sphinx.application import Sphinx

Array = NDArray[np.float64]
#: Pictures of cards are so wide and high.
WIDTH, HEIGHT = 160, 90
_OUT_OF_PLACE = """<h1>This page is not here</h1>
<p>Its address has a slip, or the page has moved. <a href="{home}">The opening page</a> leads to all
chapters, and the search beside this text finds every section.</p>"""


def line(points: Array, digits: int = 1) -> str:
    """Return a path through points."""
    return "M" + "L".join(f"{x:.{digits}f} {y:.{digits}f}" for x, y in points)


def curve(function: Callable[[Array], Any], low: float, high: float, top: float) -> str:
    """Return the graph of a function from low to high, in the frame of a card."""
    x = np.linspace(low, high, 61)
    across = 12 + (WIDTH - 24) * (x - low) / (high - low)
    up = HEIGHT - 14 - (HEIGHT - 28) * np.asarray(function(x)) / top
    return line(np.stack([across, up], axis=1))


def graph(columns: list[int]) -> Iterator[str]:
    """Yield a network with so many units a layer: its arrows, then its units."""
    across = np.linspace(24, WIDTH - 24, len(columns))
    places = [
        [(x, HEIGHT / 2 + 22 * (i - (n - 1) / 2)) for i in range(n)]
        for x, n in zip(across, columns, strict=True)
    ]
    pairs = pairwise(places)
    arrows = (line(np.array([a, b]), 0) for left, right in pairs for a in left for b in right)
    yield f'<path d="{"".join(arrows)}" class="thin"/>'
    for layer in places:
        yield "".join(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="6.5"/>' for x, y in layer)


def perceptron() -> str:
    """Draw a network of two layers."""
    return "".join(graph([2, 4, 4, 2]))


def activations() -> str:
    """Draw the bends."""
    from nnlib import gelu, relu, sigmoid

    zero = 12 + (WIDTH - 24) * 2 / 3
    axis = f'<path d="M12 {HEIGHT - 14}H{WIDTH - 12}M{zero:.0f} 10V{HEIGHT - 10}" class="thin"/>'
    paths = [
        f'<path d="{curve(lambda x, f=f: np.clip(f(x), -1, 2), -4, 2, 2)}" class="{name}"/>'
        for f, name in ((sigmoid, "b"), (gelu, "c"), (relu, "a"))
    ]
    return axis + "".join(paths)


def losses() -> str:
    """Draw the count of mistakes, and what is minimized in its place."""
    from nnlib import softplus

    axis = f'<path d="M12 {HEIGHT - 14}H{WIDTH - 12}" class="thin"/>'
    across, up = 12 + (WIDTH - 24) * 1.5 / 3.5, HEIGHT - 14 - (HEIGHT - 28) / 2.5
    steps = f"M12 {up:.1f}H{across:.1f}V{HEIGHT - 14}H{WIDTH - 12}"
    hinge = curve(lambda m: np.maximum(1 - m, 0), -1.5, 2, 2.5)
    entropy = curve(softplus, 1.5, -2, 2.5)
    return (
        f'{axis}<path d="{steps}" class="c"/><path d="{hinge}" class="b"/>'
        f'<path d="{entropy}" class="a"/>'
    )


def bars() -> str:
    """Draw scores and their softmax."""
    from nnlib import softmax

    drawn = [f'<path d="M12 60H68M92 {HEIGHT - 14}H148" class="thin"/>']
    scores = np.array([1.0, 2.0, -0.5])
    for start, heights, base, name in (
        (16, 24 * scores, 60, "fill-b"),
        (96, 90 * softmax(scores), HEIGHT - 14, "fill-a"),
    ):
        for i, height in enumerate(heights):
            top = base - max(height, 0)
            drawn.append(
                f'<rect x="{start + 18 * i}" y="{top:.1f}" width="12" '
                f'height="{abs(height):.1f}" class="{name}"/>'
            )
    return "".join(drawn) + f'<path d="M74 {HEIGHT / 2}h10m-4 -4 4 4 -4 4"/>'


def layers() -> str:
    """Draw modules, one on another."""
    names = ("Linear", "ReLU", "Linear")
    drawn = (
        f'<rect x="{14 + 47 * i}" y="28" width="38" height="34" rx="5" class="{"ab"[i % 2]}"/>'
        f'<text x="{33 + 47 * i}" y="49">{name}</text>'
        for i, name in enumerate(names)
    )
    return "".join(drawn) + '<path d="M2 45h12m38 0h9m38 0h9m38 0h12"/>'


def backward() -> str:
    """Draw a graph, its values on their way forward and its gradients on their way back."""
    forward = '<path d="M30 22L74 40M30 68L74 48M86 44H124" class="a"/>'
    back = '<path d="M72 33L34 17M72 56L34 74M124 52H88" class="b" stroke-dasharray="4 3"/>'
    spots = ((24, 20), (24, 70), (80, 44), (132, 44))
    return forward + back + "".join(f'<circle cx="{x}" cy="{y}" r="6.5"/>' for x, y in spots)


#: The picture of a chapter, by its name without the number.
PICTURES = {
    "multilayer_perceptrons": perceptron,
    "activation_functions": activations,
    "surrogate_losses": losses,
    "softmax_and_kl": bars,
    "pytorch": layers,
    "backpropagation": backward,
}


@cache
def spirals(n: int = 90) -> tuple[Array, NDArray[np.int64]]:
    """Return the points of two interleaved spirals, and to which of them each belongs."""
    rng = np.random.default_rng(0)
    turn = np.sqrt(np.linspace(0.04, 1, n))
    angle = 3.2 * np.pi * turn
    arm = 0.92 * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.concatenate([arm, -arm]) + rng.normal(0, 0.015, (2 * n, 2))
    return points, np.repeat([0, 1], n)


@cache
def learned() -> str:
    """Return, as a path, the region that a trained network gives to the second spiral."""
    from contourpy import contour_generator

    from nnlib import MLP, fit

    points, labels = spirals()
    net = MLP([2, 24, 24, 24, 2], activation="relu", rng=1)
    fit(net, points, labels, epochs=400, learning_rate=0.05, momentum=0.9, rng=1)
    side = np.linspace(-1, 1, 61)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    scores = net(grid)
    height = (scores[:, 1] - scores[:, 0]).reshape(61, 61)
    generator = contour_generator(side, side, height, fill_type="OuterOffset")
    outlines, offsets = generator.filled(0, np.inf)
    return "".join(
        line(100 * (1 + outline[start:stop]), 0) + "Z"
        for outline, cuts in zip(outlines, offsets, strict=True)
        for start, stop in pairwise(cuts)
    )


def still() -> str:
    """Draw what the network learns; the script that trains one in the page takes its points."""
    points, labels = spirals()
    dots = "".join(
        f'<circle cx="{100 * (1 + x):.1f}" cy="{100 * (1 + y):.1f}" r="2.4"/>'
        if label == 0
        else f'<path d="M{100 * (1 + x):.1f} {100 * (1 + y) - 3.2:.1f}l3 5.2h-6z"/>'
        for (x, y), label in zip(points, labels, strict=True)
    )
    return (
        '<svg class="spirals" viewBox="0 0 200 200" role="img" aria-label="Two interleaved spirals '
        "of points. A network has colored the plane: the border between its two colors winds along "
        f'between the spirals."><rect width="200" height="200"/><path class="region" '
        f'd="{learned()}"/>{dots}</svg>'
    )


def furnish(app: Sphinx, doctree: nodes.document) -> None:
    """Put the figure and the cards' pictures into the opening page."""
    if app.env.docname != app.config.root_doc:
        return
    for box in doctree.findall(nodes.container):
        if "live" in box["classes"]:
            box.insert(0, nodes.raw("", still(), format="html"))
        if "cards" in box["classes"]:
            for card in box.findall(nodes.list_item):
                furnish_card(app, card)


def furnish_card(app: Sphinx, card: nodes.list_item) -> None:
    """Give a chapter's card a picture and the time of its main line."""
    target = next(iter(card.findall(addnodes.pending_xref)))["reftarget"]
    path = Path(app.srcdir) / "chapters" / f"{Path(target).name}.ipynb"
    app.env.note_dependency(str(path))
    draw = PICTURES.get(path.stem.partition("_")[2])
    if draw:
        svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{draw()}</svg>'
        card.insert(0, nodes.raw("", svg, format="html"))
    minutes = measure(path).main.minutes
    card += nodes.paragraph("", f"{minutes} minutes", classes=["minutes"])


def finish_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give pages an icon and a description, the opening page its script and a way to the PDF."""
    context["favicon_url"] = context["pathto"]("_static/favicon.svg", 1)
    if doctree is not None:
        said = escape(description(doctree))
        context["metatags"] += f'\n<meta name="description" content="{said}" />'
    if page != app.config.root_doc:
        return
    app.add_js_file("live.js")
    if app.env.printed:
        link = f'<a class="pdf-link" href="{context["pathto"](assets.PDF, 1)}">PDF</a> '
        head, mark, rest = context["body"].partition("buttons docutils")
        start = rest.index("<a ", rest.index("</a>"))  # after the first
        context["body"] = head + mark + rest[:start] + link + rest[start:]


def out_of_place(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the page that a server shows for an address that it does not have."""
    home = app.builder.get_relative_uri("404", app.config.root_doc)
    context = {"title": "This page is not here", "body": _OUT_OF_PLACE.format(home=home)}
    if site := app.config.html_baseurl.rstrip("/"):
        # Shown in any folder, it leads from the book's own.
        context["metatags"] = f'<base href="{site}/">'
    yield "404", context, "page.html"


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.connect("doctree-read", furnish)
    app.connect("html-collect-pages", out_of_place)
    app.connect("html-page-context", finish_page)
    return of_extension(__file__)
