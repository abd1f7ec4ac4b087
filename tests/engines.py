"""Engines as students write them: right ones of several shapes, and one for each known mistake."""

from collections import deque
from typing import ClassVar

import numpy as np
import torch

from nnlib.autograd import Tensor


class Micro:
    """The usual shape: each result holds a closure, and a recursion finds the order."""

    def __init__(self, data, children=()):
        self.data, self.grad = data, 0.0
        self.children = list(children)
        self.step = lambda: None

    def make(self, value, other, to_self, to_other):
        out = type(self)(value, (self, other))

        def step():
            self.give(to_self(out.grad))
            other.give(to_other(out.grad))

        out.step = step
        return out

    def give(self, g):
        self.grad = self.grad + g

    def __add__(self, other):
        return self.make(self.data + other.data, other, lambda g: g, lambda g: g)

    def __sub__(self, other):
        return self.make(self.data - other.data, other, lambda g: g, lambda g: -g)

    def __mul__(self, other):
        a, b = self.data, other.data
        return self.make(a * b, other, lambda g: g * b, lambda g: g * a)

    def order(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for child in node.children:
                    visit(child)
                order.append(node)

        visit(self)
        return order[::-1]

    def backward(self):
        order = self.order()
        for node in order:
            if node.children:
                node.grad = 0.0
        self.grad = 1.0
        for node in order:
            node.step()


class Kahn(Micro):
    """A value comes when all that use it have been."""

    def order(self):
        uses, stack, seen = {}, [self], {self}
        while stack:
            for child in stack.pop().children:
                uses[child] = uses.get(child, 0) + 1
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
        order, ready = [], deque([self])
        while ready:
            node = ready.popleft()
            order.append(node)
            for child in node.children:
                uses[child] -= 1
                if not uses[child]:
                    ready.append(child)
        return order


class Tape(Micro):
    """Everything ever made, backwards; what is not of this result has the gradient 0."""

    tape: ClassVar[list] = []

    def __init__(self, data, children=()):
        super().__init__(data, children)
        self.tape.append(self)

    def order(self):
        return self.tape[::-1]

    def backward(self):
        for node in self.tape:
            if node.children:
                node.grad = 0.0
        self.grad = 1.0
        for node in self.order():
            node.step()


class Afresh(Micro):
    """Each pass starts anew, at the leaves too."""

    def backward(self):
        for node in self.order():
            node.grad = 0.0
        super().backward()


class NoStart(Micro):
    def backward(self):
        for node in self.order():
            node.step()


class LeftOnly(Micro):
    def make(self, value, other, to_self, to_other):
        out = type(self)(value, (self, other))
        out.step = lambda: self.give(to_self(out.grad))
        return out


class PlusForMinus(Micro):
    def __sub__(self, other):
        return self.make(self.data - other.data, other, lambda g: g, lambda g: g)


class WrongFactor(Micro):
    def __mul__(self, other):
        return self.make(
            self.data * other.data, other, lambda g: g * self.data, lambda g: g * other.data
        )


class SumForProduct(Micro):
    def __mul__(self, other):
        return self.make(self.data * other.data, other, lambda g: g, lambda g: g)


class OneSlopeAnInput(Micro):
    def make(self, value, other, to_self, to_other):
        out = type(self)(value, {self, other})
        formulas = {self: to_self, other: to_other}

        def step():
            for child, formula in formulas.items():
                child.give(formula(out.grad))

        out.step = step
        return out


class Overwriting(Micro):
    def give(self, g):
        self.grad = g


class FirstOnly(Micro):
    def give(self, g):
        self.grad = self.grad if np.any(self.grad) else g


class Unchained(Micro):
    def make(self, value, other, to_self, to_other):
        return super().make(value, other, lambda g: to_self(1.0), lambda g: to_other(1.0))


class NotReversed(Micro):
    def order(self):
        return super().order()[::-1]


class BreadthFirst(Micro):
    def order(self):
        order, queue = [], deque([self])
        while queue:
            node = queue.popleft()
            if node not in order:
                order.append(node)
                queue.extend(node.children)
        return order


class PreOrder(Micro):
    def order(self):
        order = []

        def visit(node):
            if node not in order:
                order.append(node)
                for child in node.children:
                    visit(child)

        visit(self)
        return order


class Accumulating(Micro):
    def backward(self):
        self.grad = 1.0
        self.walk()

    def walk(self):
        self.step()
        for child in self.children:
            child.walk()


class ByPaths(Micro):
    def make(self, value, other, to_self, to_other):
        out = type(self)(value, (self, other))
        out.formulas = (to_self, to_other)
        return out

    def backward(self, g=1.0):
        self.grad = self.grad + g
        for child, formula in zip(self.children, getattr(self, "formulas", ()), strict=True):
            child.backward(formula(g))


class AccumulatingDepthFirst(ByPaths):
    def backward(self, start=True):
        if start:
            self.grad = 1.0
        for child, formula in zip(self.children, getattr(self, "formulas", ()), strict=True):
            child.give(formula(self.grad))
            child.backward(start=False)


class NoGradient(Micro):
    def backward(self):
        self.grad = None
        for child in self.children:
            child.backward()


class ByValue(Micro):
    def order(self):
        seen, order = set(), []
        for node in super().order():
            if node.data not in seen:
                seen.add(node.data)
                order.append(node)
        return order


class LeftFromBefore(Micro):
    def backward(self):
        self.grad = 1.0
        for node in self.order():
            node.step()


class LeftOnTape(Tape):
    tape: ClassVar[list] = []

    def backward(self):
        self.grad = 1.0
        for node in self.order():
            node.step()


# --- arrays -----------------------------------------------------------------------------------


class Grid(Micro):
    def __init__(self, data, children=()):
        super().__init__(np.asarray(data, float), children)

    def fit(self, g):
        g = np.broadcast_to(g, np.broadcast_shapes(np.shape(g), self.data.shape))
        while g.ndim > self.data.ndim:
            g = g.sum(axis=0)
        for axis, n in enumerate(self.data.shape):
            if n == 1:
                g = g.sum(axis=axis, keepdims=True)
        return np.array(g)

    def give(self, g):
        self.grad = self.grad + self.fit(g)

    def __matmul__(self, other):
        a, b = self.data, other.data
        return self.make(a @ b, other, lambda g: g @ b.T, lambda g: a.T @ g)

    def sum(self):
        out = type(self)(self.data.sum(), (self,))
        out.step = lambda: self.give(out.grad * np.ones(self.data.shape))
        return out


class MeanForSum(Grid):
    def sum(self):
        out = type(self)(self.data.sum(), (self,))
        out.step = lambda: self.give(out.grad * np.ones(self.data.shape) / self.data.size)
        return out


class Unsummed(Grid):
    def give(self, g):
        self.grad = self.grad + g


class SummedAll(Grid):
    def fit(self, g):
        return g if np.shape(g) == self.data.shape else np.ones(self.data.shape) * np.sum(g)


class Averaged(Grid):
    def fit(self, g):
        if np.shape(g) == self.data.shape:
            return g
        return super().fit(g) / (np.size(g) / self.data.size)


class LastAxis(Grid):
    def fit(self, g):
        return g if np.shape(g) == self.data.shape else g.sum(axis=-1).reshape(self.data.shape)


class OneRow(Grid):
    def fit(self, g):
        while g.ndim > self.data.ndim:
            g = g[0]
        return g[tuple(slice(0, n) for n in self.data.shape)]


class NoTranspose(Grid):
    def __matmul__(self, other):
        a, b = self.data, other.data
        return self.make(a @ b, other, lambda g: g @ b, lambda g: a @ g)


class OtherOrder(Grid):
    def __matmul__(self, other):
        a, b = self.data, other.data
        return self.make(a @ b, other, lambda g: b.T @ g, lambda g: g @ a.T)


class EntryByEntry(Grid):
    def __matmul__(self, other):
        a, b = self.data, other.data
        return self.make(a @ b, other, lambda g: g * b, lambda g: g * a)


class Transposed(Grid):
    def __matmul__(self, other):
        a, b = self.data, other.data
        return self.make(a @ b, other, lambda g: b @ g.T, lambda g: g.T @ a)


class GridOverwriting(Grid):
    def give(self, g):
        self.grad = self.fit(g)


class GridFirstOnly(Grid):
    def give(self, g):
        self.grad = self.grad if np.any(self.grad) else self.fit(g)


class GridPlusForMinus(Grid):
    def __sub__(self, other):
        return self.make(self.data - other.data, other, lambda g: g, lambda g: g)


class Sharing(Grid):
    def give(self, g):
        g = g if np.shape(g) == self.data.shape else self.fit(g)
        if np.any(self.grad):
            self.grad += g
        else:
            self.grad = g


def of_torch(data):
    return torch.tensor(data, dtype=torch.float64, requires_grad=True)


def of_nnlib(data):
    return Tensor(data, requires_grad=True)


RIGHT = {
    "backward": [of_nnlib, of_torch, Micro, Kahn, Tape, Afresh],
    "tensor_backward": [of_nnlib, of_torch, Grid],
}
PATHS = "30 doublings: 2**30 paths"
SECOND_PASS = "a second pass: y + a, then y * b, with y = a * b"
AGAIN, FIRST = "a * b * b - a: a value used again", "y * y * b + y * a with y = a * b"
SECOND = "y * a + y * y * b with y = a * b"
ROW, IN_X = "(x + b) * c: the gradient in b", "x @ w * c: the gradient in x"
WRONG = {
    "backward": {
        "no start": (NoStart, "a + b", "when the result changes by 1"),
        "the left input alone": (LeftOnly, "a + b", "two inputs"),
        "the sign of a difference": (PlusForMinus, "a - b", "When b grows by 1"),
        "a product differentiated in the wrong factor": (WrongFactor, "a * b", "Which factor"),
        "a product with the slopes of a sum": (SumForProduct, "a * b", "When a grows by 1"),
        "an input that is used twice, kept once": (
            OneSlopeAnInput, "a * a + b: used twice at once", "hold both"),
        "= for +=": (Overwriting, AGAIN, "do to the first"),
        "the first use only": (FirstOnly, AGAIN, "the one that came second"),
        "the slope of the last step alone": (Unchained, AGAIN, "With what must it be multiplied"),
        "the order not reversed": (NotReversed, AGAIN, "begins at the result"),
        "breadth-first order": (BreadthFirst, SECOND, "must be complete"),
        "pre-order": (PreOrder, FIRST, "must be complete"),
        "every path hands on all that came before": (Accumulating, None, "for the second time"),
        "equal numbers taken for one value": (
            ByValue, "a * b + b * a: equal numbers", "happen to be equal"),
        "every path by itself": (ByPaths, PATHS, "The numbers are right"),
        "gradients on the way left from before": (
            LeftFromBefore, SECOND_PASS, "those of the values between"),
    },
    "tensor_backward": {
        "a sum taken for a mean": (MeanForSum, None, "does the sum grow"),
        "broadcasting not undone": (Unsummed, ROW, "come together again"),
        "broadcasting summed over everything": (SummedAll, ROW, "come together again"),
        "broadcasting meaned": (Averaged, ROW, "come together again"),
        "broadcasting summed along the wrong axis": (LastAxis, ROW, "along which axis"),
        "one of the gradients in place of their sum": (OneRow, ROW, "come together again"),
        "transposes forgotten": (NoTranspose, IN_X, "write out one entry"),
        "factors in the other order": (OtherOrder, IN_X, "write out one entry"),
        "a product entry by entry": (EntryByEntry, IN_X, "write out one entry"),
        "the gradient of a product transposed": (Transposed, IN_X, "write out one entry"),
        "= for +=": (GridOverwriting, None, "do to the first"),
        "the first use only": (GridFirstOnly, None, "the one that came second"),
        "the sign of a difference": (GridPlusForMinus, None, "When b grows by 1"),
        "an array that two values share": (Sharing, None, "when += writes into it"),
    },
}  # fmt: skip
