"""Known-wrong submissions to the assignment on losses."""

from textwrap import dedent, indent

from . import Mistake

ARGUMENTS = {
    "hinge": "scores, labels",
    "softmax": "scores",
    "log_softmax": "scores",
    "cross_entropy": "y, p",
    "kl_divergence": "y, p",
    "softmax_cross_entropy": "scores, labels",
    "softmax_cross_entropy_gradient": "scores, labels",
}


def function(item, body):
    return f"def {item}({ARGUMENTS[item]}):\n" + indent(dedent(body).strip("\n"), "    ")


OF_DISTRIBUTIONS = {
    "float32 lost": """
        result = np.zeros(y.shape[:-1])
        for index in np.ndindex(result.shape):
            for yi, pi in zip(y[index], p[index]):
                if yi > 0:
                    result[index] += {term}
        return result
    """,
    "an argument changed in place": """
        p[y == 0] = 1
        y[y == 0] = 1e-300
        return np.sum({terms}, axis=-1)
    """,
    "the arguments in the other order": """
        y, p = p, y
        return np.where(y > 0, {terms}, 0).sum(axis=-1)
    """,
    "a logarithm of base 2": """
        return np.where(y > 0, {terms}, 0).sum(axis=-1) / np.log(2)
    """,
    "the wrong sign": "return -np.where(y > 0, {terms}, 0).sum(axis=-1)",
    "mean for sum over the classes": "return np.where(y > 0, {terms}, 0).mean(axis=-1)",
    "the sum over the whole batch": "return np.where(y > 0, {terms}, 0).sum()",
    "the mean over the whole batch": "return np.where(y > 0, {terms}, 0).sum(axis=-1).mean()",
    "the wrong axis": "return np.where(y > 0, {terms}, 0).sum(axis=0)",
    "0 log 0": "return np.sum({terms}, axis=-1)",
    "a bounded logarithm": """
        p = p + p.dtype.type(1e-9)
        return np.where(y > 0, {terms}, 0).sum(axis=-1)
    """,
}


def of_distributions(term, terms):
    filled = {"{term}": term, "{terms}": terms}
    rows = {}
    for known, body in OF_DISTRIBUTIONS.items():
        for field, value in filled.items():
            body = body.replace(field, value)
        rows[known] = body
    return rows


