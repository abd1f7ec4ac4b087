"""nnlib.plots: every figure lands on the axes that it is given and shows the numbers it got."""

import ast
import contextlib
import importlib
import inspect
import re
import struct
import sys
import textwrap
from base64 import b64decode
from itertools import pairwise
from pathlib import Path

import altair as alt
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.contour import ContourSet
from matplotlib_inline.config import InlineBackend
from numpy.testing import assert_allclose, assert_array_equal

import nnlib
from nnlib import ACTIVATIONS, MLP, History, get_activation, plots, relu

mpl.use("agg")


@pytest.fixture(autouse=True)
def own_figures():
    """Give each test matplotlib's own style, and close what it has drawn."""
    with mpl.rc_context():
        yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


DRAWINGS = {
    "activation": lambda ax: plots.activation(relu, ax=ax),
    "history": lambda ax: plots.history(History(loss=[2.0, 1.0]), ax),
    "decision_regions": lambda ax: plots.decision_regions(
        lambda points: points[:, 0] > 0, [[-1, 0], [1, 1]], [0, 1], ax, resolution=5
    ),
    "block_diagram": lambda ax: plots.block_diagram(["($x$)", "linear", "($s$)"], ax),
    "network_diagram": lambda ax: plots.network_diagram([2, 3, 1], ax=ax),
}
each_drawing = pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)


def test_every_function_that_takes_axes_is_tested_here():
    public = inspect.getmembers(plots, inspect.isfunction)
    takes_axes = {
        name
        for name, function in public
        if function.__module__ == plots.__name__
        and not name.startswith("_")
        and inspect.signature(function).parameters.get("ax", inspect.Parameter).default is None
    }
    assert takes_axes == set(DRAWINGS)


@each_drawing
def test_draws_on_the_given_axes_and_opens_no_figure(draw):
    fig, (here, beside) = plt.subplots(2)
    assert draw(here) is here
    assert here.has_data() or here.patches
    assert not beside.has_data()
    assert plt.get_fignums() == [fig.number]


@each_drawing
def test_makes_a_figure_of_its_own_without_axes(draw):
    ax = draw(None)
    assert plt.get_fignums() == [ax.figure.number]
    ax.figure.canvas.draw()


@each_drawing
def test_fits_a_phone(draw):
    plots.use_style()
    assert draw(None).figure.get_figwidth() <= 5.4


