"""Formulas that a chart computes in the browser give what nnlib gives."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose


class Formula(NamedTuple):
    """A chart, settings of its controls, and what nnlib says of the rows that it then draws."""

    chapter: str
    figure: str
    fields: tuple[str, ...]
    settings: list[dict[str, Any]]
    right: Callable[..., Any]


FORMULAS: list[Formula] = []


# Set the controls and return every row, of whatever data set of the chart, that has the fields.
ROWS = """async (chart, [settings, fields]) => {
    for (const [name, value] of Object.entries(settings)) chart.view.signal(name, value);
    await chart.view.runAsync();
    const data = Object.values(chart.view.getState({data: () => true}).data);
    const has = (row) => fields.every((field) => row && field in row);
    const rows = data.filter((rows) => Array.isArray(rows) && rows.length && has(rows[0]));
    return rows[0].map((row) => fields.map((field) => row[field]));
}"""


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.figure)
def test_a_chart_draws_what_nnlib_computes(open_page, formula):
    chart = open_page(formula.chapter).locator(f"[id='{formula.figure}'] div.chart")
    for settings in formula.settings:
        rows = chart.evaluate(ROWS, [settings, formula.fields])
        *given, drawn = (np.array(column) for column in zip(*rows, strict=True))
        assert len(drawn) > 2
        assert_allclose(drawn, formula.right(*given, **settings), rtol=1e-9, atol=1e-12)
