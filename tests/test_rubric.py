"""How items are judged: slips are charged once, and what travels to a submission is no solution."""

import base64
import pickle

import numpy as np
import pytest
from grading.parcel import dump, make_program, pack, unpack
from grading.rubric import KEPT, NO_RESULT, NOT_ALLOWED, Item, Part, Rubric, mend
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnlib.check import Check, Misconception, Other, Raised


def row_sums(x):
    return x.sum(axis=-1)


def batch(rng):
    return {"x": rng.normal(size=(4, 3))}


def one_column(rng):
    return {"x": rng.normal(size=(4, 1))}


def batch_in_float32(rng):
    return {"x": np.float32(rng.normal(size=(5, 3)))}


MEAN = Misconception("the mean", lambda x: x.mean(axis=-1), "Of how many numbers?")
ITEM = Item(
    "row_sums",
    [
        Part(3, "the values", [Check("a batch", batch, row_sums, [MEAN])]),
        Part(2, "two batches", [Check(name, batch, row_sums, []) for name in ("one", "two")]),
        Part(1, "float32", [Check("in float32", batch_in_float32, row_sums, [])]),
    ],
)
RUBRIC = Rubric("sums", [ITEM], {})


def outcome(function):
    (result,) = RUBRIC.grade({"row_sums": function})
    return result


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        (lambda x: x.sum(axis=-1).tolist(), "list"),
        (lambda x: [*x.sum(axis=-1)], "list"),
        (lambda x: tuple(x.sum(axis=-1)), "tuple"),
        (lambda x: x.sum(axis=-1, keepdims=True), "array of shape"),
        (lambda x: x.sum(axis=-1)[None], "array of shape"),
        (lambda x: x.sum(axis=-1).astype(float), "dtype float64"),
        (lambda x: x.sum(axis=-1, keepdims=True).tolist(), "list"),
    ],
)
def test_a_slip_is_charged_once_and_told(slip, words):
    result = outcome(slip)
    assert result.earned == 5
    assert str(result).count(words) == 1


def test_two_slips_cost_no_more_than_one():
    assert outcome(lambda x: x.sum(axis=-1, keepdims=x.dtype == "f8").astype(float)).earned == 5


@pytest.mark.parametrize(
    "wrong",
    [lambda x: [1, 2], lambda x: [[1], [1, 2]], lambda x: x, lambda x: "sum", lambda x: None],
)
def test_no_form_makes_wrong_numbers_right(wrong):
    assert outcome(wrong).earned == 0


def kept(function):
    named = Check(KEPT[0], batch_in_float32, row_sums, [])
    rows = Part(1, "rows of one number", [Check("ones", one_column, row_sums, [])])
    manners = Part(1, "manners", [named])
    item = Item("row_sums", [ITEM.parts[0], rows, manners])
    (result,) = Rubric("sums", [item], {}).grade({"row_sums": function})
    return result


@pytest.mark.parametrize(
    ("function", "earned", "words"),
    [
        (row_sums, 5, "1 of 1  manners"),
        (lambda x: x.mean(axis=-1), 2, "1 of 1  manners"),  # the values are charged once
        (
            lambda x: x.mean(axis=-1).astype(float),
            1,
            "dtype float64, but should have dtype float32",
        ),
        (lambda x: x.mean(axis=-1).tolist(), 1, "it returned a list"),
        (lambda x: x.sum(axis=-1).tolist(), 4, "it returned a list"),
        (lambda x: x[:, 0] + 1, 0, "not judged, since the values are not right yet"),
        (lambda x: x, 0, "of shape (5, 3), but should have shape (5,)"),
    ],
)
def test_manners_are_judged_without_values_and_earn_nothing_alone(function, earned, words):
    assert kept(function).earned == earned
    assert words in str(kept(function))


def test_a_mistake_is_told_by_its_name():
    assert "This looks like: the mean" in str(outcome(MEAN.wrong))


def test_what_the_process_said_is_told_as_it_is():
    for kind in (NO_RESULT, NOT_ALLOWED):
        judged = ITEM.judge([Raised(kind, "it had not ended")] * 4, 0)
        assert "raised" not in str(judged)
        assert "it had not ended" in str(judged)


@given(arrays(st.sampled_from(["f4", "f8", "i8"]), array_shapes(max_dims=3), elements=st.just(1)))
def test_what_has_the_right_form_is_left_as_it_is(array):
    mended = mend(array, array)
    assert mended.dtype == array.dtype
    np.testing.assert_array_equal(mended, array)


SEEN = st.one_of(
    st.none(),
    st.text(),
    st.builds(Raised, st.text(max_size=90), st.text(max_size=900)),
    st.builds(Other, st.text(max_size=90)),
    arrays(st.sampled_from(["f4", "f8", "i8", "?"]), array_shapes(min_dims=0)),
)


@given(SEEN)
def test_what_is_packed_can_be_unpacked(seen):
    back = unpack(pack(seen))
    if isinstance(seen, np.ndarray):
        assert back.dtype == seen.dtype
        np.testing.assert_array_equal(back, seen)
    elif isinstance(seen, str):
        assert back == seen.encode("utf-8", "replace").decode()
    else:
        assert type(back) is type(seen)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(["array", "raised", "other", "numbers"]), inner
        ),
    )
)  # fmt: skip
def test_what_is_not_of_packs_making_is_a_value_error_or_plain(anything):
    try:
        unpack(anything)
    except ValueError:
        return
    assert anything is None or isinstance(anything, (str, dict))


def in_format_of_numpy(header):
    text = header.encode() + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "array",
    [
        "",
        base64.b64encode(b"PK\x03\x04 no archive").decode(),
        in_format_of_numpy(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,)}"
        ),
        in_format_of_numpy("-" * 9000 + "1"),
    ],
)
def test_an_array_that_is_none_is_a_value_error(array):
    with pytest.raises(ValueError, match=r"."):
        unpack({"array": array})


def test_an_array_of_objects_is_not_unpickled():
    bomb = pack(np.zeros(3))
    bomb["array"] = "k05VTVBZ"  # the beginning of an array, and no more
    with pytest.raises(ValueError, match="EOF"):
        unpack(bomb)


def test_a_solution_does_not_travel_with_what_a_check_observes():
    def observe(function, arguments):
        return row_sums(function(*arguments.values()))

    telling = Check("telling", batch, row_sums, [], observe)
    with pytest.raises(TypeError, match="must not be in reach"):
        make_program("row_sums", [telling], {}, 0, frozenset([id(row_sums)]))


def test_a_check_does_not_travel_with_what_another_observes():
    inner = ITEM.checks[0]
    outer = Check("outer", batch, row_sums, [], lambda f, a: inner.observe(f, a))
    with pytest.raises(TypeError, match="must not be in reach"):
        make_program("row_sums", [outer], {}, 0)


def test_what_travels_names_nothing_of_ours():
    for module in (b"nnlib", b"grading", b"rubrics"):
        assert b"c" + module not in dump(ITEM.program(0))
    pickle.loads(dump(ITEM.program(0)))
