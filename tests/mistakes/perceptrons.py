"""Mistakes in activations and in the forward and backward pass."""

from textwrap import indent

from . import Mistake

ARGUMENTS = {
    "relu": "x",
    "relu_derivative": "x",
    "sigmoid": "x",
    "mlp_forward": "x, weights, biases",
    "mlp_backward": "x, weights, biases, gradient",
    "sgd_step": "theta, gradient, learning_rate",
}


def function(item, body):
    return f"def {item}({ARGUMENTS[item]}):\n" + indent(body.strip("\n"), "    ")


def wrong(item, name, body, words):
    """Return the mistake that a function of this body makes, told by these words."""
    return Mistake(f"{item}, {name}", function(item, body), {item: words})


def known(item, name, body):
    """Return a mistake that is told by its name."""
    return wrong(item, name, body, f"This looks like: {name}. ")


def lines(item, rows):
    """Return the known mistakes of one line."""
    return [known(item, name, f"return {value}") for name, value in rows.items()]


# --- what students write around one line that is wrong --------------------------------------------


def forward(line="a = relu(a @ weight.T + bias)", last="a @ weights[-1].T + biases[-1]"):
    return f"""
a = x
for weight, bias in zip(weights[:-1], biases[:-1]):
    {line}
return {last}
"""


def backward(
    of_weight="delta.T @ a[i]",
    of_bias="delta.sum(axis=0)",
    back="delta @ weights[i] * relu_derivative(z[i - 1])",
    delta="gradient",
    after="pass",
    outputs="[x] + [relu(each) for each in z[:-1]]",
    returned="in_weights[::-1], in_biases[::-1]",
):
    return f"""
z = preactivations(x, weights, biases)
a = {outputs}
delta = {delta}
in_weights, in_biases = [], []
for i in range(len(weights) - 1, -1, -1):
    in_weights.append({of_weight})
    in_biases.append({of_bias})
    if i:
        delta = {back}
{after}
return {returned}
"""


BIAS_IN_THE_WEIGHT = """
ones = np.ones((len(x), 1), x.dtype)
for i, (weight, bias) in enumerate(zip(weights, biases)):
    x = np.hstack([relu(x) if i else x, ones]) @ np.vstack([weight.T, bias])
return x
"""
TWO_LAYERS = """
z = x @ weights[0].T + biases[0]
delta = gradient @ weights[1] * relu_derivative(z)
return [delta.T @ x, gradient.T @ relu(z)], [delta.sum(axis=0), gradient.sum(axis=0)]
"""
BY_HEART = """
ANSWERS = {}
for public in check.ITEM.checks:
    arguments = list(public.inputs(np.random.default_rng(0)).values())
    ANSWERS[str(arguments)] = public.right(*arguments)


def ITEM(*arguments):
    return ANSWERS.get(str(list(arguments)))
"""

