"""Known-wrong pullbacks, sweeps, engines and gradient checks."""

from . import Functions, Mistake, looks_like

FUNCTIONS = Functions(
    {
        "unit_rows_pullback": "x, g",
        "pairs_pullback": "u, v, g",
        "waves": "inputs, result",
        "mended_gradients": "result, leaves",
        "wrong_entries": "f, x, claimed",
        "loop_forward": "x, labels, parameters, times, decay",
        "loop_backward": "labels, cache, parameters, decay",
    }
)
wrong, known = FUNCTIONS.wrong, FUNCTIONS.known


# --- what students write around one line that is wrong --------------------------------------------


def unit_rows(last="(g - y * (g * y).sum(axis=-1, keepdims=True)) / n", axis="-1"):
    return f"""
big = abs(x).max(axis={axis}, keepdims=True)
n = big * np.sqrt(((x / big) ** 2).sum(axis={axis}, keepdims=True))
y = x / n
return {last}
"""


UNIT_ROWS = {
    "the length taken for a constant": "g / n",
    "the part along the row added": "(g + y * (g * y).sum(axis=-1, keepdims=True)) / n",
    "not divided by the length": "g - y * (g * y).sum(axis=-1, keepdims=True)",
    "one length for all rows": ("(g - y * (g * y).sum()) / n", "None"),
    "columns in place of rows": ("(g - y * (g * y).sum(axis=0)) / n", "0"),
    "x in place of y": "(g - x * (g * x).sum(axis=-1, keepdims=True)) / n",
    "float32 lost": "np.float64(g - y * (g * y).sum(axis=-1, keepdims=True)) / n",
}
PLAIN_ROWS = """
n = np.linalg.norm(x, axis=-1, keepdims=True)
y = x / n
return (g - y * (g * y).sum(axis=-1, keepdims=True)) / n
"""


def pairs(
    first="v[..., None, :]",
    second="u[..., None]",
    axes=(-1, -2),
    fit="g.sum(axis=tuple(range(g.ndim - len(shape))), keepdims=False)",
    short="tuple(i for i, n in enumerate(shape) if n == 1)",
    last="g.sum(axis=short, keepdims=True)",
):
    return f"""
def fit(g, shape):
    g = {fit}
    short = {short}
    return {last}


to_u = (g * {first}).sum(axis={axes[0]})
to_v = (g * {second}).sum(axis={axes[1]})
return fit(to_u, u.shape), fit(to_v, v.shape)
"""


PAIRS = {
    "its own factor in place of the other": pairs("u[..., None]", "v[..., None, :]"),
    "rows taken for columns": pairs(axes=(-2, -1)),
    "broadcasting not undone": pairs(fit="g", short="()"),
    "broadcasting meaned": pairs(
        fit="g.mean(axis=tuple(range(g.ndim - len(shape))))", last="g.mean(axis=short, keepdims=1)"
    ),
    "axes of length 1 lost": pairs(
        short="tuple(i for i, n in enumerate(shape) if n == 1 != g.shape[i])",
        last="g.sum(axis=short)",
    ),
    "axes of length 1 left stretched": pairs(short="()"),
    "float32 lost": pairs(last="np.array(g.sum(axis=short, keepdims=True), float)"),
    "an argument changed in place": "g -= 1\ng = g + 1" + pairs(),
}


