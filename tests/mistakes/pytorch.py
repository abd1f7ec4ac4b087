"""Known-wrong submissions to the assignment on PyTorch."""

from . import Mistake


def changed(code, *changes):
    for old, new in changes:
        assert old in code, old
        code = code.replace(old, new)
    return code


# Each function as it is right, and what is changed in it to make a mistake.
RIGHT = {
    "gradient_lengths": """
import copy

def gradient_lengths(net, x, labels):
    twin = copy.deepcopy(net)
    twin.zero_grad()
    cross_entropy(twin(x), labels).backward()
    lengths = []
    for parameter in twin.parameters():
        length = 0.0 if parameter.grad is None else parameter.grad.norm().item()
        lengths.append(length)
    return lengths
""",
    "ResidualNet": """
class ResidualNet(nn.Module):
    def __init__(self, input_size, width, blocks, output_size):
        super().__init__()
        self.first = nn.Linear(input_size, width)
        self.blocks = nn.ModuleList([nn.Linear(width, width) for _ in range(blocks)])
        self.last = nn.Linear(width, output_size)

    def forward(self, x):
        a = start = self.first(x)
        for layer in self.blocks:
            a = a + torch.relu(layer(a))
        return self.last(a)
""",
    "confusion": """
def confusion(net, batches, classes):
    mode = net.training
    net.eval()
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for x, labels in batches:
        with torch.no_grad():
            predicted = net(x).argmax(dim=1)
        for i, j in zip(labels, predicted):
            counts[i, j] += 1
    net.train(mode)
    return counts
""",
    "accumulated_step": """
def accumulated_step(net, optimizer, x, labels, size):
    optimizer.zero_grad()
    losses = []
    for start in range(0, len(x), size):
        piece, truths = x[start : start + size], labels[start : start + size]
        loss = cross_entropy(net(piece), truths) * len(piece) / len(x)
        loss.backward()
        losses.append(loss.item())
    optimizer.step()
    return sum(losses)
""",
    "train_with_patience": """
import copy

def train_with_patience(
    net, data, held_out, epochs, patience, batch_size, learning_rate, seed
):
    x, labels = data
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    losses, lowest, waited = [], float("inf"), 0
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            loss = cross_entropy(net(x[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(cross_entropy(net(held_out[0]), held_out[1]).item())
        waited += 1
        if losses[-1] < lowest:
            lowest, waited = losses[-1], 0
            best = copy.deepcopy(net.state_dict())
        if waited >= patience:
            break
    net.load_state_dict(best)
    return losses
""",
}
KNOWN = {
    "gradient_lengths": {
        "the network's own gradients touched": [("copy.deepcopy(net)", "net")],
        "gradients left from before": [
            ("copy.deepcopy(net)", "net"),
            ("    twin.zero_grad()\n", ""),
        ],
        "the sum over the batch in place of its mean": [
            (", labels)", ', labels, reduction="sum")')
        ],
        "the square of the length": [("grad.norm()", "grad.square().sum()")],
        "a softmax before the loss": [("twin(x)", "twin(x).softmax(dim=1)")],
        "parameters without a gradient left out": [
            ("lengths.append(length)", "if length:\n            lengths.append(length)")
        ],
        "tensors in place of numbers": [
            ("0.0 if", "torch.tensor(0.0) if"),
            (".item()", ""),
        ],
    },
    "ResidualNet": {
        "blocks in a list": [("nn.ModuleList", "list")],
        "one layer for all blocks": [
            (
                "[nn.Linear(width, width) for _ in range(blocks)]",
                "[nn.Linear(width, width)] * blocks",
            )
        ],
        "nothing added back": [("a + torch", "torch")],
        "the first input added in every block": [("a + torch", "start + torch")],
        "the sum cut by the ReLU": [("a + torch.relu(layer(a))", "torch.relu(a + layer(a))")],
        "no activation in the blocks": [("torch.relu(layer(a))", "layer(a)")],
        "an activation before the first block": [("self.first(x)", "self.first(x).relu()")],
        "a softmax at the end": [("self.last(a)", "self.last(a).softmax(dim=1)")],
        "an activation after the last layer": [("self.last(a)", "self.last(a).relu()")],
        "the way around the layer cut off": [("a + torch", "a.detach() + torch")],
        "the graph cut off": [("self.last(a)", "self.last(a).detach()")],
    },
    "confusion": {
        "each place counted once": [
            (
                "for i, j in zip(labels, predicted):\n            counts[i, j]",
                "counts[labels, predicted]",
            )
        ],
        "rows and columns swapped": [("counts[i, j]", "counts[j, i]")],
        "the last batch alone": [
            (
                "        with torch.no_grad():\n",
                "        counts = torch.zeros(classes, classes, dtype=torch.int64)\n"
                "        with torch.no_grad():\n",
            )
        ],
        "a graph recorded": [("torch.no_grad()", "torch.enable_grad()")],
        "dropout still on": [("    net.eval()\n", "")],
        "left in evaluation mode": [("    net.train(mode)\n", "")],
        "left in training mode": [("net.train(mode)", "net.train()")],
        "counts that are no integers": [(", dtype=torch.int64", "")],
    },
    "accumulated_step": {
        "every piece counts the same": [("len(piece) / len(x)", "1 / -(-len(x) // size)")],
        "the means of all pieces added": [(" * len(piece) / len(x)", "")],
        "the sum of the batch in place of its mean": [(" / len(x)", "")],
        "the last piece alone": [
            ("        loss.backward()", "        optimizer.zero_grad()\n        loss.backward()")
        ],
        "a step for each piece": [
            ("    optimizer.step()\n", ""),
            ("loss.backward()", "loss.backward()\n        optimizer.step()"),
        ],
        "gradients left from before": [("    optimizer.zero_grad()\n", "")],
        "a softmax before the loss": [("net(piece)", "net(piece).softmax(dim=1)")],
        "all graphs held at once": [
            ("        loss.backward()\n", ""),
            ("loss.item()", "loss"),
            ("    optimizer.step()", "    sum(losses).backward()\n    optimizer.step()"),
        ],
        "the loss of the last piece": [("sum(losses)", "losses[-1]")],
        "a tensor in place of a number": [("loss.item()", "loss")],
    },
    "train_with_patience": {
        "the best parameters not kept": [("copy.deepcopy(net.state_dict())", "net.state_dict()")],
        "the worst parameters kept": [
            ("copy.deepcopy(net.state_dict())", "None"),
            (
                "waited += 1",
                "if losses[-1] == max(losses):\n"
                "            worst = copy.deepcopy(net.state_dict())\n        waited += 1",
            ),
            ("load_state_dict(best)", "load_state_dict(worst)"),
        ],
        "the loss of the training data watched": [
            ("net(held_out[0]), held_out[1]", "net(x), labels")
        ],
        "one epoch too many": [(">= patience", "> patience")],
        "compared with the epoch before": [
            (
                "if losses[-1] < lowest",
                "if losses[-1] < (losses[-2:-1] or [lowest])[0]:\n"
                "            waited = 0\n        if losses[-1] < lowest",
            ),
            ("lowest, waited = losses[-1], 0", "lowest = losses[-1]"),
        ],
        "patience that is never renewed": [
            ("waited += 1", "waited += losses[-1] > lowest"),
            ("lowest, waited = losses[-1], 0", "lowest = losses[-1]"),
        ],
        "a copy trained in place of the network": [
            ("    x, labels = data", "    net = copy.deepcopy(net)\n    x, labels = data")
        ],
        "patience renewed by a loss that is no lower": [
            ("losses[-1] < lowest", "losses[-1] <= lowest")
        ],
        "measured with a graph": [("torch.no_grad()", "torch.enable_grad()")],
        "gradients never cleared": [("            optimizer.zero_grad()\n", "")],
        "the same order in every epoch": [
            ("generator=generator", "generator=generator.manual_seed(seed)")
        ],
        "the last batch dropped": [("len(x), batch_size", "len(x) - batch_size + 1, batch_size")],
        "a softmax before the loss": [("net(x[batch])", "net(x[batch]).softmax(dim=1)")],
        "losses that hold on to their graphs": [
            (".item())", ")"),
            ("torch.no_grad()", "torch.enable_grad()"),
        ],
    },
}