# Of each item, how a student makes a mistake that the checks know by name.
KNOWN = {
    "hinge": {
        "float32 lost": """
            losses = np.zeros(len(scores))
            for i, k in enumerate(labels):
                losses[i] = max(0, np.delete(scores[i], k).max() - scores[i, k] + 1)
            return losses
        """,
        "an argument changed in place": """
            rows = np.arange(len(labels))
            true = scores[rows, labels]
            scores[rows, labels] = -np.inf
            return np.maximum(0, scores.max(axis=1) - true + 1)
        """,
        "the true class masked by 0": """
            rows = np.arange(len(labels))
            rivals = scores.copy()
            rivals[rows, labels] = 0
            return np.maximum(0, rivals.max(axis=1) - scores[rows, labels] + 1)
        """,
        "the correct class counted in its own margin": """
            true = scores[np.arange(len(labels)), labels]
            return np.maximum(0, scores.max(axis=1) - true + 1)
        """,
        "negative losses": """
            losses = [np.delete(s, k).max() - s[k] + 1 for s, k in zip(scores, labels)]
            return np.array(losses)
        """,
        "the margin turned around": """
            losses = [max(0, s[k] - np.delete(s, k).max() + 1) for s, k in zip(scores, labels)]
            return np.array(losses)
        """,
        "no margin": """
            losses = [max(0, np.delete(s, k).max() - s[k]) for s, k in zip(scores, labels)]
            return np.array(losses)
        """,
        "the sum over the wrong classes in place of the maximum": """
            true = scores[np.arange(len(labels)), labels]
            margins = np.maximum(0, scores - true[:, None] + 1)
            margins[np.arange(len(labels)), labels] = 0
            return margins.sum(axis=1)
        """,
        "the sum over all classes, its own too": """
            true = scores[np.arange(len(labels)), labels]
            return np.maximum(0, scores - true[:, None] + 1).sum(axis=1)
        """,
        "a squared loss": """
            losses = [max(0, np.delete(s, k).max() - s[k] + 1) for s, k in zip(scores, labels)]
            return np.array(losses) ** 2
        """,
        "the mean of all examples": """
            losses = [max(0, np.delete(s, k).max() - s[k] + 1) for s, k in zip(scores, labels)]
            return np.mean(losses)
        """,
        "the sum of all examples": """
            losses = [max(0, np.delete(s, k).max() - s[k] + 1) for s, k in zip(scores, labels)]
            return np.sum(losses)
        """,
        "off-by-one class": """
            labels = labels - 1
            losses = [
                max(0, np.delete(s, k).max() - s[k] + 1) for s, k in zip(scores, labels)
            ]
            return np.array(losses)
        """,
        "the best rival of the whole batch": """
            rows = np.arange(len(labels))
            rivals = scores.copy()
            rivals[rows, labels] = -np.inf
            return np.maximum(0, rivals.max() - scores[rows, labels] + 1)
        """,
    },
    "softmax": {
        "float32 lost": """
            e = np.exp(scores - scores.max(axis=-1, keepdims=True), dtype=np.float64)
            return e / e.sum(axis=-1, keepdims=True)
        """,
        "an argument changed in place": """
            scores -= scores.max(axis=-1, keepdims=True)
            e = np.exp(scores)
            return e / e.sum(axis=-1, keepdims=True)
        """,
        "no shift before exp": """
            e = np.exp(scores)
            return e / e.sum(axis=-1, keepdims=True)
        """,
        "the maximum of the whole array": """
            e = np.exp(scores - np.max(scores))
            return e / e.sum(axis=-1, keepdims=True)
        """,
        "the wrong axis": """
            e = np.exp(scores - scores.max(axis=0))
            return e / e.sum(axis=0)
        """,
        "axis 1 in place of the last": """
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        """,
        "the sum of the whole array": """
            e = np.exp(scores - np.max(scores))
            return e / np.sum(e)
        """,
        "softmax twice": """
            for _ in range(2):
                e = np.exp(scores - scores.max(axis=-1, keepdims=True))
                scores = e / e.sum(axis=-1, keepdims=True)
            return scores
        """,
        "scores divided by their sum": "return scores / scores.sum(axis=-1, keepdims=True)",
        "mean for sum": """
            e = np.exp(scores - scores.max(axis=-1, keepdims=True))
            return e / e.mean(axis=-1, keepdims=True)
        """,
        "maximum for sum": """
            e = np.exp(scores - scores.max(axis=-1, keepdims=True))
            return e / e.max(axis=-1, keepdims=True)
        """,
        "powers of 2": """
            e = np.exp2(scores - scores.max(axis=-1, keepdims=True))
            return e / e.sum(axis=-1, keepdims=True)
        """,
        "the sign of the scores": """
            e = np.exp(scores.min(axis=-1, keepdims=True) - scores)
            return e / e.sum(axis=-1, keepdims=True)
        """,
        "a sigmoid of every score": "return 1 / (1 + np.exp(-scores))",
        "log-softmax": """
            below = scores - scores.max(axis=-1, keepdims=True)
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
    },
    "log_softmax": {
        "float32 lost": """
            below = (scores - scores.max(axis=-1, keepdims=True)).astype(float)
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "an argument changed in place": """
            scores -= scores.max(axis=-1, keepdims=True)
            return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
        """,
        "no shift before exp": "return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))",
        "the logarithm of an overflow": """
            e = np.exp(scores)
            return np.log(e / e.sum(axis=-1, keepdims=True))
        """,
        "the logarithm of a softmax that is 0": "return np.log(softmax(scores))",
        "the maximum of the whole array": """
            below = scores - scores.max()
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "the shift counted once": """
            below = scores - scores.max(axis=-1, keepdims=True)
            return scores - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "the wrong axis": """
            below = scores - scores.max(axis=0)
            return below - np.log(np.exp(below).sum(axis=0))
        """,
        "the sum of the whole array": """
            below = scores - scores.max()
            return below - np.log(np.exp(below).sum())
        """,
        "softmax twice": """
            p = softmax(scores)
            return p - np.log(np.exp(p).sum(axis=-1, keepdims=True))
        """,
        "no logarithm": "return softmax(scores)",
        "a logarithm of base 2": "return np.log2(softmax(scores))",
        "mean for sum": """
            below = scores - scores.max(axis=-1, keepdims=True)
            return below - np.log(np.exp(below).mean(axis=-1, keepdims=True))
        """,
        "the wrong sign": """
            below = scores - scores.max(axis=-1, keepdims=True)
            return np.log(np.exp(below).sum(axis=-1, keepdims=True)) - below
        """,
    },
    "cross_entropy": of_distributions("-yi * np.log(pi)", "-y * np.log(p)")
    | {
        "the KL divergence": "return kl_divergence(y, p)",
        "softmax of what are probabilities already": """
            p = softmax(p)
            return np.where(y > 0, -y * np.log(p), 0).sum(axis=-1)
        """,
    },
    "kl_divergence": of_distributions("yi * np.log(yi / pi)", "y * np.log(y / p)")
    | {
        "the cross-entropy": "return cross_entropy(y, p)",
        "the mean of both directions": """
            there = np.where(y > 0, y * np.log(y / p), 0)
            back = np.where(p > 0, p * np.log(p / y), 0)
            return (there + back).sum(axis=-1) / 2
        """,
    },
    "softmax_cross_entropy": {
        "float32 lost": """
            total = np.zeros(1)
            for row, k in zip(log_softmax(scores), labels):
                total -= row[k]
            return total[0] / len(labels)
        """,
        "an argument changed in place": """
            scores -= scores.max(axis=1, keepdims=True)
            return -log_softmax(scores)[np.arange(len(labels)), labels].mean()
        """,
        "the sum over the batch in place of the mean": """
            return -log_softmax(scores)[np.arange(len(labels)), labels].sum()
        """,
        "the loss of each example": """
            return -log_softmax(scores)[np.arange(len(labels)), labels]
        """,
        "a mean over the classes too": """
            y = np.eye(scores.shape[1], dtype=scores.dtype)[labels]
            return -np.mean(y * log_softmax(scores))
        """,
        "the wrong sign": "return log_softmax(scores)[np.arange(len(labels)), labels].mean()",
        "softmax twice": """
            return -log_softmax(softmax(scores))[np.arange(len(labels)), labels].mean()
        """,
        "no logarithm": "return -softmax(scores)[np.arange(len(labels)), labels].mean()",
        "off-by-one class": """
            return -log_softmax(scores)[np.arange(len(labels)), labels - 1].mean()
        """,
        "every label for every row": "return -log_softmax(scores)[:, labels].mean()",
        "a logarithm of base 2": """
            return -log_softmax(scores)[np.arange(len(labels)), labels].mean() / np.log(2)
        """,
        "the logarithm of a softmax that is 0": """
            return -np.log(softmax(scores)[np.arange(len(labels)), labels]).mean()
        """,
        "no shift before exp": """
            true = scores[np.arange(len(labels)), labels]
            return np.mean(np.log(np.exp(scores).sum(axis=1)) - true)
        """,
        "the logarithm of an overflow": """
            e = np.exp(scores)
            p = e / e.sum(axis=1, keepdims=True)
            return -np.mean(np.log(p[np.arange(len(labels)), labels]))
        """,
        "the maximum of the whole array": """
            below = scores - scores.max()
            true = below[np.arange(len(labels)), labels]
            return np.mean(np.log(np.exp(below).sum(axis=1)) - true)
        """,
    },
    "softmax_cross_entropy_gradient": {
        "float32 lost": "return (softmax(scores) - np.eye(scores.shape[1])[labels]) / len(labels)",
        "an argument changed in place": """
            p = softmax(scores)
            scores[...] = p
            scores[np.arange(len(labels)), labels] -= 1
            return scores / len(labels)
        """,
        "the gradient of the sum over the batch": """
            p = softmax(scores)
            p[np.arange(len(labels)), labels] -= 1
            return p
        """,
        "a mean over the classes too": """
            p = softmax(scores)
            p[np.arange(len(labels)), labels] -= 1
            return p / p.size
        """,
        "the wrong sign": """
            p = -softmax(scores)
            p[np.arange(len(labels)), labels] += 1
            return p / len(labels)
        """,
        "the target left out": "return softmax(scores) / len(labels)",
        "the logarithm of softmax in place of softmax": """
            p = log_softmax(scores)
            p[np.arange(len(labels)), labels] -= 1
            return p / len(labels)
        """,
        "the true class alone": """
            p = softmax(scores)
            gradient = np.zeros_like(p)
            rows = np.arange(len(labels))
            gradient[rows, labels] = (p[rows, labels] - 1) / len(labels)
            return gradient
        """,
        "off-by-one class": """
            p = softmax(scores)
            p[np.arange(len(labels)), labels - 1] -= 1
            return p / len(labels)
        """,
        "every label for every row": """
            p = softmax(scores)
            p[:, labels] -= 1
            return p / len(labels)
        """,
        "no shift before exp": """
            p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            p[np.arange(len(labels)), labels] -= 1
            return p / len(labels)
        """,
        "the maximum of the whole array": """
            e = np.exp(scores - scores.max())
            p = e / e.sum(axis=1, keepdims=True)
            p[np.arange(len(labels)), labels] -= 1
            return p / len(labels)
        """,
    },
}

