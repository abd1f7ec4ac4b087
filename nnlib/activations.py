r"""Activation functions, each with its derivative.

An activation :math:`\sigma` acts on every coordinate by itself. Each is one small frozen object:
``relu(x)`` is the value, ``relu.derivative(x)`` the derivative, ``relu.name`` the name and
``relu.formula`` the formula in LaTeX. :data:`ACTIVATIONS` lists them all by name.

All of them keep float32, turn integers and lists into float64, never change their input, let NaN
pass, take the right limits at :math:`\pm\infty`, and warn of nothing. The comments say where the
formula of the book would lose digits and what stands in its place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, expit, ndtr

from nnlib._arrays import FloatArray, as_float, as_number, as_result, quietly, read_only

_SQRT_2 = np.sqrt(2.0)
_SQRT_2PI = np.sqrt(2.0 * np.pi)


@dataclass(frozen=True)
class Activation(ABC):
    r"""A function applied per coordinate, together with its derivative.

    Subclass it and write ``value`` and ``slope`` to add one of your own; both get a float32 or
    float64 array, to read only, and return one of the same shape. Calls and :meth:`derivative`
    check what they are given, convert it, and let NaN pass.

    Attributes
    ----------
    name : str
        The name under which :class:`nnlib.MLP` knows it.
    formula : str
        The formula in LaTeX, without dollar signs.
    initialization : {"he", "glorot"}
        The rule by which :class:`nnlib.MLP` draws the weights in front of it.

    Examples
    --------
    >>> from nnlib import relu
    >>> relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    >>> relu.derivative([-1.0, 0.0, 2.0])
    array([0., 0., 1.])
    >>> relu
    <activation relu>
    """

    name: ClassVar[str]
    formula: ClassVar[str]
    initialization: ClassVar[str] = "glorot"

    @quietly
    def __call__(self, x: ArrayLike) -> FloatArray:
        r"""Return the activation of every entry.

        Parameters
        ----------
        x : array_like of real numbers, any shape

        Returns
        -------
        ndarray
            Of the shape of `x`; float32 for float32, otherwise float64.

        Raises
        ------
        TypeError
            If `x` does not hold real numbers.
        """
        # [()] turns an array without axes into a number, as NumPy's own functions do.
        return evaluate(self, "value", as_float(x, "x"))[()]

    @quietly
    def derivative(self, x: ArrayLike) -> FloatArray:
        r"""Return the derivative at every entry; parameters, shapes and errors as for the value."""
        array = as_float(x, "x")
        return np.where(np.isnan(array), array, evaluate(self, "slope", array))[()]

    def __repr__(self) -> str:
        return f"<activation {self.name}>"

    @abstractmethod
    def value(self, x: FloatArray) -> NDArray[Any]:
        """Return the activation of a float array, unchecked: what a network calls."""

    @abstractmethod
    def slope(self, x: FloatArray) -> NDArray[Any]:
        """Return the derivative of a float array, unchecked; of NaN only ``derivative`` knows."""


def evaluate(activation: Activation, method: str, x: FloatArray) -> FloatArray:
    """Return what ``value`` or ``slope`` makes of a float array, in its dtype."""
    function, kind = getattr(activation, method), type(activation)
    if kind.__module__ == __name__:
        return np.asarray(function(x), x.dtype)
    # What readers write gets an array to read only, and what it returns is looked at.
    return as_result(function(read_only(x)), x.shape, x, f"{method} of {kind.__name__}")


class Identity(Activation):
    r"""Identity, :math:`\sigma(x) = x`: with it, a network of any depth is one affine map.

    See Also
    --------
    torch.nn.Identity

    Examples
    --------
    >>> from nnlib import identity
    >>> identity([-1.0, 2.0])
    array([-1.,  2.])
    """

    name = "identity"
    formula = r"x"

    def value(self, x: FloatArray) -> FloatArray:
        return x.copy()

    def slope(self, x: FloatArray) -> FloatArray:
        return np.ones_like(x)


class Sigmoid(Activation):
    r"""Sigmoid.

    .. math:: \sigma(x) = \frac{\exp(x)}{1 + \exp(x)}, \qquad
              \sigma'(x) = \sigma(x)\,\sigma(-x) \le \tfrac14

    See Also
    --------
    scipy.special.expit, torch.sigmoid

    Examples
    --------
    >>> from nnlib import sigmoid
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """

    name = "sigmoid"
    formula = r"\frac{\exp(x)}{1 + \exp(x)}"

    def value(self, x: FloatArray) -> FloatArray:
        # exp(x) / (1 + exp(x)) is inf / inf from 710 on (from 89 in float32).
        return expit(x)

    def slope(self, x: FloatArray) -> FloatArray:
        # 1 - sigmoid(x) rounds to 0 for large x; sigmoid(-x) is the same number with its digits.
        return expit(x) * expit(-x)


class Tanh(Activation):
    r"""Hyperbolic tangent, a sigmoid centered at 0.

    .. math:: \tanh(x) = \frac{e^x - e^{-x}}{e^x + e^{-x}} = 2\,\mathrm{sigmoid}(2x) - 1, \qquad
              \tanh'(x) = \frac{1}{\cosh^2 x}

    See Also
    --------
    numpy.tanh, torch.tanh

    Examples
    --------
    >>> from nnlib import tanh
    >>> tanh.derivative(0.0)
    np.float64(1.0)
    """

    name = "tanh"
    formula = r"\frac{e^x - e^{-x}}{e^x + e^{-x}}"

    def value(self, x: FloatArray) -> FloatArray:
        return np.tanh(x)

    def slope(self, x: FloatArray) -> FloatArray:
        # 1 - tanh(x)**2 rounds to 0 from 20 on, and cosh overflows from 711 on.
        decay = np.exp(-np.abs(x))
        sech: FloatArray = 2 * decay / (1 + decay * decay)
        return sech**2


class ReLU(Activation):
    r"""Rectified linear unit, :math:`\max(x, 0)`, with :math:`\mathrm{relu}'(0) = 0`.

    The function has no derivative at 0; every slope in [0, 1] is a subgradient there. PyTorch's
    ``relu`` takes 0, as we do, and its ``maximum`` ½.

    See Also
    --------
    torch.nn.functional.relu

    Examples
    --------
    >>> from nnlib import relu
    >>> relu.derivative([-2.0, 0.0, 3.0])
    array([0., 0., 1.])
    """

    name = "relu"
    formula = r"\max(x, 0)"
    initialization = "he"

    def value(self, x: FloatArray) -> FloatArray:
        return np.maximum(x, 0)

    def slope(self, x: FloatArray) -> FloatArray:
        return x > 0  # True is 1


@dataclass(frozen=True, repr=False)
class LeakyReLU(Activation):
    r"""Leaky ReLU: a small slope `c` instead of 0 on the negative side.

    .. math:: \sigma(x) = \begin{cases} x & x > 0 \\ c\,x & x \le 0 \end{cases}

    Its derivative at 0 is taken to be `c`, as in PyTorch.

    Parameters
    ----------
    negative_slope : float, default 0.01
        The slope `c` for :math:`x \le 0`; a finite number.

    Raises
    ------
    TypeError
        If the slope is not a real number.
    ValueError
        If it is not finite.

    See Also
    --------
    torch.nn.functional.leaky_relu

    Examples
    --------
    >>> from nnlib import leaky_relu
    >>> leaky_relu([-2.0, 3.0])
    array([-0.02,  3.  ])
    >>> LeakyReLU(0.5)([-2.0, 3.0])
    array([-1.,  3.])
    """

    negative_slope: float = 0.01

    name = "leaky_relu"
    formula = r"\begin{cases} x & x > 0 \\ 0.01\,x & x \le 0 \end{cases}"
    initialization = "he"

    def __post_init__(self) -> None:
        c = as_number(self.negative_slope, "negative_slope")
        if not np.isfinite(c):
            raise ValueError(f"negative_slope must be finite, got {c}")
        # A frozen object takes attributes only in this way.
        object.__setattr__(self, "negative_slope", c)
        object.__setattr__(self, "formula", type(self).formula.replace("0.01", f"{c:g}"))

    def value(self, x: FloatArray) -> FloatArray:
        if self.negative_slope == 0:
            return np.maximum(x, 0)  # 0 * -inf would be NaN
        return np.where(x > 0, x, x * self.negative_slope)

    def slope(self, x: FloatArray) -> FloatArray:
        return np.where(x > 0, 1.0, self.negative_slope)


class Softplus(Activation):
    r"""Softplus, a smooth ReLU; its derivative is the sigmoid.

    .. math:: \mathrm{softplus}(x) = \log(1 + \exp(x))

    See Also
    --------
    torch.nn.functional.softplus : PyTorch's, which turns to x above a threshold of 20.

    Examples
    --------
    >>> from nnlib import softplus
    >>> softplus([-1000.0, 0.0, 1000.0]).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """

    name = "softplus"
    formula = r"\log(1 + \exp(x))"
    initialization = "he"

    def value(self, x: FloatArray) -> FloatArray:
        # log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): nothing overflows, and log1p keeps
        # the digits of a small exp.
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def slope(self, x: FloatArray) -> FloatArray:
        return expit(x)


class GELU(Activation):
    r"""Gaussian error linear unit: `x` times the normal distribution function at `x`.

    .. math:: \mathrm{gelu}(x) = x\,\Phi(x)
              = \frac{x}{2}\left(1 + \operatorname{erf}\frac{x}{\sqrt2}\right), \qquad
              \mathrm{gelu}'(x) = \Phi(x) + x\,\varphi(x)

    with the normal distribution function :math:`\Phi` and its density :math:`\varphi`.
    Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    See Also
    --------
    torch.nn.functional.gelu : PyTorch's, which loses its digits on the left.

    Examples
    --------
    >>> from nnlib import gelu
    >>> gelu([-10.0, 0.0, 10.0])
    array([-7.61985302e-23,  0.00000000e+00,  1.00000000e+01])
    """

    name = "gelu"
    formula = r"\frac{x}{2}\left(1 + \operatorname{erf}\frac{x}{\sqrt2}\right)"
    initialization = "he"

    def value(self, x: FloatArray) -> FloatArray:
        # ndtr is Phi. 1 + erf cancels: no digit is left below -8.3 (-6 in float32). ndtr is exact
        # there, but in float32 it underflows before x * ndtr does: the work is done in float64, and
        # evaluate casts it back. Below -40 the result is 0; clamping x there avoids -inf * 0.
        x = np.asarray(x, np.float64)
        return np.maximum(x, -40.0) * ndtr(x)

    def slope(self, x: FloatArray) -> FloatArray:
        # Phi(x) = exp(-x**2/2) erfcx(-x/sqrt(2)) / 2, where erfcx(t) = exp(t**2) (1 - erf(t)). On
        # the left Phi underflows before the sum does: the common factor exp(-x**2/2) is taken out.
        # Beyond 40 on either side the limits 0 and 1 are reached.
        x = np.clip(np.asarray(x, np.float64), -40.0, 40.0)
        left, right = np.minimum(x, 0), np.maximum(x, 0)
        bell = np.exp(-x * x / 2)
        on_left = bell * (left / _SQRT_2PI + erfcx(-left / _SQRT_2) / 2)
        on_right = ndtr(right) + right * bell / _SQRT_2PI
        return np.where(x < 0, on_left, on_right)


class TanhGELU(Activation):
    r"""The approximation of GELU by tanh; in PyTorch, ``gelu(x, approximate="tanh")``.

    .. math:: \frac{x}{2}\left(1 + \tanh\frac{\rho}{2}\right) = x\,\mathrm{sigmoid}(\rho), \qquad
              \rho = 2\sqrt{2/\pi}\,(x + 0.044715\,x^3)

    It is within 4.8e-4 of GELU absolutely, not relatively: on the left it falls to 0 much faster.
    Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    See Also
    --------
    torch.nn.functional.gelu : With ``approximate="tanh"``.

    Examples
    --------
    >>> from nnlib import gelu, gelu_tanh
    >>> bool(abs(gelu(-2.7) - gelu_tanh(-2.7)) < 4.8e-4)
    True
    """

    name = "gelu_tanh"
    formula = r"\frac{x}{2}\left(1 + \tanh\sqrt{2/\pi}\,(x + 0.044715\,x^3)\right)"
    initialization = "he"

    def value(self, x: FloatArray) -> FloatArray:
        # 1 + tanh cancels on the left; sigmoid(rho) does not. From 30 on nothing changes but an
        # overflow of the cube.
        x = np.asarray(x, np.float64)
        return np.maximum(x, -30.0) * expit(_rho(np.clip(x, -30.0, 30.0)))

    def slope(self, x: FloatArray) -> FloatArray:
        x = np.clip(np.asarray(x, np.float64), -30.0, 30.0)
        rho_slope = np.sqrt(8 / np.pi) * (1 + 3 * 0.044715 * x * x)
        return expit(_rho(x)) * (1 + x * expit(-_rho(x)) * rho_slope)


def _rho(x: FloatArray) -> FloatArray:
    return np.sqrt(8 / np.pi) * (x + 0.044715 * x**3)


identity = Identity()
sigmoid = Sigmoid()
tanh = Tanh()
relu = ReLU()
leaky_relu = LeakyReLU()
softplus = Softplus()
gelu = GELU()
gelu_tanh = TanhGELU()

#: Every activation by its name; plots, tests, documentation and benchmarks loop over it.
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {a.name: a for a in (identity, sigmoid, tanh, relu, leaky_relu, softplus, gelu, gelu_tanh)}
)


def get_activation(activation: str | Activation) -> Activation:
    """Return the activation of that name; an :class:`Activation` is returned as it is.

    Parameters
    ----------
    activation : str or Activation

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If no activation has that name.
    TypeError
        If it is neither a name nor an :class:`Activation`.

    Examples
    --------
    >>> get_activation("relu")
    <activation relu>
    """
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str):
        raise TypeError(f"activation must be a name or an Activation, got {activation!r}")
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"unknown activation {activation!r}; known are {', '.join(sorted(ACTIVATIONS))}"
        )
    return ACTIVATIONS[activation]
