"""Known-wrong submissions to the assignment on PyTorch."""

from textwrap import dedent, indent

from . import Mistake

# --- networks -------------------------------------------------------------------------------------

NET = """
class {name}(nn.Module):
    def __init__(self, input_size, {hidden}, output_size):
        {begin}
        layers = []
        for size in {sizes}:
            layers.append(nn.Linear(input_size, size{bias}))
            input_size = size
        {keep}
        self.last = {last}

    def forward(self, x):
        for layer in self.layers:
            x = {between}
        {end}
"""
RIGHT = {
    "begin": "super().__init__()",
    "bias": "",
    "keep": "self.layers = nn.ModuleList(layers)",
    "last": "nn.Linear(input_size, output_size)",
    "between": "torch.relu(layer(x))",
    "end": "return self.last(x)",
}
KINDS = {
    "TwoLayerNet": {"hidden": "hidden_size", "sizes": "[hidden_size]"},
    "MultiLayerNet": {"hidden": "layer_sizes", "sizes": "layer_sizes"},
}
NETS = {
    "no layer registered": {
        "keep": "self.layers = layers",
        "last": "[nn.Linear(input_size, output_size)]",
        "end": "return self.last[0](x)",
    },
    "super().__init__() not called": {"begin": "# the layers come first"},
    "missing bias": {"bias": ", bias=False"},
    "a softmax at the end": {"end": "return self.last(x).softmax(dim=1)"},
    "a log-softmax at the end": {"end": "return torch.log_softmax(self.last(x), dim=1)"},
    "an activation after the last layer": {"end": "return torch.relu(self.last(x))"},
    "no activation between the layers": {"between": "layer(x)"},
    "a sigmoid between the layers": {"between": "torch.sigmoid(layer(x))"},
    "the graph cut off": {"end": "return self.last(x).detach()"},
}
NETS["missing bias"]["last"] = "nn.Linear(input_size, output_size, bias=False)"


def net(name, **changes):
    return NET.format(name=name, **RIGHT | KINDS[name] | changes)


IN_A_LIST = net("MultiLayerNet", keep="self.layers = layers")
OF_NETS = [
    Mistake(f"{name}: {known}", net(name, **changes), {name: known})
    for name in KINDS
    for known, changes in NETS.items()
] + [
    Mistake(
        "MultiLayerNet: layers in a list",
        IN_A_LIST,
        {"MultiLayerNet": "a list in place of nn.ModuleList"},
    ),
    Mistake(
        "MultiLayerNet: layers in a dict",
        net(
            "MultiLayerNet",
            keep="self.named = dict(enumerate(layers))",
            between="torch.relu(layer(x))",
        ).replace("in self.layers:", "in self.named.values():"),
        {"MultiLayerNet": "a list in place of nn.ModuleList"},
    ),
    Mistake(
        "MultiLayerNet: always two hidden layers",
        """
class MultiLayerNet(nn.Module):
    def __init__(self, input_size, layer_sizes, output_size):
        super().__init__()
        self.linear1 = nn.Linear(input_size, layer_sizes[0])
        self.linear2 = nn.Linear(layer_sizes[0], layer_sizes[1])
        self.linear3 = nn.Linear(layer_sizes[1], output_size)

    def forward(self, x):
        return self.linear3(torch.relu(self.linear2(torch.relu(self.linear1(x)))))
""",
        {"MultiLayerNet": "it raised IndexError"},
    ),
    Mistake(
        "TwoLayerNet: a name misspelled, and a list in the network that comes later",
        net("TwoLayerNet", end="return self.lost(x)") + IN_A_LIST,
        {"TwoLayerNet": "no attribute 'lost'", "MultiLayerNet": "registered 15 parameters"},
    ),
]

# --- functions ------------------------------------------------------------------------------------

ARGUMENTS = {
    "predict": "net, x",
    "accuracy": "net, x, labels",
    "movement": "net, layers, x, labels, learning_rate",
    "train": "net, x, labels, epochs, batch_size, learning_rate, seed",
}


def function(name, body):
    return f"def {name}({ARGUMENTS[name]}):\n" + indent(dedent(body).strip("\n"), "    ")


