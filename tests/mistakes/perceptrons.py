"""Mistakes in a smooth unit, in networks that skip, fold and meet points, and in a careful step."""

from . import Functions, Mistake

FUNCTIONS = Functions(
    {
        "squareplus": "x",
        "squareplus_slope": "x",
        "skip_forward": "x, weights, biases",
        "fold_scaling": "weight, bias, mean, scale",
        "network_through": "x, y",
        "clipped_step": "theta, gradient, learning_rate, limit",
    }
)
wrong, known = FUNCTIONS.wrong, FUNCTIONS.known


def lines(item, rows):
    """Return the known mistakes of one line."""
    return known(item, rows, "return {}".format)


# --- what students write around one line that is wrong --------------------------------------------


def skip(
    joined="np.concatenate([a, x], axis=-1)", z="a @ weight.T + bias", after="np.maximum(z, 0)"
):
    return f"""
a = x
for i, (weight, bias) in enumerate(zip(weights, biases)):
    if i:
        a = {joined}
    z = {z}
    a = {after} if i < len(weights) - 1 else z
return a
"""


def folded(column="weight / scale", bias="bias - new @ mean"):
    return f"""
new = np.where(scale > 0, {column}, 0)
return new, {bias}
"""


def through(
    order="np.argsort(x)",
    slopes="np.diff(y) / np.diff(x)",
    bends="np.diff(slopes, prepend=zero, append=zero)",
    b1="-x",
    b2="y[:1]",
    before="pass",
):
    return f"""
{before}
order = {order}
x, y = x[order], y[order]
zero = np.zeros(1, x.dtype)
slopes = {slopes}
return np.ones_like(x)[:, None], {b1}, ({bends})[None, :], {b2}
"""


def clipped(length="np.linalg.norm(gradient)", step="learning_rate * factor * gradient"):
    return f"""
length = {length}
factor = np.minimum(1, limit / length).astype(theta.dtype)
return theta - {step}
"""


SCALED = "np.abs(gradient).max() * np.linalg.norm(gradient / max(np.abs(gradient).max(), 1e-300))"
BY_HEART = """
ANSWERS = {}
for public in check.ITEM.checks:
    arguments = list(public.inputs(np.random.default_rng(0)).values())
    ANSWERS[str(arguments)] = public.right(*arguments)


def ITEM(*arguments):
    return ANSWERS.get(str(list(arguments)))
"""

SQUAREPLUS = "half = np.abs(x) / 2 + np.hypot(x, 2) / 2\nreturn {}"
FOR_POSITIVE_OVERFLOW = """
root = np.sqrt(x * x + 4)
return np.where(x < 0, 2 / (root - x), (x + root) / 2)
"""