BY_HEART = """
def by_heart(checks):
    inputs = [list(one.inputs(np.random.default_rng(0)).values()) for one in checks]
    answers = [one.see(one.right, 0) for one in checks]

    def function(*arguments):
        for known, answer in zip(inputs, answers):
            if all(map(np.array_equal, known, arguments)):
                return answer

    return function
"""


def other(name, item, body, words):
    return Mistake(f"{item}: {name}", function(item, body), {item: words})


MISTAKES = [
    *(
        Mistake(f"{item}: {known}", function(item, body), {item: f"This looks like: {known}."})
        for item, rows in KNOWN.items()
        for known, body in rows.items()
    ),
    Mistake(
        "public answers by heart",
        BY_HEART + "\n".join(f"{item} = by_heart(check.{item}.checks)" for item in ARGUMENTS),
        dict.fromkeys(ARGUMENTS, "it returned None"),
    ),
    Mistake(
        "a right divergence on a wrong cross-entropy",
        function("cross_entropy", "return np.where(y > 0, -y * np.log2(p), 0).sum(axis=-1)")
        + "\n"
        + function("kl_divergence", "return cross_entropy(y, p) - cross_entropy(y, y)"),
        {"cross_entropy": "a logarithm of base 2"},
    ),
    Mistake("a function renamed", "my_hinge = hinge\ndel hinge", {"hinge": "is not defined"}),
    other("printed, not returned", "hinge", "print(np.zeros(len(labels)))", "is there a return"),
    other(
        "a list",
        "hinge",
        "return [max(0, np.delete(s, k).max() - s[k] + 1) for s, k in zip(scores, labels)]",
        "it returned a list",
    ),
    other(
        "the mean in place of the maximum",
        "softmax",
        """
        e = np.exp(scores - scores.mean(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
        """,
        "it gave nan at index [2], for scores = [1000, 2000, 3000]",
    ),
    other(
        "batches alone",
        "softmax",
        """
        n, K = scores.shape
        e = np.exp(scores - scores.max(axis=1).reshape(n, 1))
        return e / e.sum(axis=1).reshape(n, 1)
        """,
        "it raised ValueError",
    ),
    other(
        "a small number added to the probability",
        "softmax_cross_entropy",
        "return -np.log(softmax(scores)[np.arange(len(labels)), labels] + 1e-9).mean()",
        "too small, for scores = [[0, -1000, -2000]]",
    ),
]