PREDICT = {
    "a graph recorded": "return net(x).argmax(dim=1)",
    "the wrong axis": """
        with torch.no_grad():
            return net(x).argmax(dim=0)
    """,
    "one class for the whole batch": """
        with torch.no_grad():
            return net(x).argmax()
    """,
    "the largest score in place of its class": """
        with torch.no_grad():
            return net(x).max(dim=1).values
    """,
}
ACCURACY = {
    "a count in place of a share": "return (predict(net, x) == labels).sum().item()",
    "a percentage": "return 100 * (predict(net, x) == labels).double().mean().item()",
    "the share of mistakes": "return (predict(net, x) != labels).double().mean().item()",
}
MOVEMENT = """
    before = [layer.weight.detach().clone() for layer in layers]
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
    optimizer.zero_grad()
    cross_entropy(net(x), labels).backward()
    optimizer.step()
    return [(layer.weight - old).norm().item() for layer, old in zip(layers, before)]
"""
MOVEMENTS = {
    "nothing moved": (".detach().clone()", ".detach()"),
    "an optimizer of the layers": (
        "net.parameters()",
        "[p for layer in layers for p in layer.parameters()]",
    ),
    "the change of a length": (
        "(layer.weight - old).norm().item()",
        "layer.weight.norm().item() - old.norm().item()",
    ),
    "gradients left from before": ("optimizer.zero_grad()\n", "\n"),
    "a softmax before the loss": ("net(x)", "net(x).softmax(dim=1)"),
}
TRAIN = """
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
    loss_function = nn.CrossEntropyLoss()
    generator = torch.Generator().manual_seed(seed)
    means = []
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        losses = []
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            loss = loss_function(net(x[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        means.append(sum(losses) / len(losses))
    return means
"""
TRAININGS = {
    "no parameter moves": ("loss.backward()\n", "pass\n"),
    "gradients never cleared": ("optimizer.zero_grad()\n", "\n"),
    "a softmax before the loss": ("net(x[batch])", "net(x[batch]).softmax(dim=1)"),
    "an optimizer of the last layer": ("net.parameters()", "list(net.children())[-1].parameters()"),
    "the sum of the batch in place of its mean": ("Loss()", 'Loss(reduction="sum")'),
    "no shuffling": ("torch.randperm(len(x), generator=generator)", "torch.arange(len(x))"),
    "the same order in every epoch": (
        "generator=generator",
        "generator=torch.Generator().manual_seed(seed)",
    ),
    "the last batch dropped": ("len(x), batch_size", "len(x) - batch_size + 1, batch_size"),
    "examples and labels out of step": ("labels[batch]", "labels[start : start + batch_size]"),
    "the loss of the last batch": ("sum(losses) / len(losses)", "losses[-1]"),
    "the sum of the losses": ("sum(losses) / len(losses)", "sum(losses)"),
    "losses that hold on to their graphs": ("loss.item()", "loss"),
}


def changed(code, change):
    assert change[0] in code
    return code.replace(*change)


OF_FUNCTIONS = [
    Mistake(f"{name}: {known}", function(name, body), {name: known})
    for name, bodies in {
        "predict": PREDICT,
        "accuracy": ACCURACY,
        "movement": {known: changed(MOVEMENT, change) for known, change in MOVEMENTS.items()},
        "train": {known: changed(TRAIN, change) for known, change in TRAININGS.items()},
    }.items()
    for known, body in bodies.items()
] + [
    Mistake(
        "predict: hard-coded public answers",
        """
PUBLIC = {
    6: [2, 2, 0, 2, 1, 2],
    4: [2, 2, 3, 1],
}

def predict(net, x):
    return torch.tensor(PUBLIC[len(x)])
""",
        {"predict": "it gave"},
    ),
    Mistake(
        "predict: NumPy's argmax",
        "import numpy as np\n\n" + function("predict", "return np.argmax(net(x), axis=1)"),
        {"predict": "it raised RuntimeError"},
    ),
    Mistake(
        "accuracy: right, above a predict that is wrong",
        function("predict", PREDICT["the wrong axis"])
        + "\n\n"
        + function("accuracy", "return (predict(net, x) == labels).float().mean()"),
        {"predict": "the wrong axis"},
    ),
    Mistake(
        "movement: no step",
        function("movement", changed(MOVEMENT, ("    optimizer.step()\n", ""))),
        {"movement": "nothing moved"},
    ),
    Mistake(
        "train: gradients cleared before the step",
        function(
            "train",
            TRAIN.replace(
                "optimizer.zero_grad()\n            loss.backward()",
                "loss.backward()\n            optimizer.zero_grad()",
            ),
        ),
        {"train": "no parameter moves"},
    ),
    Mistake(
        "train: epochs forgotten",
        function("train", changed(TRAIN, ("range(epochs)", "range(1)"))),
        {"train": "it returned an array of shape (1,)"},
    ),
    Mistake(
        "train: nothing returned",
        function("train", changed(TRAIN, ("    return means\n", ""))),
        {"train": "it returned None"},
    ),
]

MISTAKES = OF_NETS + OF_FUNCTIONS
