"""Figures that chapters share, in one style.

The ground is transparent and the palette is that of Okabe and Ito, which color-blind readers can
tell apart; lines differ in dash as well. Functions that draw on axes take `ax` and return it.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.font_manager import fontManager
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import offset_copy
from numpy.typing import ArrayLike, NDArray

from nnlib._arrays import (
    as_array,
    as_float,
    as_layer_sizes,
    check_callable,
    check_count,
    check_kind,
    no_numbers,
)
from nnlib._diagram import COLORS as COLORS  # the exams draw in them, too
from nnlib._diagram import network_layers
from nnlib.activations import Activation
from nnlib.training import History

# The face of the book's text (_ext/assets.py makes this file) and the width of its figures in
# inches: on a phone, they shrink to two thirds, and text of 12 points to 11 pixels.
_FACE = "BookSans"
_WIDTH = 5.2
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
fontManager.addfont(Path(__file__).with_name("figures.ttf"))
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
# Jupyter Lab draws what comes under this type, and no later one.
_VEGA_LITE = "application/vnd.vegalite.v5+json"
_SIZE = 15  # of the text in charts, in pixels
# A notebook with a dark theme turns axes white, and not what a chart itself writes and draws: so
# that both can be read, the ground is white and all ink dark, whatever the theme.
_CHART_STYLE = {
    "background": "white",
    "font": "Source Sans 3, sans-serif",
    "view": {"continuousWidth": 340, "continuousHeight": 240, "stroke": None},
    "axis": {
        "labelFontSize": _SIZE,
        "labelSeparation": 4,
        "titleFontSize": _SIZE,
        "titleFontWeight": "normal",
        "domainColor": "#888",
        "gridColor": "#ddd",
        "tickColor": "#888",
    },
    "axisY": {"minExtent": 32},  # or in a low chart the title may cross the labels
    "legend": {
        "labelFontSize": _SIZE,
        "title": None,
        "orient": "bottom",
        "labelLimit": 300,
        "columnPadding": 20,  # labels are measured in a face that may be narrower
    },
    "title": {"fontSize": _SIZE, "fontWeight": "normal", "anchor": "start", "color": "black"},
    "style": {"guide-label": {"fill": "black"}, "guide-title": {"fill": "black"}},
    "mark": {"color": COLORS[0]},
    "text": {"fontSize": _SIZE},
    "line": {"strokeWidth": 2.5},
    "range": {"category": list(COLORS)},
}
_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*", "<", ">")


def use_style() -> None:
    """Set the style of the book's figures for all that follow in this session.

    A notebook then shows each figure as a drawing, and as a picture of twice the size where
    drawings are not shown.

    Examples
    --------
    >>> use_style()
    >>> plt.rcParams["font.family"]
    ['BookSans', 'DejaVu Sans']
    """
    plt.rcParams.update(
        {
            "figure.figsize": (_WIDTH, 3.2),
            "figure.dpi": 96,
            "figure.facecolor": "white",
            "axes.facecolor": "none",
            "savefig.dpi": 192,
            "svg.hashsalt": "nnlib",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=_DASHES),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.labelpad": 1,
            "grid.alpha": 0.3,
            "legend.frameon": False,
            "patch.facecolor": "black",  # the heads of arrows
            "font.family": [_FACE, "DejaVu Sans"],  # the second for letters that the first lacks
            "font.size": 12,
            "axes.titlesize": "medium",
            "figure.titlesize": "medium",
            "mathtext.fontset": "stix",
            "lines.linewidth": 2,
        }
    )
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        from matplotlib_inline.config import InlineBackend  # part of IPython

        inline = InlineBackend.instance(parent=shell)
        # IPython's own annotation says that all of these are texts.
        settings: dict[str, Any] = {"bbox_inches": None, "metadata": _NO_METADATA}
        inline.print_figure_kwargs = settings
        inline.figure_formats = {"svg", "retina"}


def _axes(ax: Axes | None, width: float = _WIDTH, height: float = 3.2) -> Axes:
    if ax is None:
        return plt.subplots(figsize=(width, height))[1]
    check_kind(ax, Axes, "ax", "matplotlib Axes or None")
    return ax


def _check_texts(texts: Sequence[str], name: str) -> list[str]:
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise TypeError(f"{name} must be a sequence of str, got {texts!r}")
    checked = list(texts)
    for text in checked:
        if not isinstance(text, str):
            raise TypeError(f"{name} must be a sequence of str, got {text!r} in it")
    return checked


def activation(function: Activation, x: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """Draw an activation and its derivative.

    Parameters
    ----------
    function : Activation
    x : array_like, shape (points,), optional
        Where to draw; by default 401 points in [-5, 5].
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If `function` is not an Activation, or `x` does not hold real numbers.
    ValueError
        If `x` has not one axis.

    Examples
    --------
    >>> from nnlib import relu
    >>> len(activation(relu).lines)
    2
    """
    check_kind(function, Activation, "function", "an nnlib.Activation")
    x = np.linspace(-5, 5, 401) if x is None else as_float(x, "x")
    if x.ndim != 1:
        raise ValueError(f"x must have shape (points,), got {x.shape}")
    ax = _axes(ax)
    ax.plot(x, function(x), label=function.name)
    ax.plot(x, function.derivative(x), label="derivative")
    ax.set_xlabel("x")
    ax.legend()
    return ax


def history(record: History, ax: Axes | None = None) -> Axes:
    """Draw the losses of a training run over its epochs, on a log scale where all are positive.

    The training loss is the mean over the epoch, the validation loss is measured after it.

    Parameters
    ----------
    record : History
        What :func:`nnlib.fit` or :func:`nnlib.pytorch.train` returned.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If `record` is not a History.

    Examples
    --------
    >>> from nnlib import History
    >>> len(history(History(loss=[1.0, 0.5])).lines)
    1
    """
    check_kind(record, History, "record", "an nnlib.History")
    ax = _axes(ax)
    curves = {"training loss": record.loss}
    if record.validation_loss:
        curves["validation loss"] = record.validation_loss
    _draw_by_epoch(ax, curves, "mean loss")
    ax.legend()
    return ax


def histories(
    records: Mapping[str, History], axes: tuple[Axes, Axes] | None = None
) -> tuple[Axes, Axes]:
    """Draw training runs side by side: mean losses on the left, shares of mistakes on the right.

    Both are drawn over the epochs, on a log scale where all are positive. The loss is the mean over
    the epoch, the mistakes are those on the validation data after it.

    Parameters
    ----------
    records : mapping of str to History
        What :func:`nnlib.fit` or :func:`nnlib.pytorch.train` returned with validation data that
        has class indices for labels, each by the name of its run.
    axes : pair of Axes, optional

    Returns
    -------
    tuple of Axes
        Those of the losses and those of the mistakes.

    Raises
    ------
    TypeError
        If `records` is not a mapping of str to History, or `axes` are not two Axes.
    ValueError
        If there is no record, or one has no validation accuracy.

    Examples
    --------
    >>> from nnlib import History
    >>> slow = History(loss=[1.0, 0.9], validation_accuracy=[0.5, 0.6])
    >>> fast = History(loss=[1.0, 0.5], validation_accuracy=[0.5, 0.8])
    >>> losses, mistakes = histories({"slow": slow, "fast": fast})
    """
    check_kind(records, Mapping, "records", "a mapping of str to History")
    if not records:
        raise ValueError("records must hold at least one training run, got none")
    _check_texts(list(records), "records")
    for name, record in records.items():
        check_kind(record, History, f"records[{name!r}]", "an nnlib.History")
        if not record.validation_accuracy:
            raise ValueError(
                f"records must have validation accuracies, got none in records[{name!r}]; fit "
                "measures them on validation data whose labels are class indices"
            )
    losses, mistakes = _two_axes(axes)
    wrong = {name: [1 - a for a in run.validation_accuracy] for name, run in records.items()}
    _draw_by_epoch(losses, {name: run.loss for name, run in records.items()}, "mean loss")
    _draw_by_epoch(mistakes, wrong, "wrong on unseen data")
    mistakes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    if len(records) > 1:
        label_lines(mistakes)
    return losses, mistakes


def _two_axes(axes: tuple[Axes, Axes] | None) -> tuple[Axes, Axes]:
    if axes is None:
        return tuple(plt.subplots(1, 2, figsize=(_WIDTH, 2.8), layout="constrained")[1])
    check_kind(axes, (tuple, list, np.ndarray), "axes", "two matplotlib Axes or None")
    if len(axes) != 2:
        raise TypeError(f"axes must be two matplotlib Axes or None, got {len(axes)}")
    for ax in axes:
        check_kind(ax, Axes, "axes", "two matplotlib Axes or None")
    return axes[0], axes[1]


def _draw_by_epoch(ax: Axes, curves: Mapping[str, Sequence[float]], what: str) -> None:
    """Draw each curve from epoch 1 on; a log axis would hide what is not positive."""
    for name, values in curves.items():
        marker = "o" if len(values) == 1 else None  # of one point there is no line
        ax.plot(np.arange(1, len(values) + 1), values, marker=marker, label=name)
    hidden = any(value <= 0 for values in curves.values() for value in values)
    ax.set(xlabel="epoch", ylabel=what, yscale="linear" if hidden else "log")
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10), integer=True))
    if not hidden:
        ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), minor_formatter=NullFormatter())
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def label_lines(ax: Axes) -> Axes:
    """Write beside the end of each line its label, above the one below it.

    It reads faster than a legend where lines end apart. Lines without a label get none.

    Parameters
    ----------
    ax : Axes
        With all that is to be drawn in it.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If `ax` is no Axes.

    Examples
    --------
    >>> ax = plt.subplots()[1]
    >>> _ = ax.plot([1, 2, 3], label="up")
    >>> [text.get_text() for text in label_lines(ax).texts]
    ['up']
    """
    check_kind(ax, Axes, "ax", "matplotlib Axes")
    figure = ax.figure.canvas.figure  # the whole one, if the axes are in a part
    figure.draw_without_rendering()  # how high the axes are is known only then
    height = ax.bbox.height * 72 / figure.dpi  # in points
    ends = []
    for line in ax.lines:
        drawn = np.asarray(line.get_xydata())
        drawn = drawn[np.isfinite(drawn).all(axis=1)]
        if len(drawn) and not str(line.get_label()).startswith("_"):
            to_axes = line.get_transform() - ax.transAxes
            ends.append((np.clip(to_axes.transform(drawn[-1]), 0, 1), line))
    free = -plt.rcParams["font.size"]
    for (x, y), line in sorted(ends, key=lambda end: end[0][1]):
        words = textwrap.wrap(str(line.get_label()), 14, break_on_hyphens=False)
        room = 0.72 * plt.rcParams["font.size"] * len(words)
        place = max(y * height, free + room)
        free = place + room
        ax.annotate(
            "\n".join(words),
            xy=(x, y),
            xycoords="axes fraction",
            xytext=(1, 0),
            textcoords=offset_copy(ax.transAxes, figure, 12, place, "points"),
            arrowprops={"arrowstyle": "-", "color": line.get_color(), "relpos": (0, 0.5)},
            annotation_clip=False,
            linespacing=1.0,
            va="center",
        )
    return ax


def decision_regions(
    predict: Callable[[NDArray[Any]], ArrayLike],
    x: ArrayLike,
    labels: ArrayLike,
    ax: Axes | None = None,
    resolution: int = 200,
) -> Axes:
    """Draw the class that a model predicts over the plane, and the examples upon it.

    Parameters
    ----------
    predict : callable
        From points of shape (n, 2) to class indices of shape (n,), such as ``net.predict``.
    x : array_like, shape (examples, 2)
    labels : array_like of int, shape (examples,)
    ax : Axes, optional
    resolution : int, default 200
        Points along each side, at least 2.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If `predict` cannot be called, `x` or what it returns does not hold real numbers, the
        labels or the resolution are no integers.
    ValueError
        If `x` is not of shape (examples, 2) and finite, the labels or what `predict` returns are
        not one per point, it returns no whole numbers, or the resolution is below 2.

    Examples
    --------
    >>> ax = decision_regions(lambda p: p[:, 0] > 0, [[-1, 0], [1, 0]], [0, 1])
    """
    check_callable(predict, "predict")
    resolution = check_count(resolution, "resolution", least=2)
    x, labels = _examples_in_the_plane(x, labels)
    low, high = x.min(axis=0), x.max(axis=0)
    margin = np.where(high > low, 0.08 * (high - low), 1.0)
    sides = np.linspace(low - margin, high + margin, resolution).T
    first, second = np.meshgrid(*sides)
    points = np.stack([first.ravel(), second.ravel()], axis=1)
    regions = _predicted(predict, points)
    # Also the classes that no example has: their regions are no other's.
    classes = np.union1d(labels.astype(np.intp), regions.astype(np.intp))
    places = np.searchsorted(classes, regions).reshape(first.shape)
    levels = np.arange(len(classes) + 1) - 0.5
    colors = [COLORS[i % len(COLORS)] for i in range(len(classes))]
    ax = _axes(ax, 4.2, 4.0)
    ax.contourf(first, second, places, levels=levels, colors=colors, alpha=0.25)
    for i, label in enumerate(classes):
        ax.scatter(
            x[labels == label, 0],
            x[labels == label, 1],
            color=colors[i],
            marker=_MARKERS[i % len(_MARKERS)],
            s=18,
            label=f"class {label}",
        )
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    ax.grid(False)
    ax.legend(loc="upper right")
    return ax


def _predicted(predict: Callable[[NDArray[Any]], ArrayLike], points: NDArray[Any]) -> NDArray[Any]:
    """Return the class of each point, or raise for what is none."""
    regions = as_float(predict(points), "predict")
    if regions.shape != (len(points),):
        raise ValueError(
            f"predict must return one class index for each of {len(points)} points, "
            f"got shape {regions.shape}"
        )
    whole = np.isfinite(regions) & (regions == np.rint(regions))
    if not whole.all():
        raise ValueError(
            f"predict must return class indices, got {regions[~whole][0]} among them; of scores "
            "or probabilities, take the argmax"
        )
    return regions


def _examples_in_the_plane(x: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    points, classes = as_float(x, "x").astype(np.float64), as_array(labels, "labels")
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(f"x must have shape (examples, 2), got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("x must be finite, got NaN or inf among the examples")
    if classes.dtype.kind not in "bui":
        raise no_numbers(classes, "labels must be integers", "integers", "int")
    if classes.shape != points.shape[:1]:
        raise ValueError(f"labels must have shape {points.shape[:1]}, got {classes.shape}")
    return points, classes


def block_diagram(blocks: Sequence[str], ax: Axes | None = None, per_row: int = 5) -> Axes:
    r"""Draw blocks joined by arrows; a text that starts and ends without a box is a value.

    Parameters
    ----------
    blocks : sequence of str
        What stands in each block, mathematics allowed. A text in parentheses, such as ``"($x$)"``,
        is a value on the way and gets no box.
    ax : Axes, optional
    per_row : int, default 5
        Blocks before the diagram goes on in the next row.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If the blocks are no texts or `per_row` is no integer.
    ValueError
        If there is no block or `per_row` is below 1.

    Examples
    --------
    >>> ax = block_diagram(["($x$)", r"$W_1 x + b_1$", r"$\sigma$", r"$W_2 a + b_2$", "($s$)"])
    """
    blocks = _check_texts(blocks, "blocks")
    if not blocks:
        raise ValueError("blocks must hold at least one text, got none")
    per_row = check_count(per_row, "per_row")
    rows = -(-len(blocks) // per_row)
    ax = _axes(ax, 1.08 * min(per_row, len(blocks)), 0.8 * rows)
    places = [(float(i % per_row), -float(i // per_row)) for i in range(len(blocks))]
    reach = []  # from the middle of a block to where its arrows begin
    for text, (column, row) in zip(blocks, places, strict=True):
        is_value = text.startswith("(") and text.endswith(")")
        reach.append(0.2 if is_value else 0.41)
        if not is_value:
            ax.add_patch(
                FancyBboxPatch(
                    (column - 0.36, row - 0.26),
                    *(0.72, 0.52),
                    boxstyle="round,pad=0.02",
                    facecolor=COLORS[5] + "55",
                    edgecolor="black",
                )
            )
        shown = text[1:-1] if is_value else text
        ax.text(column, row, shown, ha="center", va="center")
    for i, ((x0, y0), (x1, y1)) in enumerate(pairwise(places)):
        ends = [(x0 + reach[i], y0), (x1 - reach[i + 1], y1)]
        if y0 != y1:
            ends = [(x0, y0 - 0.3), (x1, y1 + 0.3)]
        ax.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=11, color="black"))
    ax.set(xlim=(-0.5, min(per_row, len(blocks)) - 0.5), ylim=(-rows + 0.5, 0.5))
    ax.set_axis_off()
    return ax


def network_diagram(
    layer_sizes: Sequence[int],
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    most: int = 8,
) -> Axes:
    """Draw every unit of a network as a circle and every weight as a line.

    Parameters
    ----------
    layer_sizes : sequence of int
    labels : sequence of str, optional
        A text under each layer; by default the numbers of units.
    ax : Axes, optional
    most : int, default 8
        A layer with more units is drawn with so many (an even number) and an ellipsis.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If sizes or `most` are no integers, or the labels no texts.
    ValueError
        If there are fewer than two sizes, one is below 1, the labels are not one per layer, or
        `most` is not an even number of at least 2.

    Examples
    --------
    >>> ax = network_diagram([2, 3, 1])
    """
    layer_sizes = as_layer_sizes(layer_sizes)
    labels = [str(n) for n in layer_sizes] if labels is None else _check_texts(labels, "labels")
    if len(labels) != len(layer_sizes):
        raise ValueError(f"labels must be one for each of {len(layer_sizes)} layers, got {labels}")
    most = check_count(most, "most", least=2)
    if most % 2:
        raise ValueError(f"most must be even, got {most}")
    ax = _axes(ax, 1.5 * len(layer_sizes), 3.0)
    layers = network_layers(layer_sizes, most)
    for column, (left, right) in enumerate(pairwise(layers)):
        for start in left.heights:
            for end in right.heights:
                ax.plot([column, column + 1], [start, end], color="gray", lw=0.7, ls="-", zorder=1)
    lowest = -max(layer.heights[-1] for layer in layers) - 0.5
    for column, (layer, label) in enumerate(zip(layers, labels, strict=True)):
        places = np.full(len(layer.heights), column), layer.heights
        ax.scatter(*places, s=170, color=layer.color, ec="black", zorder=2)
        if layer.shortened:
            ax.text(column, 0, "⋮", ha="center", va="center", fontsize=16)
        ax.text(column, lowest - 0.35, label, ha="center", va="top")
    ax.set(xlim=(-0.4, len(layers) - 0.6), ylim=(lowest - 1.1, -lowest))
    ax.set_axis_off()
    return ax


@dataclass(frozen=True, repr=False)
class _Chart:
    """A chart for those who can draw it, and its description for all others."""

    specification: dict[str, Any]

    def __repr__(self) -> str:
        return str(self.specification["description"])

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {_VEGA_LITE: self.specification, "text/plain": repr(self)}
        # Jupyter Lab draws half as wide unless told, bars a third; a page goes by its own width.
        wide = {"width": 600, "config": {"view": {"discreteWidth": 600}}}
        whole = {"mark", "layer"} & self.specification.keys()
        return data, {_VEGA_LITE: {"embed_options": wide}} if whole else {}


def interactive(chart: Any, description: str) -> None:
    """Show a chart of Altair that its reader can move, in Jupyter Lab and in the built book.

    Parameters
    ----------
    chart : altair.Chart
        Or anything with ``to_dict()`` in Vega-Lite's form. Round its numbers: they are stored.
    description : str
        What the chart shows and what can be moved, for those who do not see it.

    Raises
    ------
    TypeError
        If `chart` has no ``to_dict`` or the description is no str.
    ValueError
        If the description is empty.

    Examples
    --------
    >>> import altair as alt
    >>> chart = alt.Chart(alt.Data(values=[{"x": 0, "y": 1}])).mark_point().encode(x="x:Q", y="y:Q")
    >>> interactive(chart, "A single point.")
    A single point.
    """
    if isinstance(chart, type) or not callable(getattr(chart, "to_dict", None)):
        raise TypeError(f"chart must be a chart of Altair, got {type(chart).__name__}")
    check_kind(description, str, "description", "str")
    if not description.strip():
        raise ValueError(f"description must say what the chart shows, got {description!r}")
    from IPython.display import display  # part of Jupyter, which the rest of nnlib does without

    if "google.colab" in sys.modules:
        display(chart)  # Colab shows no output of Vega-Lite's type; Altair knows what it shows
        return
    specification = {**chart.to_dict(), "description": description, "config": _CHART_STYLE}
    display(_Chart(specification))


def source(thing: Any) -> str:
    """Return the source of a function, method or class of the installed nnlib, docstrings left out.

    Parameters
    ----------
    thing : function, method or class

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If it was not written in Python.

    Examples
    --------
    >>> from nnlib.activations import ReLU
    >>> print(source(ReLU.value))
    def value(self, x: FloatArray) -> FloatArray:
        return np.maximum(x, 0)
    """
    try:
        text = textwrap.dedent(inspect.getsource(thing))
    except TypeError as error:
        raise TypeError(
            f"thing must be a function, method or class written in Python, got {thing!r}"
        ) from error
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            doc = node.body[0]
            end = doc.end_lineno or doc.lineno
            end += end < len(lines) and not lines[end].strip()
            for number in range(doc.lineno - 1, end):
                lines[number] = "\0"
            if len(node.body) == 1:
                lines[doc.lineno - 1] = " " * doc.col_offset + "..."
    kept = "\n".join(line for line in lines if line != "\0")
    return kept.strip("\n")