ONE_BY_ONE = """
order, seen, stack = [], set(), [(result, False)]
while stack:
    node, done = stack.pop()
    if done:
        order.append([node])
    elif node not in seen:
        seen.add(node)
        stack.append((node, True))
        stack += [(source, False) for source in inputs[node]]
return order[::-1]
"""
BREADTH_FIRST = """
found, seen = [[result]], {result}
while wave := found[-1]:
    found.append([s for s in dict.fromkeys(s for n in wave for s in inputs[n]) if s not in seen])
    seen.update(found[-1])
return found[:-1]
"""
FROM_LEAVES = """
depths, stack = {}, [result]
while stack:
    node = stack[-1]
    missing = [source for source in inputs[node] if source not in depths]
    stack += missing
    if not missing:
        depths[stack.pop()] = 1 + max((depths[s] for s in inputs[node]), default=-1)
return [[n for n in depths if depths[n] == d] for d in range(depths[result], -1, -1)]
"""
KAHN = """
users = {node: 0 for node in inputs}
for node in inputs:
    for source in set(inputs[node]):
        users[source] += 1
found = [START]
while wave := found[-1]:
    found.append([])
    for node in wave:
        for source in set(inputs[node]):
            users[source] -= 1
            if not users[source]:
                found[-1].append(source)
return found[:-1]
"""
EVERY_PATH = """
numbers, stack = {}, [(result, 0)]
while stack:
    node, number = stack.pop()
    numbers[node] = max(number, numbers.get(node, 0))
    stack += [(source, number + 1) for source in inputs[node]]
return [[n for n in numbers if numbers[n] == i] for i in range(1 + max(numbers.values()))]
"""
RECURSIVE = """
order = []


def visit(node):
    for source in inputs[node]:
        if source not in order:
            visit(source)
    order.append(node)


visit(result)
numbers = {result: 0}
for node in reversed(order):
    for source in inputs[node]:
        numbers[source] = max(numbers.get(source, 0), numbers[node] + 1)
return [[n for n in numbers if numbers[n] == i] for i in range(1 + max(numbers.values()))]
"""
WAVES = {
    "the shortest way counted": BREADTH_FIRST,
    "one node a wave": ONE_BY_ONE,
    "counted from the leaves": FROM_LEAVES,
    "nodes that the result does not depend on": KAHN.replace(
        "START", "[node for node in inputs if not users[node]]"
    ),
    "waiting for users that never come": KAHN.replace("START", "[result]"),
    "every path by itself": EVERY_PATH,
    "recursion": RECURSIVE,
}


def engine(
    following="max(waiting, key=lambda node: node.depth)",
    handed="come.get(source, 0) + slope * come[node]",
    when="if source not in waiting:",
):
    return f"""
come, waiting = {{result: 1}}, [result]
while waiting:
    node = {following}
    waiting.remove(node)
    for source, slope in zip(node.inputs, node.slopes):
        come[source] = {handed}
        {when}
            waiting.append(source)
return [come.get(leaf, 0.0) for leaf in leaves]
"""


FIRST_COME = """
order = [result]
for node in order:
    order += [source for source in dict.fromkeys(node.inputs) if source not in order]
come = dict.fromkeys(order, 0.0) | {result: 1.0}
for node in order:
    for source, slope in zip(node.inputs, node.slopes):
        come[source] += slope * come[node]
return [come.get(leaf, 0.0) for leaf in leaves]
"""
EVERY_SLOPE = """
def slope_in(node, leaf):
    pairs = zip(node.inputs, node.slopes)
    return (node is leaf) + sum(slope * slope_in(source, leaf) for source, slope in pairs)


return [slope_in(result, leaf) for leaf in leaves]
"""
ENGINES = {
    "a visit for each part that comes": engine(when="if True:"),
    "visited in the order of arrival": FIRST_COME,
    "= for +=": engine(handed="slope * come[node]"),
    "every path by itself": EVERY_SLOPE,
}


def checked(
    step="1e-5 * max(1, abs(x[i]))",
    left="x[i] - h",
    wrong="not abs(slope - claimed[i]) <= max(1e-3 * abs(slope), 1e-7)",
    returned="found",
):
    return f"""
found = np.zeros(x.shape, bool)
for i in np.ndindex(x.shape):
    h = {step}
    one, other = x.copy(), x.copy()
    one[i], other[i] = x[i] + h, {left}
    slope = (f(one) - f(other)) / (one[i] - other[i])
    found[i] = {wrong}
return {returned}
"""