def wrong(name, item, words, *changes):
    return Mistake(f"{item}: {name}", changed(RIGHT[item], *changes), {item: words})


MISTAKES = [
    wrong(known, item, f"This looks like: {known}. ", *changes)
    for item, mistakes in KNOWN.items()
    for known, changes in mistakes.items()
] + [
    wrong(
        "measured by a step that moves the network",
        "gradient_lengths",
        "moved the parameters",
        ("copy.deepcopy(net)", "net"),
        (
            "    lengths = []\n",
            "    torch.optim.SGD(net.parameters(), lr=0.1).step()\n    lengths = []\n",
        ),
    ),
    wrong(
        "no number for what has no gradient",
        "gradient_lengths",
        "'NoneType' object has no attribute 'norm'",
        ("0.0 if parameter.grad is None else ", ""),
    ),
    wrong(
        "added in place",
        "ResidualNet",
        "modified by an inplace operation",
        ("a = a + torch", "a += torch"),
    ),
    wrong(
        "always two blocks",
        "ResidualNet",
        "it gave",
        ("range(blocks)", "range(2)"),
    ),
    wrong(
        "the base class not prepared",
        "ResidualNet",
        "cannot assign module before Module.__init__() call",
        ("super().__init__()", "pass"),
    ),
    wrong(
        "NumPy's argmax",
        "confusion",
        "it raised",
        ("net(x).argmax(dim=1)", "net(x).numpy().argmax(1)"),
        ("no_grad", "enable_grad"),
    ),
    *(
        wrong(f"{name} in place of a tensor", "confusion", "4 of 5 points", ("return counts", end))
        for name, end in {
            "a list": "return counts.tolist()",
            "an array": "return counts.numpy()",
        }.items()
    ),
    wrong(
        "a tensor in place of a list",
        "gradient_lengths",
        "4 of 5 points",
        ("return lengths", "return torch.tensor(lengths)"),
    ),
    wrong(
        "the best of every column",
        "confusion",
        "it gave",
        ("argmax(dim=1)", "argmin(dim=1)"),
    ),
    wrong(
        "the whole batch at once",
        "accumulated_step",
        "held the graphs of 6 examples at once",
        ("range(0, len(x), size)", "[0]"),
        ("start + size", "start + len(x)"),
    ),
    wrong(
        "nothing returned",
        "accumulated_step",
        "it returned None",
        ("    return sum(losses)\n", ""),
    ),
    wrong(
        "no step",
        "accumulated_step",
        "it gave",
        ("    optimizer.step()\n", ""),
    ),
    wrong(
        "a copy in the wrong place",
        "train_with_patience",
        "left the parameters of epoch 6, but should have left the parameters of epoch 4",
        ("copy.deepcopy(net.state_dict())", "net.state_dict()"),
        ("load_state_dict(best)", "load_state_dict(copy.deepcopy(best))"),
    ),
    wrong(
        "a shallow copy",
        "train_with_patience",
        "the best parameters not kept",
        ("copy.deepcopy(net.state_dict())", "dict(net.state_dict())"),
    ),
    wrong(
        "another network made the best one",
        "train_with_patience",
        "the best parameters not kept",
        ("copy.deepcopy(net.state_dict())", "copy.deepcopy(net)"),
        ("net.load_state_dict(best)", "net = best"),
    ),
    wrong(
        "no end before the last epoch",
        "train_with_patience",
        "it returned an array of shape (8,), but should have shape (6,)",
        ("            break\n", "            pass\n"),
    ),
    wrong(
        "nothing returned",
        "train_with_patience",
        "it returned None",
        ("    return losses\n", ""),
    ),
]
