"""Formulas that a chart computes in the browser give what nnlib gives."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nnlib import entropy, get_activation, kl_divergence, relu, relu_interpolant, softmax


class Formula(NamedTuple):
    """A chart, settings of its controls, and what nnlib says of the rows that it then draws."""

    chapter: str
    figure: str
    fields: tuple[str, ...]
    settings: list[dict[str, Any]]
    right: Callable[..., Any]


TARGETS = {
    "class 2 (one-hot)": [0, 0, 1],
    "class 0 (one-hot)": [1, 0, 0],
    "soft: 0.1, 0.2, 0.7": [0.1, 0.2, 0.7],
    "uniform": [1 / 3] * 3,
}
# The last three are as far as the sliders go.
SCORES = [(1, 2, 3), (0, 0, 0), (-1.5, 4, 3.5), (10, -10, -10), (-10, 10, 10), (10, 10, 10)]
SOFTMAX_SETTINGS = [
    {"target": target, "tau": tau, "s0": s0, "s1": s1, "s2": s2}
    for target in TARGETS
    for tau in (0.1, 1, 10)
    for s0, s1, s2 in SCORES
]


def model(tau, s0, s1, s2):
    return softmax(np.array([s0, s1, s2]) / tau)


ACTIVATIONS = ("relu", "leaky_relu", "softplus", "sigmoid", "tanh")
APPROXIMATED = {
    "wave": lambda x: np.sin(2 * np.pi * x) + x,
    "tent": lambda x: np.abs(x - 0.5),
    "sqrt": np.sqrt,
    "eight waves": lambda x: np.sin(16 * np.pi * x),
}


def interpolated(x, target, units):
    return relu_interpolant(APPROXIMATED[target], units)(x[:, None])[:, 0]


FORMULAS: list[Formula] = [
    Formula(
        "01_multilayer_perceptrons",
        "fig-neuron",
        ("x", "a"),
        [
            {"weight": weight, "bias": bias, "activation": name}
            for name in ACTIVATIONS
            for weight in (-4, -0.25, 0, 1, 4)
            for bias in (-4, -1, 0, 4)
        ],
        lambda x, weight, bias, activation: get_activation(activation)(weight * x + bias),
    ),
    Formula(
        "01_multilayer_perceptrons",
        "fig-build",
        ("x", "s"),
        [
            {"first": first, "second": second, "third": third}
            for first in (-4, 1, 4)
            for second in (-2, 0, 3.5)
            for third in (-4, 1)
        ],
        lambda x, first, second, third: (
            first * relu(x + 1) + second * relu(x) + third * relu(x - 1)
        ),
    ),
    Formula(
        "01_multilayer_perceptrons",
        "fig-approximator",
        ("i", "x", "y"),
        [{"target": name, "units": units} for name in APPROXIMATED for units in (2, 9, 32, 64)],
        lambda i, x, target, units: interpolated(x, target, units),
    ),
    Formula(
        "04_softmax_and_kl",
        "fig-softmax",
        ("k", "p"),
        SOFTMAX_SETTINGS,
        lambda k, target, **dials: model(**dials)[k],
    ),
    Formula(
        "04_softmax_and_kl",
        "fig-softmax",
        ("k", "H"),
        SOFTMAX_SETTINGS,
        lambda k, target, **dials: entropy(model(**dials)),
    ),
    Formula(
        "04_softmax_and_kl",
        "fig-softmax",
        ("k", "D"),
        SOFTMAX_SETTINGS,
        lambda k, target, **dials: kl_divergence(y=TARGETS[target], p=model(**dials)),
    ),
]


# Set the controls and return every row, of whatever data set of the chart, that has the fields.
ROWS = """async (chart, [settings, fields]) => {
    for (const [name, value] of Object.entries(settings)) chart.view.signal(name, value);
    await chart.view.runAsync();
    const names = Object.keys(chart.view.getState({data: () => true}).data);
    const data = names.map((name) => chart.view.data(name));
    const has = (row) => fields.every((field) => row && field in row);
    const rows = data.filter((rows) => Array.isArray(rows) && rows.length && has(rows[0]));
    return rows[0].map((row) => fields.map((field) => row[field]));
}"""


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.figure)
def test_a_chart_draws_what_nnlib_computes(open_page, formula):
    chart = open_page(f"chapters/{formula.chapter}").locator(f"[id='{formula.figure}'] div.chart")
    for settings in formula.settings:
        rows = chart.evaluate(ROWS, [settings, formula.fields])
        *given, drawn = (np.array(column) for column in zip(*rows, strict=True))
        assert len(drawn) > 2
        assert_allclose(drawn, formula.right(*given, **settings), rtol=1e-9, atol=1e-12)