CHECKED = {
    "a difference to one side": checked(left="x[i]"),
    "a step that is too small": checked(step="1e-11"),
    "a step that is too large": checked(step="0.1"),
    "the same step for numbers of every size": checked(step="1e-5"),
    "a tolerance that does not know the size": checked(wrong="not abs(slope - claimed[i]) <= 1e-3"),
    "a nan that passes": checked(
        wrong="abs(slope - claimed[i]) > 1e-3 * abs(slope) and abs(slope - claimed[i]) > 1e-7"
    ),
    "no room beside a slope of 0": checked(
        wrong="not abs(slope - claimed[i]) <= 1e-3 * abs(slope)"
    ),
    "zeros that are not passed": checked(wrong="not abs(slope - claimed[i]) < 1e-3 * abs(slope)"),
    "right for wrong": checked(returned="~found"),
}


def forward(
    then="h[-1] + t[-1]",
    loss="log_p[np.arange(len(x)), labels].mean()",
    squares="(W**2).sum() + (V**2).sum()",
    half="decay / 2",
    log_p="s - np.log(np.exp(s).sum(axis=1, keepdims=True))",
    shift="s.max(axis=1, keepdims=True)",
    returned="[np.array(h), np.array(t), np.exp(log_p)]",
):
    return f"""
W, b, V, c = parameters
h, t = [x], []
for _ in range(times):
    t.append(np.tanh(h[-1] @ W.T + b))
    h.append({then})
s = h[-1] @ V.T + c
s = s - {shift}
log_p = {log_p}
return -{loss} + {half} * ({squares}), {returned}
"""


SOFTMAX = "np.log(np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))"
FORWARD = {
    "the skip forgotten": forward(then="t[-1]"),
    "exp overflows": forward(shift="0"),
    "the logarithm of a probability that is 0": forward(log_p=SOFTMAX),
    "a sum over the examples": forward(loss="log_p[np.arange(len(x)), labels].sum()"),
    "no decay": forward(squares="0"),
    "decay of the biases": forward(squares="sum((p**2).sum() for p in parameters)"),
    "decay without its half": forward(half="decay"),
    "float32 lost": forward(returned="[np.array(h, float), np.array(t, float), np.exp(log_p)]"),
    "an argument changed in place": "x -= 1\nx = x + 1" + forward(),
}
OF_THE_CACHE = "[np.array(h[1:]), np.array(t), np.exp(log_p)]"


def backward(
    delta="(p - y) / len(p)",
    slope="1 - t[i] ** 2",
    of_weight="dW + delta.T @ h[i]",
    of_bias="db + delta.sum(axis=0)",
    back="dh + delta @ W",
    returned="[dW + decay * W, db, dV + decay * V, dc]",
    before="",
):
    return f"""
h, t, p = cache
W, b, V, c = parameters
y = np.zeros_like(p)
y[np.arange(len(p)), labels] = 1
{before}
delta = {delta}
dV, dc, dh, dW, db = delta.T @ h[-1], delta.sum(axis=0), delta @ V, 0, 0
for i in reversed(range(len(t))):
    delta = dh * ({slope})
    dW = {of_weight}
    db = {of_bias}
    dh = {back}
return {returned}
"""


BACKWARD = {
    "the skip forgotten on the way back": backward(back="delta @ W"),
    "the last use alone": backward(
        of_weight="dW + delta.T @ h[i] * (i + 1 == len(t))",
        of_bias="db + delta.sum(axis=0) * (i + 1 == len(t))",
    ),
    "the first use alone": backward(of_weight="delta.T @ h[i]", of_bias="delta.sum(axis=0)"),
    "the mean of the uses": backward(
        returned="[dW / len(t) + decay * W, db / len(t), dV + decay * V, dc]"
    ),
    "the slope of tanh forgotten": backward(slope="1"),
    "the slope of tanh from the sum": backward(slope="1 - h[i + 1] ** 2"),
    "the output of the layer in place of its input": backward(of_weight="dW + delta.T @ h[i + 1]"),
    "transposed weight": backward(back="dh + delta @ W.T"),
    "transposed gradient of the weight": backward(of_weight="dW + h[i].T @ delta"),
    "a sum over the examples": backward(delta="p - y"),
    "a mean taken twice": backward(delta="(p - y) / len(p) ** 2"),
    "uphill": backward(delta="(y - p) / len(p)"),
    "the labels forgotten": backward(delta="p / len(p)"),
    "no decay": backward(returned="[dW, db, dV, dc]"),
    "decay of the biases": backward(
        returned="[dW + decay * W, db + decay * b, dV + decay * V, dc + decay * c]"
    ),
    "float32 lost": backward(returned="[dW + decay * W, db, dV + decay * V, dc.astype(float)]"),
    "an argument changed in place": backward(before="labels += 1"),
}