def test_style_has_a_white_ground_and_tells_lines_apart_by_color_and_dash():
    plots.use_style()
    assert plt.rcParams["figure.facecolor"] == "white"  # as notebooks with a dark theme need it
    assert plt.rcParams["savefig.facecolor"] in ("auto", "white")
    cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert len(set(cycle["color"])) == len(set(map(str, cycle["linestyle"]))) == len(plots.COLORS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_draws_the_function_and_its_derivative(name):
    function = get_activation(name)
    x = np.linspace(-2, 3, 11)
    value, slope = plots.activation(function, x).lines
    assert_array_equal(value.get_data(), [x, function(x)])
    assert_array_equal(slope.get_data(), [x, function.derivative(x)])
    assert legend(value.axes) == [function.name, "derivative"]
    assert value.axes.get_xlabel() == "x"


def test_history_draws_losses_over_whole_epochs_on_a_log_axis():
    ax = plots.history(History(loss=[2.0, 1.0, 0.5], validation_loss=[2.5, 1.5, 1.0]))
    training, validation = ax.lines
    assert_array_equal(training.get_data(), [[1, 2, 3], [2.0, 1.0, 0.5]])
    assert_array_equal(validation.get_data(), [[1, 2, 3], [2.5, 1.5, 1.0]])
    assert legend(ax) == ["training loss", "validation loss"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "mean loss", "log")
    assert_array_equal(ax.get_xticks() % 1, 0)


def test_history_without_validation_has_one_line():
    assert legend(plots.history(History(loss=[1.0]))) == ["training loss"]


def test_history_with_a_validation_cut_short():
    ax = plots.history(History(loss=[2.0, 1.0], validation_loss=[2.5]))
    assert_array_equal(ax.lines[1].get_xdata(), [1])


def test_history_of_no_epochs_is_an_empty_figure():
    ax = plots.history(History())
    ax.figure.canvas.draw()
    assert len(ax.lines[0].get_xdata()) == 0


RUNS = {
    "sigmoid, squared error": History(
        loss=[0.5, 0.2, 0.1], validation_accuracy=[0.2, 0.5, 0.75], validation_loss=[0.5, 0.2, 0.1]
    ),
    "relu": History(loss=[2.0, 0.3], validation_accuracy=[0.6, 0.7]),
}


def test_histories_draw_losses_beside_mistakes_over_whole_epochs():
    losses, mistakes = plots.histories(RUNS)
    assert plt.get_fignums() == [losses.figure.number]
    assert_array_equal(losses.lines[0].get_data(), [[1, 2, 3], [0.5, 0.2, 0.1]])
    assert_array_equal(losses.lines[1].get_data(), [[1, 2], [2.0, 0.3]])
    assert_allclose(mistakes.lines[0].get_data(), [[1, 2, 3], [0.8, 0.5, 0.25]])
    assert_allclose(mistakes.lines[1].get_data(), [[1, 2], [0.4, 0.3]])
    for ax in (losses, mistakes):
        assert (ax.get_xlabel(), ax.get_yscale()) == ("epoch", "log")
        assert_array_equal(ax.get_xticks() % 1, 0)
    assert losses.get_ylabel() == "mean loss"


def labels_of(ax):
    """The boxes of what is written beside lines, from the lowest to the highest."""
    ax.figure.canvas.draw()
    boxes = {text: mpl.text.Text.get_window_extent(text) for text in ax.texts}
    return sorted(((text, box) for text, box in boxes.items()), key=lambda pair: pair[1].y0)


def test_histories_name_each_line_at_its_end_and_no_two_at_one_height():
    ends = {"a": 0.7, "b": 0.69, "c": 0.1, "d, in many words": 0.1}
    records = {name: History([1.0, 0.5], [], [0.5, 1 - end]) for name, end in ends.items()}
    plots.use_style()
    _, mistakes = plots.histories(records)
    boxes = [box for _, box in labels_of(mistakes)]
    assert {text.replace("\n", " ") for text in texts(mistakes)} == set(ends)
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
    assert all(box.x0 > mistakes.get_window_extent().x1 for box in boxes)
    assert max(box.x1 for box in boxes) <= mistakes.figure.bbox.x1


def test_histories_of_one_run_need_no_name():
    losses, mistakes = plots.histories({"alone": History([1.0, 0.5], [], [0.5, 0.9])})
    assert texts(losses) == texts(mistakes) == []


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("rows", [1, 3])
def test_labels_stand_in_the_order_of_the_ends_of_lines_and_apart(rows, scale):
    plots.use_style()
    ax = np.ravel(plt.subplots(rows, 1, sharex=True)[1])[0]
    ends = dict(zip("abcde", (3.0, 1.0, 1.01, 9.0, np.nan), strict=True))
    for name, end in ends.items():
        ax.plot([1, 2, 3], [2, 1.5 if end == end else 8.0, end], label=name)
    ax.plot([1, 2, 3], [5, 5, 5])  # has no label
    ax.axhline(6.0, label="level")
    ax.set_yscale(scale)
    assert plots.label_lines(ax) is ax
    order, boxes = zip(*labels_of(ax), strict=True)
    assert [text.get_text() for text in order] == ["b", "c", "a", "level", "e", "d"]
    assert all(below.y1 <= above.y0 + 1 for below, above in pairwise(boxes))


def test_labels_lead_to_the_ends_of_their_lines_by_color():
    ax = plt.subplots()[1]
    ax.plot([0, 1], [0, 1], color="red", label="up")
    ax.plot([0, 1], [1, 0], color="blue", ls="--", marker="o", label="down")
    plots.label_lines(ax)
    led = {text.get_text(): text for text in ax.texts}
    for name, color, end in (("up", "red", (1, 1)), ("down", "blue", (1, 0))):
        assert mpl.colors.same_color(led[name].arrow_patch.get_edgecolor(), color)
        place = ax.transAxes.transform(led[name].xy)
        assert_allclose(ax.transData.inverted().transform(place), end, atol=1e-9)


def test_a_line_that_has_no_points_has_no_label():
    ax = plt.subplots()[1]
    ax.plot([], [], label="empty")
    ax.plot([1], [np.nan], label="unknown")
    assert texts(plots.label_lines(ax)) == []


def test_histories_without_mistakes_stand_on_a_plain_axis():
    _, mistakes = plots.histories({"all right": History([1.0, 0.5], [], [0.5, 1.0])})
    assert mistakes.get_yscale() == "linear"
    mistakes.figure.canvas.draw()
    assert {label.get_text() for label in mistakes.get_yticklabels()} >= {"0%", "20%", "40%"}


def test_histories_draw_on_the_axes_given():
    _, axes = plt.subplots(1, 3)
    assert plots.histories(RUNS, (axes[2], axes[0])) == (axes[2], axes[0])
    assert plots.histories(RUNS, axes[:2]) == (axes[0], axes[1])


def test_decision_regions_ask_about_a_grid_around_all_examples():
    asked = []

    def predict(points):
        asked.append(points)
        return points[:, 0] > 0

    x = np.array([[-1.0, 5.0], [3.0, 7.0], [0.0, 6.0]])
    ax = plots.decision_regions(predict, x, [0, 1, 0], resolution=7)
    (points,) = asked
    assert points.shape == (49, 2)
    assert (points.min(axis=0) < x.min(axis=0)).all()
    assert (points.max(axis=0) > x.max(axis=0)).all()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")


def test_decision_regions_mark_each_class_by_color_and_marker():
    x, labels = np.arange(12.0).reshape(6, 2), [2, 0, 2, 1, 0, 2]
    ax = plots.decision_regions(lambda points: np.zeros(len(points)), x, labels)
    assert legend(ax) == ["class 0", "class 1", "class 2"]
    *_, zero, one, two = ax.collections
    assert_array_equal(zero.get_offsets(), x[[1, 4]])
    assert_array_equal(one.get_offsets(), x[[3]])
    assert_array_equal(two.get_offsets(), x[[0, 2, 5]])
    colors = {tuple(part.get_facecolor()[0]) for part in (zero, one, two)}
    markers = {part.get_paths()[0].vertices.tobytes() for part in (zero, one, two)}
    assert len(colors) == len(markers) == 3


def test_decision_regions_of_a_network():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    ax = plots.decision_regions(MLP([2, 4, 2], rng=0).predict, x, [0, 1, 1, 0], resolution=9)
    ax.figure.canvas.draw()


@pytest.mark.parametrize("x", [[1.0, 2.0], [[1.0, 2.0, 3.0]], 0.0])
def test_decision_regions_refuse_points_that_are_not_in_the_plane(x):
    with pytest.raises(ValueError, match=r"x must have shape \(examples, 2\), got "):
        plots.decision_regions(lambda points: points[:, 0], x, [0])


def test_block_diagram_boxes_blocks_but_not_values_and_joins_all():
    ax = plots.block_diagram(["($x$)", "linear", r"$\sigma$", "($a$)"])
    assert texts(ax) == ["$x$", "linear", r"$\sigma$", "$a$"]
    boxes = [p for p in ax.patches if isinstance(p, mpl.patches.FancyBboxPatch)]
    arrows = [p for p in ax.patches if isinstance(p, mpl.patches.FancyArrowPatch)]
    assert (len(boxes), len(arrows)) == (2, 3)


def test_block_diagram_goes_on_in_the_next_row():
    ax = plots.block_diagram(list("abcde"), per_row=2)
    places = np.array([text.get_position() for text in ax.texts])
    assert_array_equal(places, [[0, 0], [1, 0], [0, -1], [1, -1], [0, -2]])


@pytest.mark.parametrize("sizes", [[2, 3, 1], [4, 2], [1, 1, 1, 1]])
def test_network_diagram_draws_every_unit_and_every_weight(sizes):
    ax = plots.network_diagram(sizes)
    assert [len(units.get_offsets()) for units in ax.collections] == sizes
    assert len(ax.lines) == sum(n * m for n, m in pairwise(sizes))
    assert texts(ax) == [str(size) for size in sizes]
    for units in ax.collections:
        assert_allclose(units.get_offsets().mean(axis=0)[1], 0, atol=1e-12)


def test_network_diagram_shortens_wide_layers_and_names_their_size():
    ax = plots.network_diagram([64, 10, 3], most=6)
    assert [len(units.get_offsets()) for units in ax.collections] == [6, 6, 3]
    assert sorted(texts(ax)) == sorted(["64", "10", "3", "⋮", "⋮"])


def test_network_diagram_takes_labels_of_its_own():
    assert texts(plots.network_diagram([2, 3], labels=["x", "s"])) == ["x", "s"]


# --- the style ---------------------------------------------------------------------------------


def test_all_text_is_of_one_size_and_in_the_face_of_the_book():
    plots.use_style()
    _, axes = plt.subplots(2)
    axes[0].set(xlabel="x", ylabel="y", title="title", xscale="log")
    axes[0].plot([1, 1000], label="line")
    axes[0].legend(title="of")
    plots.label_lines(axes[0])
    plots.network_diagram([2, 3], ax=axes[1])
    written = axes[0].figure.findobj(mpl.text.Text)
    assert {text.get_fontsize() for text in written if text.get_text().strip()} == {12}
    faces = {mpl.font_manager.findfont(text.get_fontproperties()) for text in written}
    assert {Path(face).name for face in faces} == {"figures.ttf"}


def test_a_letter_that_the_face_lacks_is_drawn_without_a_warning():
    plots.use_style()
    plt.title("10⁴ ⋮")
    plt.gcf().canvas.draw()


@pytest.mark.filterwarnings("ignore:InlineBackend:DeprecationWarning")  # its own
def test_in_a_notebook_a_figure_is_a_drawing_and_a_picture_of_twice_the_size():
    shell = InteractiveShell.instance()
    InlineBackend.instance().shell = shell  # as the first figure of a notebook does
    try:
        plots.use_style()
        shell.display_formatter.active_types = shell.display_formatter.format_types
        data, metadata = shell.display_formatter.format(plt.subplots(figsize=(2, 1))[0])
        again, _ = shell.display_formatter.format(plt.subplots(figsize=(2, 1))[0])
    finally:
        InteractiveShell.clear_instance()
        InlineBackend.clear_instance()
    assert data == again
    width, height = metadata["image/png"].values()
    assert (width, height) == (192, 96)
    picture = data["image/png"]
    picture = b64decode(picture) if isinstance(picture, str) else picture
    assert struct.unpack(">II", picture[16:24]) == (2 * width, 2 * height)
    assert 'width="144pt" height="72pt"' in data["image/svg+xml"]
    assert "metadata" not in data["image/svg+xml"]


def test_outside_of_notebooks_the_style_needs_no_jupyter(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib_inline", None)
    plots.use_style()


def test_charts_and_figures_have_one_face_one_palette_and_sizes_below_the_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    plots.interactive(alt.Chart(alt.Data(values=[])).mark_point(), "No point.")
    style = shown[0].specification["config"]
    plots.use_style()
    assert style["font"].startswith("Source Sans 3")
    assert style["range"]["category"] == plt.rcParams["axes.prop_cycle"].by_key()["color"]
    sizes = re.findall(r"[fF]ontSize': (\d+)", repr(style))
    assert set(sizes) == {"15"}


# --- source ------------------------------------------------------------------------------------


def public_things():
    modules = [nnlib, plots]
    with contextlib.suppress(ModuleNotFoundError):  # all but nnlib.pytorch runs without torch
        modules.append(importlib.import_module("nnlib.pytorch"))
    things = {thing for module in modules for thing in vars(module).values() if is_public(thing)}
    return sorted(things, key=name_of)


def test_a_chart_is_shown_with_its_description_in_the_books_style(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    chart = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    plots.interactive(chart, "One point.")
    specification, text = DisplayFormatter().format(*shown)[0].values()
    assert text == repr(*shown) == specification["description"] == "One point."
    assert specification["encoding"] == chart.to_dict()["encoding"]
    assert specification["config"]["range"]["category"] == list(plots.COLORS)


def test_a_chart_comes_under_the_type_that_jupyter_lab_draws(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    plots.interactive(alt.Chart(alt.Data(values=[])).mark_point(), "No point.")
    types = set(DisplayFormatter().format(*shown)[0])
    assert types == {"application/vnd.vegalite.v5+json", "text/plain"}


def test_a_chart_is_as_wide_in_jupyter_lab_as_a_figure(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    point = alt.Chart(alt.Data(values=[])).mark_point()
    for chart in (point, point + point, point | point):
        plots.interactive(chart, "No point.")
    # Charts side by side have widths of their own.
    one, layered, beside = (DisplayFormatter().format(chart)[1] for chart in shown)
    options = one["application/vnd.vegalite.v5+json"]["embed_options"]
    assert options["width"] == options["config"]["view"]["discreteWidth"] == 600
    assert layered == one
    assert beside == {}


def test_on_colab_altair_shows_the_chart(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setitem(sys.modules, "google.colab", None)
    chart = alt.Chart(alt.Data(values=[])).mark_point()
    plots.interactive(chart, "No point.")
    assert shown == [chart]


def is_public(thing):
    is_written = inspect.isfunction(thing) or inspect.isclass(thing)
    return is_written and thing.__module__.startswith("nnlib") and thing.__name__[0] != "_"


def name_of(thing):
    return f"{thing.__module__}.{thing.__name__}"


def without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Expr(ast.Constant(...))]
    return ast.dump(tree)


@pytest.mark.parametrize("thing", public_things(), ids=name_of)
def test_source_leaves_out_docstrings_and_nothing_else(thing):
    shown = plots.source(thing)
    assert without_docstrings(ast.parse(inspect.getsource(thing))) == ast.dump(ast.parse(shown))
    compile(shown, "shown", "exec")
    assert '"""' not in shown
    assert shown == shown.strip("\n")


def test_source_of_a_method_begins_at_the_margin():
    assert plots.source(MLP.predict).startswith("def predict(self, x: ArrayLike)")


def test_source_that_is_shown_runs():
    scope = {"Any": object, "ast": ast, "inspect": inspect, "textwrap": textwrap}
    exec("from __future__ import annotations\n" + plots.source(plots.source), scope)
    assert scope["source"](MLP.predict) == plots.source(MLP.predict)


def test_source_of_something_that_was_not_written_in_python_is_refused():
    with pytest.raises(TypeError):
        plots.source(len)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_decision_regions_refuse_a_class_that_is_none(value):
    with pytest.raises(ValueError, match="predict must return class indices, got (nan|inf)"):
        plots.decision_regions(lambda p: np.full(len(p), value), [[0, 0], [1, 1]], [0, 1])


def test_history_of_losses_that_a_log_axis_cannot_show_is_drawn_on_a_plain_one():
    for losses in ([1.0, 0.1, 0.0], [-1.0, -2.0]):
        assert plots.history(History(loss=losses)).get_yscale() == "linear"
    record = History(loss=[1.0, 0.5], validation_loss=[1.0, 0.0])
    assert plots.history(record).get_yscale() == "linear"
    assert plots.history(History(loss=[1.0, np.nan])).get_yscale() == "log"


def test_history_of_a_single_epoch_is_a_point():
    ax = plots.history(History(loss=[1.0], validation_loss=[2.0]))
    assert all(line.get_marker() == "o" for line in ax.lines)


def colors_at(ax, *points):
    """The color of the region in which each point lies."""
    (regions,) = (c for c in ax.collections if isinstance(c, ContourSet))
    return [
        {
            tuple(color)
            for path, color in zip(regions.get_paths(), regions.get_facecolor(), strict=True)
            if path.contains_point(point)
        }
        for point in points
    ]


def test_decision_regions_show_a_class_that_no_example_has():
    x, thirds = [[0.0, 0.0], [3.0, 1.0]], lambda points: np.floor(points[:, 0]) * 5
    ax = plots.decision_regions(thirds, x, [0, 10])
    assert legend(ax) == ["class -5", "class 0", "class 5", "class 10", "class 15"]
    colors = colors_at(ax, (-0.1, 0.5), (0.5, 0.5), (1.5, 0.5), (2.5, 0.5), (3.1, 0.5))
    assert [len(color) for color in colors] == [1] * 5
    assert len(set.union(*colors)) == 5


def test_decision_regions_around_a_single_example_and_a_line_of_them():
    for x, labels in (([[1.0, 2.0]], [0]), ([[0.0, 0.0], [0.0, 1.0]], [0, 1])):
        ax = plots.decision_regions(lambda points: points[:, 1] > 0.5, x, labels)
        ax.figure.canvas.draw()
        around = [(x[0][0] + dx, x[0][1] + dy) for dx in (-0.05, 0.05) for dy in (-0.05, 0.05)]
        assert all(len(color) == 1 for color in colors_at(ax, *around))


def test_decision_regions_refuse_what_is_between_classes():
    with pytest.raises(ValueError, match=r"predict must return class indices, got 0\.5"):
        plots.decision_regions(lambda points: 0 * points[:, 0] + 0.5, [[0, 0], [1, 1]], [0, 1])


def test_decision_regions_that_are_refused_leave_no_figure():
    for predict, error in ((lambda points: points, ValueError), (lambda points: None, TypeError)):
        with pytest.raises(error, match="predict must"):
            plots.decision_regions(predict, [[0, 0], [1, 1]], [0, 1])
    assert not plt.get_fignums()


def test_small_integers_of_numpy_do_not_wrap_around():
    blocks = ["a"] * 9
    drawn = [plots.block_diagram(blocks, per_row=n).get_ylim() for n in (5, np.uint8(5))]
    assert drawn[0] == drawn[1]
    assert len(plots.network_diagram(np.array([2, 200], np.uint8), most=np.uint8(8)).lines) == 16
