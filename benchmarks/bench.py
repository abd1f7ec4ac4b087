"""Measure nnlib against torch, jax, autograd, scikit-learn and scipy: ``make bench``.

Everything runs in one process on one core and one thread. The contestants of a row take turns, and
what counts is the median of the ratios within a turn, since a shared machine changes its speed from
moment to moment. The result is printed and kept in ``last_run.json``, which the book shows.
"""

from __future__ import annotations

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import json
import platform
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import autograd.numpy as anp
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import torch
from autograd import value_and_grad
from autograd.scipy.special import logsumexp
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info

from nnlib import MLP, autograd, log_softmax, softmax, softmax_cross_entropy
from nnlib.pytorch import from_mlp
from nnlib.training import make_step

LAST_RUN = Path(__file__).with_name("last_run.json")
WIDE_ONLY, WIDE_RUN = "wide", Path(tempfile.gettempdir()) / "nnlib-bench-wide.json"
STEPS = (
    ([2, 10, 3], 4),
    ([2, 64, 64, 3], 64),
    ([64, 128, 10], 64),
    ([784, 256, 128, 10], 128),
    ([784, 1024, 1024, 10], 128),
)
GRADIENTS = STEPS[0], STEPS[2], STEPS[3]
SHAPES = ((4, 3), (128, 10), (10_000, 10), (4096, 1000), (128, 50_257))
LEARNING_RATE, MOMENTUM = 1e-3, 0.9
SECONDS_A_ROW = 4.0

Contestants = dict[str, Callable[[], object]]
Row = dict[str, Any]


def take_turns(contestants: Contestants) -> dict[str, list[float]]:
    """Return seconds per call, a list of turns for each contestant."""
    calls = {}
    for name, run in contestants.items():
        for _ in range(3):
            run()
        start = time.perf_counter()
        run()
        calls[name] = max(1, round(1e-3 / (time.perf_counter() - start)))
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    names, end = list(contestants), time.perf_counter() + SECONDS_A_ROW
    while time.perf_counter() < end or len(seconds[names[0]]) < 7:
        names = names[1:] + names[:1]
        for name in names:
            run = contestants[name]
            start = time.perf_counter()
            for _ in range(calls[name]):
                run()
            seconds[name].append((time.perf_counter() - start) / calls[name])
    return seconds


def compared(what: str, case: str, contestants: Contestants) -> Row:
    """Return a row: median microseconds of each, and median paired ratio of nnlib to the others."""
    seconds = take_turns(contestants)
    ours = np.array(seconds["nnlib"])
    row: Row = {
        "what": what,
        "case": case,
        "microseconds": {n: round(1e6 * float(np.median(s)), 1) for n, s in seconds.items()},
        "ratio": {
            n: round(float(np.median(ours / np.array(s))), 3)
            for n, s in seconds.items()
            if n != "nnlib"
        },
    }
    print(f"{what:<24}{case:<28}", end="")
    print("  ".join(f"{n} {t:,.1f}" for n, t in row["microseconds"].items()), end="   ")
    print("  ".join(f"/{n} {r:.2f}" for n, r in row["ratio"].items()), flush=True)
    return row


class Batches:
    """Random data, and the indices of one batch after the other."""

    def __init__(self, sizes: list[int], batch: int) -> None:
        rng = np.random.default_rng(0)
        self.batch, n = batch, 8 * batch
        self.x = rng.normal(size=(n, sizes[0])).astype(np.float32)
        self.labels = rng.integers(0, sizes[-1], n)
        self.order, self.start = rng.permutation(n), 0

    def indices(self) -> np.ndarray:
        self.start = (self.start + self.batch) % len(self.order)
        return self.order[self.start : self.start + self.batch]


def step_nnlib(sizes: list[int], batch: int) -> Callable[[], object]:
    data = Batches(sizes, batch)
    net = MLP(sizes, rng=0, dtype=np.float32)
    step = make_step(net, data.x, data.labels, softmax_cross_entropy, LEARNING_RATE, MOMENTUM)
    return lambda: step(data.indices())