MISTAKES = [
    *known("unit_rows_pullback", UNIT_ROWS, unit_rows),
    *known(
        "unit_rows_pullback",
        {
            "squares out of the range of floats": PLAIN_ROWS,
            "an argument changed in place": "g -= 1\ng = g + 1" + unit_rows(),
        },
    ),
    *known("pairs_pullback", PAIRS),
    *known("waves", WAVES),
    *known("mended_gradients", ENGINES),
    *known("wrong_entries", CHECKED),
    *known("loop_forward", FORWARD),
    *known("loop_backward", BACKWARD),
    Mistake(
        "mended_gradients, nothing mended",
        "mended_gradients = gradients",
        {"mended_gradients": "0 of 3"},
    ),
    wrong(
        "mended_gradients",
        "a leaf that must be used",
        engine().replace("come.get(leaf, 0.0)", "come[leaf]"),
        "2 of 3",
    ),
    wrong(
        "unit_rows_pullback",
        "the row itself",
        unit_rows(last="y"),
        "0 of 4",
    ),
    wrong(
        "pairs_pullback",
        "for vectors alone",
        "return g @ v, g.T @ u",
        "pairs_pullback: 0 of 4",
    ),
    wrong(
        "waves",
        "nodes taken out of the graph",
        """
kept = {result: None}
for node in (waiting := [result]):
    waiting += [source for source in dict.fromkeys(inputs[node]) if source not in kept]
    kept |= dict.fromkeys(inputs[node])
for node in set(inputs) - set(kept):
    del inputs[node]
"""
        + KAHN.replace("START", "[result]"),
        "it changed the graph",
    ),
    wrong(
        "pairs_pullback",
        "a batch of v for one u",
        pairs(fit="g if shape == u.shape else g.sum(axis=tuple(range(g.ndim - len(shape))))"),
        "one u for a batch: the gradient in u",
    ),
    wrong("waves", "a dictionary", "return {result: 0}", "it returned a dict, but should"),
    wrong(
        "wrong_entries",
        "x left where it was moved to",
        "x += 1e-5" + checked(),
        "it changed x or the claim",
    ),
    wrong(
        "wrong_entries",
        "places in place of a mask",
        checked(returned="np.argwhere(found)"),
        "it returned int64 of shape",
    ),
    wrong(
        "wrong_entries",
        "a list",
        checked(returned="found.tolist()"),
        "3 of 4 points",
    ),
    *(
        wrong("wrong_entries", f"a step of {step}", checked(step=step), words)
        for step, words in {
            "1e-8 * max(1, abs(x[i]))": "values of about 1000: it flagged",
            "1e-2 * max(1, abs(x[i]))": "quick waves: it flagged",
        }.items()
    ),
    wrong(
        "unit_rows_pullback",
        "the formula with a cube",
        """
n = np.linalg.norm(x, axis=-1, keepdims=True)
return g / n - x * (g * x).sum(axis=-1, keepdims=True) / n**3
""",
        looks_like("squares out of the range of floats"),
    ),
    wrong(
        "loop_forward",
        "lists",
        forward(returned="[h, t, np.exp(log_p)]"),
        "1 of 2 points",
    ),
    wrong(
        "loop_backward",
        "lists",
        backward(returned="[dW + decay * W, db.tolist(), dV + decay * V, dc]"),
        "4 of 5 points",
    ),
    wrong(
        "loop_backward",
        "the transpose, charged with the loop",
        backward(back="dh + delta @ W.T"),
        "3 of 5 points",
    ),
    wrong(
        "loop_forward",
        "the cache without the inputs",
        forward(returned=OF_THE_CACHE),
        "1 of 2 points",
    ),
    wrong(
        "loop_backward",
        "right for one turn alone",
        backward(back="delta @ W"),
        "3 of 5 points",
    ),
]
