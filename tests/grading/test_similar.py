"""Similar submissions: what is copied is listed, what many would write is not."""

import ast
import json
import re
import time

import numpy as np
import pytest
from grading.cells import original_cells
from grading.similar import parse_solution, similar_answers, similar_code

# Right solutions as students write them, several of each: they differ in more than names.
HONEST = {
    "softmax": """
        def softmax(scores):
            e = np.exp(scores - scores.max(axis=-1, keepdims=True))
            return e / e.sum(axis=-1, keepdims=True)
        def softmax(scores):
            shifted = scores - np.max(scores, axis=-1, keepdims=True)
            exps = np.exp(shifted)
            return exps / np.sum(exps, axis=-1, keepdims=True)
        def softmax(scores):
            biggest = scores.max(axis=-1)[..., None]
            up = np.exp(scores - biggest)
            total = up.sum(axis=-1)[..., None]
            return up / total
        def softmax(scores):
            largest = np.expand_dims(scores.max(-1), -1)
            z = np.exp(np.subtract(scores, largest))
            return np.divide(z, z.sum(-1, keepdims=True))""",
    "hinge": """
        def hinge(scores, labels):
            rows = np.arange(len(scores))
            right = scores[rows, labels]
            rivals = scores.copy()
            rivals[rows, labels] = -np.inf
            return np.maximum(0, rivals.max(axis=1) - right + 1)
        def hinge(scores, labels):
            losses = []
            for row, k in zip(scores, labels):
                others = np.delete(row, k)
                losses.append(max(0, others.max() - row[k] + 1))
            return np.array(losses)
        def hinge(scores, labels):
            mask = np.eye(scores.shape[1], dtype=bool)[labels]
            own = scores[mask]
            best = np.where(mask, -np.inf, scores).max(axis=1)
            return np.clip(1 + best - own, 0, None)""",
    "entropy": """
        def entropy(p):
            logs = np.log(np.where(p > 0, p, 1))
            return -(p * logs).sum(axis=-1)
        def entropy(p):
            out = np.zeros_like(p)
            seen = p > 0
            out[seen] = p[seen] * np.log(p[seen])
            return -out.sum(axis=-1)
        def entropy(p):
            with np.errstate(all="ignore"):
                terms = p * np.log(p)
            return -np.nansum(terms, axis=-1)""",
    "accuracy": """
        def accuracy(scores, labels):
            return np.mean(scores.argmax(axis=1) == labels)
        def accuracy(scores, labels):
            guesses = np.argmax(scores, axis=1)
            right = guesses == labels
            return right.sum() / len(labels)
        def accuracy(scores, labels):
            hits = 0
            for row, k in zip(scores, labels):
                if row.argmax() == k:
                    hits += 1
            return hits / len(scores)""",
    "step": """
        def step(weights, gradients, rate):
            return [w - rate * g for w, g in zip(weights, gradients)]
        def step(weights, gradients, rate):
            new = []
            for w, g in zip(weights, gradients):
                new.append(w - rate * g)
            return new""",
}
NAMES = ["x", "value", "tmp", "result", "a_1", "inner", "my_array", "q"]


def solutions(item):
    """Return the right solutions of an item."""
    lines = [line[8:] for line in HONEST[item].splitlines()[1:]]
    return [
        part.strip("\n") for part in re.split(r"^(?=def )", "\n".join(lines), flags=re.M) if part
    ]


def honest_class(students, seed=0, habit=0.0):
    """Return what students write who all know how: one of the ways, with names of their own.

    By habit, a student writes several items in the same way, so that items are not independent.
    """
    rng = np.random.default_rng(seed)
    ways = rng.integers(12, size=students)
    made = {}
    for item in HONEST:
        known = solutions(item)
        chosen = np.where(rng.random(students) < habit, ways, rng.integers(12, size=students))
        made[item] = {f"s{n:03}": rename(known[k % len(known)], rng) for n, k in enumerate(chosen)}
    return made


def rename(code, rng):
    """Give some of the variables of a function other names."""
    tree = ast.parse(code)
    variables = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = sorted({node.id for node in variables if isinstance(node.ctx, ast.Store)})
    fresh = {name: f"{rng.choice(NAMES)}{rng.integers(3)}" for name in stored}
    kept = {name for name in stored if rng.random() < 0.5}
    for node in variables:
        if node.id not in kept:
            node.id = fresh.get(node.id, node.id)
    return ast.unparse(tree)


