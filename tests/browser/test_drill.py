"""The drill of chapter 6: its numbers are those of nnlib's engine, and each slip has its name."""

import numpy as np
import pytest

from nnlib.autograd import Tensor, grad

NUMBERS = range(1, 61)
READ = """drill => drill.graph.nodes.map(({name, op, inputs, value, matrix}, i) =>
    ({name, op, inputs, value, matrix, gradient: drill.graph.at[i]}))"""
# What each of these hands to an input of a gradient g, given the two values.
RIGHT = {
    "+": lambda g, a, b: (g, g),
    "−": lambda g, a, b: (g, -g),
    "×": lambda g, a, b: (g * b, g * a),
    "·": lambda g, a, b: (g * b, g * a),
}


@pytest.fixture
def drill(open_page):
    return open_page("chapters/06_backpropagation").locator("[id='drill-gradients']")


def graph(drill, number):
    """Show a graph, and return its nodes with the gradients that the page holds for right."""
    drill.locator("input[type=number]").fill(str(number))
    drill.locator("input[type=number]").press("Tab")
    return drill.evaluate(READ)


def computed(nodes):
    """Compute values and gradients anew, with nnlib."""
    tensors = []
    for node in nodes:
        inputs = [tensors[i] for i in node["inputs"]]
        match node["op"]:
            case None:
                tensors.append(Tensor(np.squeeze(np.array(node["value"], float)), True))
            case "+":
                tensors.append(inputs[0] + inputs[1])
            case "−":
                tensors.append(inputs[0] - inputs[1])
            case "×":
                tensors.append(inputs[0] * inputs[1])
            case "·":
                tensors.append((inputs[0] * inputs[1]).sum())
            case "W":
                tensors.append(Tensor(node["matrix"]) @ inputs[0])
    gradients = [grad(tensors[-1], t, retain_graph=True) for t in tensors[:-1]]
    return [np.atleast_1d(t.detach().numpy()).tolist() for t in tensors], [
        *(np.atleast_1d(g.numpy()).tolist() for g in gradients),
        [1],
    ]


def test_values_and_gradients_are_those_of_nnlib(drill):
    kinds = set()
    for number in NUMBERS:
        nodes = graph(drill, number)
        values, gradients = computed(nodes)
        assert values == [node["value"] for node in nodes]
        assert gradients == [node["gradient"] for node in nodes]
        kinds.add(" ".join(str(node["op"]) for node in nodes))
    assert len(kinds) > 12


def test_a_number_gives_one_graph_and_another_number_another(drill):
    first = graph(drill, 1)
    assert graph(drill, 2) != first
    assert graph(drill, 1) == first


def uses(nodes, i):
    return [(j, k) for j, n in enumerate(nodes) for k, s in enumerate(n["inputs"]) if s == i]


def handed(nodes, j, g, rules=RIGHT, matrix=np.transpose):
    node = nodes[j]
    inputs = [np.array(nodes[i]["value"], float) for i in node["inputs"]]
    if node["op"] == "W":
        return (matrix(np.array(node["matrix"], float)) @ np.array(g, float),)
    return rules[node["op"]](np.array(g, float), *inputs)


def gradient_at(nodes, i, **changes):
    parts = [handed(nodes, j, nodes[j]["gradient"], **changes)[k] for j, k in uses(nodes, i)]
    return sum(parts)


def wrong(nodes):
    """Yield a node, a wrong gradient there, and the word that should name the slip."""
    for i, node in enumerate(nodes[:-1]):
        parts = [handed(nodes, j, nodes[j]["gradient"])[k] for j, k in uses(nodes, i)]
        if len(parts) > 1:
            yield i, sum(parts[1:]), "a path forgotten"
        ops = {nodes[j]["op"] for j, _ in uses(nodes, i)}
        if "−" in ops:
            rules = RIGHT | {"−": lambda g, a, b: (g, g)}
            if not np.array_equal(gradient_at(nodes, i, rules=rules), node["gradient"]):
                yield i, gradient_at(nodes, i, rules=rules), "does a − b grow"
        if "×" in ops:
            rules = RIGHT | {"×": lambda g, a, b: (g * a, g * b)}
            if not np.array_equal(gradient_at(nodes, i, rules=rules), node["gradient"]):
                yield i, gradient_at(nodes, i, rules=rules), "is the other factor"
        if "W" in ops:
            yield i, gradient_at(nodes, i, matrix=lambda W: W), "transpose"
        for j, k in uses(nodes, i):
            its = uses(nodes, j)
            if len(its) > 1:  # what came first to the user, handed on too early
                early = handed(nodes, its[0][0], nodes[its[0][0]]["gradient"])[its[0][1]]
                all_of_it = handed(nodes, j, nodes[j]["gradient"])[k]
                yield i, sum(parts) - all_of_it + handed(nodes, j, early)[k], "order: "


def fill(drill, nodes, answers):
    for i, node in enumerate(nodes[:-1]):
        fields = drill.get_by_label(f"δ at {node['name']}")
        for k, number in enumerate(answers[i]):
            fields.nth(k).fill(f"{number:g}")
    drill.get_by_role("button", name="Check").click()
    said = drill.get_by_role("status").inner_text().splitlines()
    return dict(line.split(": ", 1) for line in said[1:])


def test_every_slip_is_named(drill):
    named = set()
    for number in range(1, 7):
        nodes = graph(drill, number)
        right = [node["gradient"] for node in nodes]
        for i, value, word in wrong(nodes):
            answers = [*right[:i], np.atleast_1d(value).tolist(), *right[i + 1 :]]
            said = fill(drill, nodes, answers)
            assert word in said[nodes[i]["name"]], (number, nodes[i]["name"], value)
            named.add(word)
    assert len(named) == 5


def test_what_follows_from_an_earlier_slip_is_told_apart(drill):
    nodes = graph(drill, 1)
    answers = [[7], [7], [7], [7]]
    answers[3] = [nodes[3]["gradient"][0] + 1]
    moved = [dict(node) for node in nodes]
    moved[3]["gradient"] = answers[3]
    answers[2] = np.atleast_1d(gradient_at(moved, 2)).tolist()
    said = fill(drill, nodes, answers)
    assert "right, from what you have at v" in said["u"]
    assert "no slip that this page knows" in said["v"]


def test_the_drill_is_done_by_keyboard_alone(drill):
    page, nodes = drill.page, graph(drill, 4)
    for node in reversed(nodes[:-1]):
        for number in node["gradient"]:
            page.keyboard.type(f"{number:g}")
            page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check"
    page.keyboard.press("Enter")
    assert "All right" in drill.get_by_role("status").inner_text()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert drill.locator("input[type=number]").input_value() == "5"
    assert drill.get_by_role("status").inner_text() == ""


def test_nothing_is_judged_before_there_is_an_answer(drill):
    graph(drill, 3)
    drill.get_by_role("button", name="Check").press("Enter")
    assert drill.get_by_role("status").inner_text() == "Give an answer first."


def test_without_scripts_the_drill_is_a_worked_example(browser, html):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((html / "chapters" / "06_backpropagation.html").as_uri())
        assert "Without scripts" in page.locator("[id='drill-gradients']").inner_text()
