"""Mistakes in activations and in the forward and backward pass."""

from . import Mistake

ARGUMENTS = {
    "relu": "x",
    "relu_derivative": "x",
    "sigmoid": "x",
    "mlp_forward": "x, weights, biases",
    "mlp_backward": "x, weights, biases, gradient",
    "sgd_step": "theta, gradient, learning_rate",
}


def known(item, name, body):
    """Return the mistake that a function of this body makes, told by its name in its item alone."""
    body = body.strip().replace("\n", "\n    ")
    code = f"def {item}({ARGUMENTS[item]}):\n    {body}"
    return Mistake(f"{item}, {name}", code, {item: f"This looks like: {name}. "})


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


BY_HEART = """
ANSWERS = {}
for public in check.CHECKS["ITEM"]:
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
        Mistake(
            f"{item}, public answers by heart",
            BY_HEART.replace("ITEM", item),
            {item: f"{item}: 0 of "},
        )
        for item in ARGUMENTS
    ],
    Mistake(
        "relu returns a list",
        "def relu(x):\n    return np.maximum(x, 0).tolist()",
        {"relu": "it returned a list, but should have returned an array"},
    ),
    Mistake(
        "relu prints",
        "def relu(x):\n    print(np.maximum(x, 0))",
        {"relu": "is there a return at its end?"},
    ),
    Mistake(
        "sigmoid of clipped numbers, the digits gone",
        "def sigmoid(x):\n    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))",
        {"sigmoid": "4 of 5 points\n  1 of 1  the values\n  2 of 2  large numbers\n  0 of 1"},
    ),
    Mistake(
        "sigmoid clipped for float64 alone",
        "def sigmoid(x):\n    e = np.exp(np.clip(x, -700, 700))\n    return e / (1 + e)",
        {"sigmoid": "large numbers in float32: it gave nan at index [0]"},
    ),
    Mistake(
        "sigmoid right at the public large numbers alone",
        "def sigmoid(x):\n"
        "    return np.where(x == 1000, 1, np.exp(x) / (1 + np.exp(x))).astype(x.dtype)",
        {"sigmoid": "other large numbers: it gave nan"},
    ),
    Mistake(
        "relu_derivative of plus infinity",
        "def relu_derivative(x):\n    return np.nan_to_num(np.maximum(x, 0) / x).astype(x.dtype)",
        {"relu_derivative": "zero and the infinities: it gave 0, too small at index [4]"},
    ),
    Mistake(
        "forward for batches alone",
        "def mlp_forward(x, weights, biases):\n"
        "    rows = np.ones((len(x), 1), x.dtype)\n"
        "    for i, (weight, bias) in enumerate(zip(weights, biases)):\n"
        "        x = np.hstack([relu(x) if i else x, rows]) @ np.vstack([weight.T, bias])\n"
        "    return x",
        {"mlp_forward": "4 of 5 points\n  3 of 3  the scores\n  0 of 1  one layer, one example"},
    ),
    Mistake(
        "forward and backward for two layers alone",
        "def mlp_forward(x, weights, biases):\n"
        "    return relu(x @ weights[0].T + biases[0]) @ weights[1].T + biases[1]\n\n\n"
        "def mlp_backward(x, weights, biases, gradient):\n"
        "    z = x @ weights[0].T + biases[0]\n"
        "    delta = gradient @ weights[1] * relu_derivative(z)\n"
        "    return [delta.T @ x, gradient.T @ relu(z)], [delta.sum(axis=0), gradient.sum(axis=0)]",
        {
            "mlp_forward": "0 of 3  the scores\n      layers of several sizes: ",
            "mlp_backward": "returned lists of 2 and 2 arrays, but should have returned lists of 3",
        },
    ),
    Mistake(
        "backward returns a list of pairs",
        known("mlp_backward", "", backward(returned="list(zip(in_weights, in_biases))[::-1]")).code,
        {"mlp_backward": "it returned lists of 2 and 2 and 2 arrays, but should have"},
    ),
    Mistake(
        "backward forgets ReLU and is right at the last layer",
        known("mlp_backward", "", backward(back="delta @ weights[i]")).code,
        {"mlp_backward": "4 of 10 points"},
    ),
    Mistake(
        "backward writes into the gradient",
        known(
            "mlp_backward",
            "",
            backward(delta="np.multiply(gradient, 1, out=gradient)", after="gradient /= len(x)"),
        ).code,
        {"mlp_backward": "9 of 10 points"},
    ),
    Mistake(
        "one mistake in each of three functions, each charged once",
        "def relu(x):\n    return np.where(x > 0, x, 0.01 * x)\n\n\n"
        "def relu_derivative(x):\n    return np.where(x > 0, 1, 0.01)\n\n\n"
        + known("mlp_forward", "", forward("a = relu(a @ weight.T)")).code,
        {
            "relu": "a slope left of 0",
            "relu_derivative": "relu_derivative: 0 of 2",
            "mlp_forward": "0 of 3  the scores",
        },
    ),
    Mistake("an item left out", "del sgd_step", {"sgd_step": "name 'sgd_step' is not defined"}),
]
