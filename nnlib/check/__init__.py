r"""Feedback on functions of your own: which check fails, and which mistake that looks like.

``check.softmax(my_softmax)`` runs every check of softmax on your function and prints a line for
each. Below the first that fails stands what was seen, the mistake that gives exactly these numbers,
if it is a known one, and a question to think about. The answer is left to you.

>>> import numpy as np
>>> from nnlib import check
>>> def my_softmax(scores):
...     e = np.exp(scores)
...     return e / e.sum(axis=-1, keepdims=True)
>>> report = check.softmax(my_softmax)
softmax: 5 of 7 checks passed
  ok     a batch of rows
  ok     one row
  ok     three axes
  WRONG  large scores
         it gave nan at index [0], for scores = [1000, 2000, 3000]. This looks like: no
         shift before exp. What is exp(1000) in floats, and inf / inf? Which number can
         be taken from all scores of a row without changing the result?
  WRONG  rows far apart
  ok     float32 stays float32
  ok     the arguments stay as they were

A :class:`Check` holds seeded inputs and the right implementation. A :class:`Misconception` holds a
wrong one: it is recognized where your function does just what the wrong one does. The checks of one
function make a :class:`Suite`, and each can be run alone where it has its points:
``check.softmax["three axes"]``. :data:`SUITES` lists the suites by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Each file says in __all__ what it offers.
# ruff: noqa: F403
from nnlib.check._activations import *
from nnlib.check._autograd import *
from nnlib.check._backpropagation import *
from nnlib.check._core import *
from nnlib.check._core import Suite
from nnlib.check._losses import *
from nnlib.check._mlp import *
from nnlib.check._probability import *
from nnlib.check._pytorch import *

#: The suite of every function by its name.
SUITES: Mapping[str, Suite] = MappingProxyType(
    {name: suite for name, suite in vars().items() if isinstance(suite, Suite)}
)