MISTAKES = [
    *lines(
        "relu",
        {
            "the absolute value": "abs(x)",
            "the wrong half kept": "np.where(x < 0, x, 0)",
            "a slope left of 0": "np.where(x > 0, x, 0.01 * x)",
            "the derivative": "np.where(x > 0, 1.0, 0.0)",
            "Python's max of an array": "max(0, x)",
            "one maximum of all numbers": "np.array(max(0, x.max()))",
            "a mask times infinity": "x * (x > 0)",
            "float32 lost": "np.maximum(x, np.zeros(x.shape))",
        },
    ),
    known("relu", "an argument changed in place", "x[x < 0] = 0\nreturn x"),
    *lines(
        "relu_derivative",
        {
            "ReLU itself": "np.maximum(x, 0)",
            "the sign": "np.sign(x)",
            "1 at zero": "(x >= 0).astype(x.dtype)",
            "one half at zero": "(np.sign(x) + 1) / 2",
            "always 1": "np.ones(x.shape, x.dtype)",
            "float32 lost": "np.where(x > 0, 1.0, 0.0)",
        },
    ),
    known(
        "relu_derivative",
        "an argument changed in place",
        "x[x > 0] = 1\nx[x <= 0] = 0\nreturn x",
    ),
    *lines(
        "sigmoid",
        {
            "exp overflows": "np.exp(x) / (1 + np.exp(x))",
            "a function of single numbers": "1 / (1 + __import__('math').exp(-x))",
            "1 minus nearly 1": "1 - 1 / (1 + np.exp(x))",
            "the sign of the exponent": "1 / (1 + np.exp(x))",
            "tanh": "np.tanh(x)",
            "the derivative": "np.exp(-x) / (1 + np.exp(-x)) ** 2",
            "softmax": "np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)",
            "float32 lost": "1 / (1 + np.exp(-x.astype(float)))",
        },
    ),
    known("sigmoid", "an argument changed in place", "x *= -1\nreturn 1 / (1 + np.exp(x))"),
    *[
        known("mlp_forward", name, body)
        for name, body in {
            "missing bias": forward("a = relu(a @ weight.T)", "a @ weights[-1].T"),
            "transposed weight": forward(
                "a = relu(a @ weight + bias)", "a @ weights[-1] + biases[-1]"
            ),
            "an activation after the last layer": forward(
                last="relu(a @ weights[-1].T + biases[-1])"
            ),
            "no activation between the layers": forward("a = a @ weight.T + bias"),
            "a sigmoid between the layers": forward("a = sigmoid(a @ weight.T + bias)"),
            "an activation before the first layer": forward(
                "a = relu(a) @ weight.T + bias", "relu(a) @ weights[-1].T + biases[-1]"
            ),
            "float32 lost": forward(last="a @ weights[-1].T + np.array(biases[-1], dtype=float)"),
            "an argument changed in place": "last = biases.pop()\n"
            "for weight, bias in zip(weights, biases):\n"
            "    x = relu(x @ weight.T + bias)\n"
            "return x @ weights[-1].T + last",
            "a softmax after the last layer": forward(
                last="(lambda e: e / e.sum(axis=-1, keepdims=True))"
                "(np.exp(a @ weights[-1].T + biases[-1]))"
            ),
        }.items()
    ],
    *[
        known("mlp_backward", name, body)
        for name, body in {
            "transposed weight": backward(back="delta @ weights[i].T * relu_derivative(z[i - 1])"),
            "transposed gradient of the weight": backward("a[i].T @ delta"),
            "the gradient through ReLU forgotten": backward(back="delta @ weights[i]"),
            "ReLU in place of its derivative": backward(back="delta @ weights[i] * relu(z[i - 1])"),
            "the derivative of ReLU at the wrong layer": backward(
                back="(delta * relu_derivative(z[i])) @ weights[i]"
            ),
            "a ReLU after the last layer": backward(delta="gradient * relu_derivative(z[-1])"),
            "preactivations in place of outputs": backward(outputs="[x] + z"),
            "the output of a layer in place of its input": backward(
                outputs="[relu(each) for each in z[:-1]] + z[-1:]"
            ),
            "biases not summed over the batch": backward(of_bias="delta"),
            "biases summed over the units": backward(of_bias="delta.sum(axis=1)"),
            "one sum for all biases": backward(of_bias="delta.sum()"),
            "mean for sum over the batch": backward(
                "delta.T @ a[i] / len(x)", "delta.mean(axis=0)"
            ),
            "layers in the other order": backward(returned="in_weights, in_biases"),
            "float32 lost": backward(of_bias="np.zeros(len(biases[i])) + delta.sum(axis=0)"),
            "an argument changed in place": backward(after="weights.reverse()"),
        }.items()
    ],
    *lines(
        "sgd_step",
        {
            "a step uphill": "theta + learning_rate * gradient",
            "no learning rate": "theta - gradient",
            "a division by the learning rate": "theta - gradient / learning_rate",
            "the step in place of the new parameters": "-learning_rate * gradient",
            "the sign of the gradient": "theta - learning_rate * np.sign(gradient)",
            "a gradient of length 1": "theta - learning_rate * gradient / np.linalg.norm(gradient)",
            "a mean taken twice": "theta - learning_rate * gradient / len(theta)",
            "float32 lost": "theta - np.array(learning_rate) * gradient.astype(float)",
        },
    ),
    known(
        "sgd_step",
        "an argument changed in place",
        "theta -= learning_rate * gradient\nreturn theta",
    ),
    *[
        Mistake(f"{item}, by heart", BY_HEART.replace("ITEM", item), {item: f"{item}: 0 of "})
        for item in ARGUMENTS
    ],
    wrong("relu", "a list", "return np.maximum(x, 0).tolist()", "it returned a list, but should"),
    wrong("relu", "printed", "print(np.maximum(x, 0))", "is there a return at its end?"),
    wrong(
        "relu_derivative",
        "a quotient",
        "return np.nan_to_num(np.maximum(x, 0) / x).astype(x.dtype)",
        "zero and the infinities: it gave 0, too small at index [4]",
    ),
    wrong(
        "sigmoid",
        "clipped, so that digits are lost",
        "return 1 / (1 + np.exp(-np.clip(x, -30, 30)))",
        "4 of 5 points\n  1 of 1  the values\n  2 of 2  large numbers\n  0 of 1  digits far left",
    ),
    wrong(
        "sigmoid",
        "clipped for float64 alone",
        "e = np.exp(np.clip(x, -700, 700))\nreturn e / (1 + e)",
        "large numbers in float32: it gave nan at index [0]",
    ),
    wrong(
        "sigmoid",
        "mended for the public number alone",
        "return np.where(x == 1000, 1, np.exp(x) / (1 + np.exp(x))).astype(x.dtype)",
        "other large numbers: it gave nan",
    ),
    wrong("mlp_forward", "for batches alone", BIAS_IN_THE_WEIGHT, "0 of 1  one layer, one example"),
    wrong(
        "mlp_forward",
        "for two layers alone",
        "return relu(x @ weights[0].T + biases[0]) @ weights[1].T + biases[1]",
        "0 of 3  the scores\n      layers of several sizes: ",
    ),
    wrong(
        "mlp_backward",
        "for two layers alone",
        TWO_LAYERS,
        "it returned lists of 2 and 2 arrays, but should have returned lists of 3 and 3",
    ),
    wrong(
        "mlp_backward",
        "pairs, layer by layer",
        backward(returned="list(zip(in_weights, in_biases))[::-1]"),
        "it returned lists of 2 and 2 and 2 arrays, but should have",
    ),
    wrong(
        "mlp_backward",
        "right at the last layer alone",
        backward(back="delta @ weights[i]"),
        "4 of 10 points",
    ),
    Mistake(
        "three mistakes, each charged once",
        "\n\n\n".join(
            [
                function("relu", "return np.where(x > 0, x, 0.01 * x)"),
                function("relu_derivative", "return np.ones_like(x)"),
                function("mlp_forward", forward("a = relu(a @ weight.T)")),
            ]
        ),
        {"relu": "relu: 0 of 2", "relu_derivative": "always 1", "mlp_forward": "0 of 3"},
    ),
    Mistake("an item deleted", "del sgd_step", {"sgd_step": "name 'sgd_step' is not defined"}),
]