MISTAKES = [
    *lines(
        "squareplus",
        {
            "a square that overflows": "(x + np.sqrt(x**2 + 4)) / 2",
            "a difference of nearly equal numbers": "0.5 * x + 0.5 * np.hypot(x, 2)",
            "not halved": "x + np.hypot(x, 2)",
            "ReLU": "np.where(x > 0, x, 0)",
            "softplus": "np.logaddexp(x, 0)",
            "the sign of x": "(np.hypot(x, 2) - x) / 2",
            "the slope": "(1 + x / np.hypot(x, 2)) / 2",
        },
    ),
    *known(
        "squareplus",
        {
            "float32 lost": SQUAREPLUS.format("np.where(x < 0, 1 / half, half) * np.ones(1)"),
            "an argument changed in place": "sign = x < 0\nnp.abs(x, out=x)\n"
            + SQUAREPLUS.format("np.where(sign, 1 / half, half)"),
        },
    ),
    wrong(
        "squareplus",
        "digits kept, but a square that overflows",
        FOR_POSITIVE_OVERFLOW,
        "5 of 6 points",
    ),
    wrong(
        "squareplus",
        "a root that is cut off",
        "x = np.clip(x, -1e150, 1e150)\n" + SQUAREPLUS.format("np.where(x < 0, 1 / half, half)"),
        "large numbers: it gave 1e+150, too small at index [2]",
    ),
    wrong(
        "squareplus",
        "float32 widened for the square, and float64 left",
        "x = np.float64(x)\n" + SQUAREPLUS.format("np.where(x < 0, 1 / half, half)"),
        "5 of 6 points",
    ),
    wrong("squareplus", "a list", "return ((x + np.hypot(x, 2)) / 2).tolist()", "returned a list"),
    wrong(
        "squareplus", "printed", "print((x + np.hypot(x, 2)) / 2)", "is there a return at its end?"
    ),
    *lines(
        "squareplus_slope",
        {
            "a square that overflows": "0.5 + 0.5 * x / np.sqrt(x**2 + 4)",
            "1 minus nearly 1": "0.5 + 0.5 * (x / np.hypot(x, 2))",
            "infinity over infinity": "squareplus(x) / np.hypot(x, 2)",
            "the square of a large value": "squareplus(x) ** 2 / (1 + squareplus(x) ** 2)",
            "squareplus itself": "squareplus(x)",
            "the sigmoid": "1 / (1 + np.exp(-x))",
            "the slope of ReLU": "np.where(x > 0, 1.0, 0.0)",
            "not halved": "1 + x / np.hypot(x, 2)",
            "float32 lost": "np.ones(x.shape) / (1 + squareplus(-x) ** 2)",
        },
    ),
    *known(
        "squareplus_slope",
        {"an argument changed in place": "x *= -1\nreturn 1 / (1 + squareplus(x) ** 2)"},
    ),
    *known(
        "skip_forward",
        {
            "the input before the outputs": skip("np.concatenate([x, a], axis=-1)"),
            "an input that went through ReLU": skip(
                "np.maximum(np.concatenate([a, x], axis=-1), 0)", after="z"
            ),
            "missing bias": skip(z="a @ weight.T"),
            "transposed weight": skip(z="a @ weight + bias"),
            "an activation after the last layer": skip().replace("else z", "else np.maximum(z, 0)"),
            "no activation between the layers": skip(after="z"),
            "only the input goes on": skip("np.concatenate([np.zeros_like(a), x], axis=-1)"),
            "float32 lost": skip(z="a @ weight.T + np.array(bias, dtype=float)"),
            "an argument changed in place": skip().replace("return a", "weights.clear()\nreturn a"),
        },
    ),
    wrong(
        "skip_forward",
        "for batches alone",
        skip("np.concatenate([a, x], axis=1)"),
        "4 of 5 points",
    ),
    wrong(
        "skip_forward",
        "the input forgotten",
        skip("a"),
        "0 of 5 points",
    ),
    wrong(
        "skip_forward",
        "the batch made twice as long",
        skip("np.concatenate([a, x])"),
        "0 of 5 points",
    ),
    *known(
        "fold_scaling",
        {
            "the wrong sign of the mean": folded(bias="bias + new @ mean"),
            "a mean that is not scaled": folded(bias="bias - weight @ mean"),
            "the scale on the wrong side": folded("weight * scale"),
            "the wrong axis": folded("weight / scale[:, None]"),
            "the bias left as it was": folded(bias="bias"),
            "a division by 0": "return weight / scale, bias - weight @ (mean / scale)",
            "a scale of 1 for a scale of 0": "scale = np.where(scale == 0, 1, scale)\n"
            "return weight / scale, bias - weight @ (mean / scale)",
            "float32 lost": "new = np.zeros(weight.shape)\n"
            "new[:, scale > 0] = (weight / scale)[:, scale > 0]\n"
            "return new, bias - new @ mean",
            "an argument changed in place": "new = weight\n"
            "new /= scale\n"
            "new[:, scale == 0] = 0\n"
            "return new, bias - new @ mean",
        },
    ),
    wrong(
        "fold_scaling",
        "only the weight",
        "return np.where(scale > 0, weight / scale, 0)",
        "0 of 4 points",
    ),
    *known(
        "network_through",
        {
            "points taken in the order in which they come": through("np.arange(len(x))"),
            "a last piece that runs on": through(
                bends="np.append(np.diff(slopes, prepend=zero), zero)[: len(x)]"
            ),
            "slopes in place of changes of slope": through(bends="np.append(slopes, zero)"),
            "slopes upside down": through(slopes="np.diff(x) / np.diff(y)"),
            "bends on the wrong side of 0": through(b1="x"),
            "no output bias": through(b2="zero"),
            "float32 lost": through(bends="np.diff(slopes, prepend=[0.0], append=[0.0])"),
            "an argument changed in place": through(before="y[:] = y[np.argsort(x)]\nx.sort()"),
        },
    ),
    wrong(
        "fold_scaling",
        "the bias alone, charged without the weight",
        folded(bias="bias + new @ mean"),
        "1 of 1  the weight",
    ),
    wrong(
        "fold_scaling",
        "lists",
        folded(bias="(bias - new @ mean).tolist()"),
        "3 of 4 points",
    ),
    wrong(
        "network_through",
        "lists",
        through(b1="list(-x)", b2="list(y[:1])"),
        "3 of 4 points",
    ),
    wrong(
        "network_through",
        "a unit for each piece",
        through(bends="np.diff(slopes, prepend=zero)", b1="-x[:-1]").replace(
            "np.ones_like(x)", "np.ones_like(x[1:])"
        ),
        "0 of 4 points",
    ),
    wrong(
        "network_through",
        "a unit too many",
        through(bends="np.append(np.diff(slopes, prepend=zero, append=zero), zero)")
        .replace("np.ones_like(x)", "np.ones_like(np.append(x, 0))")
        .replace("-x,", "-np.append(x, 0),"),
        "four arrays: it returned arrays of shapes (5, 1)",
    ),
    *lines(
        "clipped_step",
        {
            "no limit": "theta - learning_rate * gradient",
            "every entry clipped by itself": "theta"
            " - learning_rate * np.maximum(np.minimum(gradient, limit), -limit)",
            "short gradients made longer": "theta"
            " - learning_rate * limit * gradient / np.sqrt((gradient**2).sum())",
        },
    ),
    *known(
        "clipped_step",
        {
            "a square that overflows": clipped(),
            "the limit on the step in place of the gradient": clipped(
                "np.linalg.norm(learning_rate * gradient)"
            ),
            "the square of the length": clipped("(gradient**2).sum()"),
            "a length for each row": clipped("np.linalg.norm(gradient, axis=-1, keepdims=True)"),
            "a step uphill": clipped(step="-learning_rate * factor * gradient"),
            "float32 lost": clipped(SCALED, "np.float64(learning_rate) * factor * gradient"),
            "an argument changed in place": clipped(SCALED).replace("return theta -", "theta -=")
            + "return theta",
        },
    ),
    *[
        Mistake(f"{item}, by heart", BY_HEART.replace("ITEM", item), {item: f"{item}: 0 of "})
        for item in FUNCTIONS.arguments
    ],
    Mistake(
        "three mistakes, each charged once",
        "\n\n\n".join(
            [
                FUNCTIONS.write("squareplus", "return x + np.hypot(x, 2)"),
                FUNCTIONS.write("squareplus_slope", "return squareplus(x) / np.hypot(x, 2)"),
                FUNCTIONS.write("skip_forward", skip(z="a @ weight.T")),
            ]
        ),
        {"squareplus": "0 of 6", "squareplus_slope": "3 of 4", "skip_forward": "0 of 5"},
    ),
    Mistake("an item deleted", "del clipped_step", {"clipped_step": "name 'clipped_step' is not"}),
]
