"""Known-wrong submissions to the assignment on losses."""

from textwrap import dedent

from . import Functions, Mistake

FUNCTIONS = Functions(
    {
        "squared_hinge": "scores, labels",
        "squared_hinge_gradient": "scores, labels",
        "softmax_or_none": "scores",
        "masked_log_softmax": "scores, possible",
        "vote_cross_entropy": "scores, shares",
        "jensen_shannon": "y, p",
    }
)


def of_rivals(body, end):
    """Return a body that has what is missing to a lead over each class, 0 over the true one."""
    return f"""
        rows = np.arange(len(scores))
        missing = np.maximum(0, scores - scores[rows, labels][:, None] + 1)
        missing[rows, labels] = 0
        {body}
        {end}
    """


def loss(end, body="pass"):
    return of_rivals(body, f"return {end}")


def gradient(true, slopes="2 * missing", end="slopes / len(scores)"):
    return of_rivals(f"slopes = {slopes}; slopes[rows, labels] = {true}", f"return {end}")


def of_softmax(end, shift="scores.max(axis=-1, keepdims=True)"):
    return f"""
        top = {shift}
        e = np.exp(scores - top)
        return {end}
    """


def masked(end, shift="rivals.max(axis=-1, keepdims=True)"):
    return f"""
        rivals = np.where(possible, scores, -np.inf)
        top = {shift}
        e = np.where(possible, np.exp(scores - top), 0)
        total = e.sum(axis=-1, keepdims=True)
        return {end}
    """


def from_middle(end, middle="(y + p) / 2"):
    return f"""
        def from_to(q, r):
            with np.errstate(all="ignore"):
                return np.where(q > 0, q * np.log(q / r), 0)

        m = {middle}
        return {end}
    """


VOTE = "shares * np.logaddexp(0, -scores) + (1 - shares) * np.logaddexp(0, scores)"
SHANNON = "(from_to(y, m) + from_to(p, m))"