# What one student wrote in a way of their own.
OWN = {
    "softmax": """def softmax(scores):
    rolled = np.moveaxis(np.array(scores, copy=True), -1, 0)
    rolled -= np.maximum.reduce(rolled)
    weights = np.e**rolled
    weights *= 1 / np.add.reduce(weights)
    return np.moveaxis(weights, 0, -1)""",
    "hinge": """def hinge(scores, labels):
    table = dict(enumerate(labels))
    gap = lambda i: np.sort(np.r_[scores[i, : table[i]], scores[i, table[i] + 1 :]])[-1]
    margins = np.fromiter((scores[i, table[i]] - gap(i) for i in table), float)
    return (1 - margins) * (margins < 1)""",
    "entropy": """def entropy(p):
    flat = np.reshape(p, (-1, np.shape(p)[-1]))
    found = [sum(-v * math.log(v) for v in row if v) for row in flat]
    return np.reshape(found, np.shape(p)[:-1])""",
    "accuracy": """def accuracy(scores, labels):
    order = np.argsort(-scores, axis=1, kind="stable")
    return 1 - np.count_nonzero(order[:, 0] - labels) / labels.size""",
    "step": """def step(weights, gradients, rate):
    moved = map(lambda pair: pair[0] - rate * pair[1], zip(weights, gradients))
    return list(moved)""",
}
DISGUISES = {
    "as it is": lambda code: code,
    "renamed": lambda code: re.sub(
        r"\b(rolled|weights|table|gap|margins|flat|found|order|moved|pair|i|v|row)\b",
        lambda word: f"z_{len(word[0])}_{word[0][::-1]}",
        code,
    ),
    "comments and spaces": lambda code: (
        code.replace("\n    ", "\n\n    # mine\n        ")
        .replace("        ", "    ")
        .replace(" = ", "  =  ")
    ),
    "a helper above, a line below": lambda code: (
        f"def helper(u):\n    '''My own.'''\n    return u\n\n{code}\n\nprint('done')"
    ),
}


def pairs(found):
    return {(pair.first, pair.second) for pair in found}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("students", [2, 10, 40, 120])
@pytest.mark.parametrize("habit", [0, 0.5])
def test_honest_right_solutions_are_not_listed(students, habit, seed):
    assert similar_code(honest_class(students, seed, habit)).pairs == []


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("students", [40, 120])
def test_a_copy_is_listed_in_whatever_disguise(disguise, students):
    codes = honest_class(students)
    for item, code in OWN.items():
        codes[item] |= {"author": code, "copier": DISGUISES[disguise](code)}
    (found,) = similar_code(codes).pairs
    assert found[:2] == ("author", "copier")
    assert set(found.where) == set(OWN)


@pytest.mark.parametrize("students", [2, 12, 15, 20, 60, 300])
def test_so_many_items_as_are_told_must_be_shared(students):
    for shared in range(len(OWN) + 1):
        codes = {item: {f"s{n}": f"x = {n}" for n in range(students)} for item in OWN}
        for item, code in [*OWN.items()][:shared]:
            codes[item] |= {"s0": code, "s1": code}
        found = similar_code(codes)
        assert bool(found.pairs) == (shared >= found.items)
        known = {pair[:2] for pair in (*found.pairs, *found.longest)}
        assert known == ({("s0", "s1")} if shared else set())


def test_functions_may_stand_in_another_order():
    codes = honest_class(60)
    whole = [f"{OWN[item]}\n" for item in OWN]
    codes = {item: dict(written) for item, written in codes.items()}
    for item in OWN:
        codes[item] |= {"author": "\n".join(whole), "copier": "\n".join(reversed(whole))}
    assert pairs(similar_code(codes).pairs) == {("author", "copier")}


def test_what_the_course_itself_would_write_surprises_nobody():
    codes = honest_class(60)
    for item, code in OWN.items():
        codes[item] |= {"author": code, "copier": code}
    found = similar_code(codes, OWN)
    assert found.pairs == []
    assert all("author" not in pair for pair in found.longest)


@pytest.mark.parametrize("code", ["def f(:", "", "x = 3\x00", "%%time\n!ls", "(" * 5000])
def test_what_cannot_be_parsed_is_left_out(code):
    assert not parse_solution(code).shapes
    assert similar_code({"f": {"ada": code, "bert": code}})[:2] == ([], [])


def test_what_nobody_has_written_is_not_alike():
    stub = 'def f(x):\n    """Return f."""\n    raise NotImplementedError'
    assert similar_code({f"f{n}": {"ada": stub, "bert": stub} for n in range(9)})[:2] == ([], [])


@pytest.mark.parametrize("name", ["losses", "pytorch"])
def test_three_hundred_take_less_than_five_seconds(name):
    rng = np.random.default_rng(0)
    cells = [cell for cell in original_cells(name) if cell.kind == "code" and "def " in cell.source]
    codes = {
        cell.name: {
            f"s{n:03}": rename(cell.source, rng).replace("axis", f"axis{rng.integers(9)}")
            + f"\ny = {rng.integers(50)}"
            for n in range(300)
        }
        for cell in cells
    }
    began = time.process_time()
    similar_code(codes)
    assert time.process_time() - began < 5


ANSWER = (
    "At most ninety nine, because each mistake costs at least one, the losses are never negative "
    "and together they can only reach ninety nine."
)


def test_answers_that_share_their_words_are_listed():
    answers = {f"s{n}": f"I say {json.dumps(list(range(n, n + 30)))}" for n in range(0, 900, 30)}
    copied = ANSWER.replace("At most", "I think at most").replace(",", ";")
    found = similar_answers({"why": answers | {"author": ANSWER, "copier": copied}})
    assert pairs(found) == {("author", "copier")}


def test_answers_that_quote_the_question_or_say_the_same_in_brief_are_not_listed():
    same = {"ada": "At most 99 mistakes.", "bert": "At most 99 mistakes."}
    assert similar_answers({"why": same}) == []
    quoted = {name: f"{ANSWER} My own view of it: {name}." for name in ("ada", "bert")}
    assert similar_answers({"why": quoted}, {"why": ANSWER}) == []