def step_torch(sizes: list[int], batch: int) -> Callable[[], object]:
    data = Batches(sizes, batch)
    net = from_mlp(MLP(sizes, rng=0, dtype=np.float32))
    x, labels = torch.from_numpy(data.x), torch.from_numpy(data.labels)
    optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def step() -> float:
        i = torch.from_numpy(data.indices())
        loss = torch.nn.functional.cross_entropy(net(x[i]), labels[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def step_jax(sizes: list[int], batch: int) -> Callable[[], object]:
    data = Batches(sizes, batch)
    net = MLP(sizes, rng=0, dtype=np.float32)
    pairs = zip(net.weights, net.biases, strict=True)
    theta = [(jnp.asarray(w.copy()), jnp.asarray(b.copy())) for w, b in pairs]
    velocity = jax.tree.map(jnp.zeros_like, theta)

    def mean_loss(theta, x, labels):
        for w, b in theta[:-1]:
            x = jax.nn.relu(x @ w.T + b)
        w, b = theta[-1]
        log_p = jax.nn.log_softmax(x @ w.T + b)
        return -jnp.take_along_axis(log_p, labels[:, None], axis=1).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(theta, velocity, x, labels):
        loss, gradient = jax.value_and_grad(mean_loss)(theta, x, labels)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, gradient)
        theta = jax.tree.map(lambda t, v: t - LEARNING_RATE * v, theta, velocity)
        return theta, velocity, loss

    def step() -> float:
        nonlocal theta, velocity
        i = data.indices()
        theta, velocity, loss = update(theta, velocity, data.x[i], data.labels[i])
        return float(loss)

    return step


def step_sklearn(sizes: list[int], batch: int) -> Callable[[], object]:
    data = Batches(sizes, batch)
    model = MLPClassifier(
        sizes[1:-1],
        solver="sgd",
        batch_size=batch,
        learning_rate_init=LEARNING_RATE,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        alpha=0.0,
        shuffle=False,
        random_state=0,
    )
    classes = np.arange(sizes[-1])

    def step() -> object:
        i = data.indices()
        return model.partial_fit(data.x[i], data.labels[i], classes=classes)

    return step


def training_steps(what: str = "training step") -> list[Row]:
    rows = []
    for sizes, batch in STEPS:
        makers = {
            "nnlib": step_nnlib,
            "jax.jit": step_jax,
            "torch": step_torch,
            "scikit-learn": step_sklearn,
        }
        case = "-".join(map(str, sizes)) + f", batch {batch}"
        contestants = {name: make(sizes, batch) for name, make in makers.items()}
        rows.append(compared(what, case, contestants))
    return rows


def gradients(what: str = "gradient by an engine") -> list[Row]:
    """Return rows of value and gradient of a network with cross-entropy, in float64."""
    rows = []
    for sizes, batch in GRADIENTS:
        data, net = Batches(sizes, batch), MLP(sizes, rng=0)
        x, labels = data.x[:batch].astype(np.float64), data.labels[:batch]
        contestants = {
            "nnlib": gradient_nnlib(net, x, labels),
            "HIPS autograd": gradient_hips(net, x, labels),
            "torch": gradient_torch(net, x, labels),
            "MLP.backward": gradient_by_hand(net, x, labels),
        }
        case = "-".join(map(str, sizes)) + f", batch {batch}"
        rows.append(compared(what, case, contestants))
    return rows


def gradient_nnlib(net: MLP, x: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
    weights = [autograd.Tensor(w, requires_grad=True) for w in net.weights]
    biases = [autograd.Tensor(b, requires_grad=True) for b in net.biases]
    inputs, examples = autograd.Tensor(x), np.arange(len(x))

    def run() -> object:
        a = inputs
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            a = autograd.relu(a @ w.T + b)
        log_p = autograd.log_softmax(a @ weights[-1].T + biases[-1])
        loss = -log_p[examples, labels].mean()
        for leaf in (*weights, *biases):
            leaf.zero_grad()
        loss.backward()
        return loss

    return run


def gradient_hips(net: MLP, x: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
    examples = np.arange(len(x))

    def mean_loss(theta):
        a = x
        for w, b in theta[:-1]:
            a = anp.maximum(0, anp.dot(a, w.T) + b)
        w, b = theta[-1]
        scores = anp.dot(a, w.T) + b
        log_p = scores - logsumexp(scores, axis=1, keepdims=True)
        return -anp.mean(log_p[examples, labels])

    run, theta = value_and_grad(mean_loss), list(zip(net.weights, net.biases, strict=True))
    return lambda: run(theta)


def gradient_torch(net: MLP, x: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
    model, inputs, targets = from_mlp(net), torch.from_numpy(x), torch.from_numpy(labels)

    def run() -> object:
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        model.zero_grad()
        loss.backward()
        return loss

    return run


def gradient_by_hand(net: MLP, x: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
    def run() -> object:
        value, delta = softmax_cross_entropy.value_and_gradient(net.forward(x), labels, "mean")
        return value, net.backward(delta)

    return run


def with_wide_kernels() -> list[Row]:
    """Return the rows of a new process in which OpenBLAS uses the processor's AVX-512.

    OpenBLAS takes a processor that is newer than itself for an old one, and then multiplies at
    half the speed; which kernels it uses can only be said before NumPy is loaded.
    """
    if blas_kernels() != "Haswell" or "avx512f" not in cpuinfo("flags"):
        return []
    command = [sys.executable, __file__, WIDE_ONLY]
    subprocess.run(command, env={**os.environ, "OPENBLAS_CORETYPE": "SkylakeX"}, check=True)
    return json.loads(WIDE_RUN.read_text())


def blas_kernels() -> str:
    return next(
        (i["architecture"] for i in threadpool_info() if i["internal_api"] == "openblas"), "unknown"
    )


def softmaxes() -> list[Row]:
    rows = []
    for dtype in (np.float32, np.float64):
        for shape in SHAPES:
            a = np.random.default_rng(0).normal(scale=3, size=shape).astype(dtype)
            case, tensor = f"{shape} {dtype.__name__}", torch.from_numpy(a)
            for what, ours, theirs, torchs in (
                ("softmax", softmax, scipy.special.softmax, torch.softmax),
                ("log_softmax", log_softmax, scipy.special.log_softmax, torch.log_softmax),
            ):
                contestants: Contestants = {
                    "nnlib": partial(ours, a),
                    "scipy": partial(theirs, a, axis=-1),
                    "torch": partial(torchs, tensor, -1),
                }
                row = compared(what, case, contestants)
                row["extra_memory"] = extra_memory(partial(ours, a), a.nbytes)
                rows.append(row)
            rows.append(compared("cross-entropy, gradient", case, loss_and_gradient(a)))
    return rows


def loss_and_gradient(a: np.ndarray) -> Contestants:
    labels = np.random.default_rng(1).integers(0, a.shape[1], len(a))
    scores, targets = torch.from_numpy(a.copy()).requires_grad_(), torch.from_numpy(labels)

    def with_torch() -> object:
        scores.grad = None
        loss = torch.nn.functional.cross_entropy(scores, targets)
        loss.backward()
        return loss

    return {
        "nnlib": lambda: softmax_cross_entropy.value_and_gradient(a, labels, "mean"),
        "torch": with_torch,
    }


def extra_memory(run: Callable[[], object], result: int) -> float:
    """Return the peak of allocated memory beyond the result, in sizes of the input."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(peak / result - 1, 2)


def imports() -> list[Row]:
    def importing(modules: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)

    base = "numpy, scipy.special"
    contestants = {"nnlib": importing("nnlib"), base: importing(base)}
    return [compared("import", "a fresh process", contestants)]


def cpuinfo(field: str) -> str:
    """Return a field of /proc/cpuinfo, empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":")[1].strip() for line in lines if line.startswith(field)), "")


def main() -> None:
    torch.set_num_threads(1)
    if sys.argv[1:] == [WIDE_ONLY]:
        rows = training_steps("training step, wide") + gradients("gradient by an engine, wide")
        WIDE_RUN.write_text(json.dumps(rows))
        return
    rows = training_steps() + gradients() + with_wide_kernels() + softmaxes() + imports()
    packages = ("numpy", "scipy", "torch", "jax", "autograd", "scikit-learn")
    result = {
        "machine": f"{cpuinfo('model name') or platform.machine()}, one core, {platform.system()}",
        "kernels": blas_kernels(),
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
        "rows": rows,
    }
    LAST_RUN.write_text(json.dumps(result, indent=1) + "\n")
    print(f"kept in {LAST_RUN}")


if __name__ == "__main__":
    main()