# Of each item, how a student makes a mistake that the checks know by name.
KNOWN = {
    "squared_hinge": {
        "float32 lost": """
            losses = np.zeros(len(scores))
            for i, k in enumerate(labels):
                losses[i] = np.sum(np.maximum(0, np.delete(scores[i] - scores[i, k], k) + 1) ** 2)
            return losses
        """,
        "an argument changed in place": """
            rows = np.arange(len(scores))
            scores -= scores[rows, labels][:, None] - 1
            scores[rows, labels] = 0
            return (np.maximum(0, scores) ** 2).sum(axis=1)
        """,
        "the true class as a rival of its own": """
            true = scores[np.arange(len(scores)), labels][:, None]
            return (np.maximum(0, scores - true + 1) ** 2).sum(axis=1)
        """,
        "the true class masked by a number": """
            rows = np.arange(len(scores))
            rivals = scores.copy()
            rivals[rows, labels] = -30
            return (np.maximum(0, rivals - scores[rows, labels][:, None] + 1) ** 2).sum(axis=1)
        """,
        "the true class masked by 0": """
            rows = np.arange(len(scores))
            rivals = scores.copy()
            rivals[rows, labels] = 0
            return (np.maximum(0, rivals - scores[rows, labels][:, None] + 1) ** 2).sum(axis=1)
        """,
        "the strongest rival alone": loss("missing.max(axis=1) ** 2"),
        "the chapter's hinge": loss("missing.max(axis=1)"),
        "no square": loss("missing.sum(axis=1)"),
        "the square of the sum": loss("missing.sum(axis=1) ** 2"),
        "the square of what is not missing": """
            rows = np.arange(len(scores))
            missing = scores - scores[rows, labels][:, None] + 1
            missing[rows, labels] = 0
            return np.maximum(0, missing**2).sum(axis=1)
        """,
        "no margin": """
            true = scores[np.arange(len(scores)), labels][:, None]
            return (np.maximum(0, scores - true) ** 2).sum(axis=1)
        """,
        "the mean over the classes": loss("(missing**2).mean(axis=1)"),
        "the mean of all examples": loss("(missing**2).sum(axis=1).mean()"),
        "off-by-one class": loss("(missing**2).sum(axis=1)").replace(
            "missing =", "labels = labels - 1\n        missing =", 1
        ),
    },
    "squared_hinge_gradient": {
        "float32 lost": gradient("-slopes.sum(axis=1)", "2.0 * missing.astype(float)"),
        "an argument changed in place": """
            rows = np.arange(len(scores))
            scores[...] = np.maximum(0, scores - scores[rows, labels][:, None] + 1)
            scores[rows, labels] = 0
            scores[rows, labels] = -scores.sum(axis=1)
            return 2 * scores / len(scores)
        """,
        "the gradient of the sum over the batch": gradient("-slopes.sum(axis=1)", end="slopes"),
        "a mean over the classes too": gradient("-slopes.sum(axis=1)", end="slopes / slopes.size"),
        "the wrong sign": gradient("-slopes.sum(axis=1)", "-2 * missing"),
        "the 2 of the square": gradient("-slopes.sum(axis=1)", "1 * missing"),
        "the true class left out": gradient("0"),
        "one rival's share for the true class": gradient("-slopes.max(axis=1)"),
        "the slope of a hinge without the square": gradient(
            "-slopes.sum(axis=1)", "(missing > 0).astype(scores.dtype)"
        ),
        "the gradient of the chapter's hinge": gradient(
            "-slopes.max(axis=1)",
            "1.0 * ((missing > 0) & (missing == missing.max(axis=1, keepdims=True)))",
            "slopes.astype(scores.dtype) / len(scores)",
        ),
        "off-by-one class": gradient("-slopes.sum(axis=1)").replace(
            "missing =", "labels = labels - 1\n        missing =", 1
        ),
    },
    "softmax_or_none": {
        "float32 lost": """
            row = np.zeros((*scores.shape[:-1], scores.shape[-1] + 1))
            row[..., 1:] = scores
            e = np.exp(row - row.max(axis=-1, keepdims=True))
            return (e / e.sum(axis=-1, keepdims=True))[..., 1:]
        """,
        "an argument changed in place": """
            top = np.maximum(0, scores.max(axis=-1, keepdims=True))
            scores -= top
            e = np.exp(scores)
            return e / (np.exp(-top) + e.sum(axis=-1, keepdims=True))
        """,
        "no shift before exp": of_softmax("e / (1 + e.sum(axis=-1, keepdims=True))", "0"),
        "the 1 not shifted": of_softmax("e / (1 + e.sum(axis=-1, keepdims=True))"),
        "the maximum of the whole array": of_softmax(
            "e / (np.exp(-top) + e.sum(axis=-1, keepdims=True))", "scores.max()"
        ),
        "softmax itself": of_softmax("e / e.sum(axis=-1, keepdims=True)"),
        "none returned too": """
            row = np.concatenate([scores, np.zeros_like(scores[..., :1])], axis=-1)
            e = np.exp(row - row.max(axis=-1, keepdims=True))
            return e / e.sum(axis=-1, keepdims=True)
        """,
        "a sigmoid of every score": "return 1 / (1 + np.exp(-scores))",
        "the sign of the scores": """
            e = np.exp(-scores)
            return e / (1 + e.sum(axis=-1, keepdims=True))
        """,
        "the sum of the whole array": of_softmax("e / (1 + e.sum())", "0"),
        "the wrong axis": of_softmax("e / (1 + e.sum(axis=0))", "0"),
        "a 1 for every class": of_softmax("e / (1 + e).sum(axis=-1, keepdims=True)", "0"),
    },
    "masked_log_softmax": {
        "float32 lost": """
            rivals = np.full(scores.shape, -np.inf)
            rivals[possible] = scores[possible]
            below = rivals - rivals.max(axis=-1, keepdims=True)
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "an argument changed in place": """
            scores[~possible] = -np.inf
            below = scores - scores.max(axis=-1, keepdims=True)
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "no shift before exp": masked("rivals - np.log(total)", "0"),
        "the maximum of an impossible class": masked(
            "np.where(possible, scores - top - np.log(total), -np.inf)",
            "scores.max(axis=-1, keepdims=True)",
        ),
        "the logarithm of a softmax that is 0": masked("np.log(e / total)"),
        "the impossible classes in the sum": masked(
            "rivals - np.log(np.exp(scores - top).sum(axis=-1, keepdims=True)) - top"
        ),
        "the impossible scores set to 0": """
            scores = scores * possible
            below = scores - scores.max(axis=-1, keepdims=True)
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "a large number for infinity": """
            rivals = np.where(possible, scores, scores.dtype.type(-1e9))
            below = rivals - rivals.max(axis=-1, keepdims=True)
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "no mask": """
            below = scores - scores.max(axis=-1, keepdims=True)
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "the mask turned around": """
            rivals = np.where(possible, -np.inf, scores)
            below = rivals - rivals.max(axis=-1, keepdims=True)
            return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        """,
        "no logarithm": masked("e / total"),
        "the maximum of the whole array": masked(
            "np.where(possible, scores - top - np.log(total), -np.inf)", "rivals.max()"
        ),
        "the wrong axis": """
            rivals = np.where(possible, scores, -np.inf)
            return rivals - np.log(np.exp(rivals).sum(axis=0))
        """,
    },
    "vote_cross_entropy": {
        "float32 lost": f"scores = scores.astype(float)\nreturn {VOTE}",
        "an argument changed in place": f"""
            result = {VOTE}
            np.subtract(1, shares, out=shares)
            return result
        """,
        "exp overflows": "return np.log(1 + np.exp(scores)) - shares * scores",
        "the logarithm of a rounded sigmoid": """
            p = 1 / (1 + np.exp(-scores))
            return -shares * np.log(p) - (1 - shares) * np.log(1 - p)
        """,
        "digits canceled": "return np.logaddexp(0, scores) - shares * scores",
        "1 swallows what is added to it": """
            behind = np.maximum(0, scores) - shares * scores
            return np.log(1 + np.exp(-np.abs(scores))) + behind
        """,
        "the share as a sign": "return np.logaddexp(0, (1 - 2 * shares) * scores)",
        "the share rounded to yes or no": f"shares = np.round(shares)\nreturn {VOTE}",
        "yes and no exchanged": f"scores = -scores\nreturn {VOTE}",
        "the no left out": "return shares * np.logaddexp(0, -scores)",
        "the wrong sign": f"return -({VOTE})",
        "a logarithm of base 2": f"return ({VOTE}) / np.log(2)",
        "the mean of all": f"return np.mean({VOTE})",
        "the sum of each row": f"return ({VOTE}).sum(axis=-1)",
        "the gradient": "return 1 / (1 + np.exp(-scores)) - shares",
    },
    "jensen_shannon": {
        "float32 lost": "y = y.astype(float)\n"
        + dedent(from_middle(f"{SHANNON}.sum(axis=-1) / 2")).strip("\n"),
        "an argument changed in place": """
            middle = (y + p) / 2
            middle[middle == 0] = 1
            y[y == 0] = 1e-300
            p[p == 0] = 1e-300
            return (y * np.log(y / middle) + p * np.log(p / middle)).sum(axis=-1) / 2
        """,
        "a logarithm of base 2": from_middle(f"{SHANNON}.sum(axis=-1) / 2 / np.log(2)"),
        "the wrong sign": from_middle(f"-{SHANNON}.sum(axis=-1) / 2"),
        "mean for sum over the classes": from_middle(f"{SHANNON}.mean(axis=-1) / 2"),
        "the sum over the whole batch": from_middle(f"{SHANNON}.sum() / 2"),
        "the mean over the whole batch": from_middle(f"{SHANNON}.sum(axis=-1).mean() / 2"),
        "the wrong axis": from_middle(f"{SHANNON}.sum(axis=0) / 2"),
        "0 log 0": """
            m = (y + p) / 2
            return (y * np.log(y / m) + p * np.log(p / m)).sum(axis=-1) / 2
        """,
        "the mean of both directions": from_middle(
            "(from_to(y, p) + from_to(p, y)).sum(axis=-1) / 2"
        ),
        "one half of the sum": from_middle("from_to(y, m).sum(axis=-1)"),
        "no half": from_middle(f"{SHANNON}.sum(axis=-1)"),
        "the sum in place of the middle": from_middle(f"{SHANNON}.sum(axis=-1) / 2", "y + p"),
        "the middle in first place": from_middle(
            "(from_to(m, y) + from_to(m, p)).sum(axis=-1) / 2"
        ),
        "its square root": from_middle(f"np.sqrt({SHANNON}.sum(axis=-1) / 2)"),
        "the divergence of the chapter": from_middle("from_to(y, p).sum(axis=-1)"),
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
    return FUNCTIONS.wrong(item, name, body, words)


MISTAKES = [
    *(mistake for item, rows in KNOWN.items() for mistake in FUNCTIONS.known(item, rows)),
    Mistake(
        "public answers by heart",
        BY_HEART
        + "\n".join(f"{item} = by_heart(check.{item}.checks)" for item in FUNCTIONS.arguments),
        dict.fromkeys(FUNCTIONS.arguments, "it returned None"),
    ),
    Mistake(
        "a function renamed",
        "my_hinge = squared_hinge\ndel squared_hinge",
        {"squared_hinge": "is not defined"},
    ),
    other(
        "printed, not returned",
        "squared_hinge",
        "print(np.zeros(len(labels)))",
        "is there a return",
    ),
    other(
        "a list",
        "squared_hinge",
        "return [np.sum(np.maximum(0, np.delete(s - s[k], k) + 1) ** 2)"
        " for s, k in zip(scores, labels)]",
        "it returned a list",
    ),
    *(
        other(
            f"the true class masked by {number}",
            "squared_hinge",
            KNOWN["squared_hinge"]["the true class masked by 0"].replace("= 0", f"= {number}"),
            "all scores far below 0: it gave",
        )
        for number in (-5, -100, -1000, -1e6, -1e9)
    ),
    *(
        other(name, "squared_hinge_gradient", body, "squared_hinge_gradient: 2 of 4 points")
        for name, body in {
            "no 1/N, charged with the values": gradient("-slopes.sum(axis=1)", end="slopes"),
            "no 2, charged with the values": gradient("-slopes.sum(axis=1)", "missing"),
            "no slope of the true class, charged with the values": gradient("0"),
        }.items()
    ),
    other(
        "manners without values",
        "squared_hinge_gradient",
        "return np.zeros_like(scores)",
        "squared_hinge_gradient: 0 of 4 points",
    ),
    other(
        "1 taken away at the end, of one rival",
        "squared_hinge_gradient",
        gradient("-slopes.sum(axis=1) + 2"),
        "it gave",
    ),
    other(
        "the mean in place of the maximum",
        "softmax_or_none",
        of_softmax(
            "e / (np.exp(-top) + e.sum(axis=-1, keepdims=True))",
            "scores.mean(axis=-1, keepdims=True)",
        ),
        "it gave nan at index [2], for scores = [1000, 2000, 3000]",
    ),
    other(
        "batches alone",
        "softmax_or_none",
        """
        n, K = scores.shape
        row = np.hstack([scores, np.zeros((n, 1), scores.dtype)])
        e = np.exp(row - row.max(axis=1).reshape(n, 1))
        return (e / e.sum(axis=1).reshape(n, 1))[:, :K]
        """,
        "it raised ValueError",
    ),
    other(
        "a small number added to the probability",
        "masked_log_softmax",
        masked("np.log(e / total + 1e-12)"),
        "it gave -27.63, too large",
    ),
    other(
        "a small number added to the probability",
        "jensen_shannon",
        "y, p = y + 1e-3, p + 1e-3\nm = (y + p) / 2\n"
        "return (y * np.log(y / m) + p * np.log(p / m)).sum(axis=-1) / 2",
        "it gave",
    ),
]
