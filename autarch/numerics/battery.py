"""A fixed battery of numeric results whose SHA-256 tells two machines' arithmetic apart.

Inputs are made by integer arithmetic alone, so that only the functions under test can differ. Sizes
are such that every code path chosen by length shows: numpy's vector loops and their tails, and
OpenBLAS's division of long vectors and large matrices among threads.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

from autarch.numerics import compiled

Floats = NDArray[np.float64]
Named = Iterator[tuple[str, NDArray[Any]]]

_N = 4096
_LONG = 16 * _N  # OpenBLAS divides a dot product of more than 10,000 elements among its threads
_SIDE = 160  # and a factorisation of a matrix of about this side
_MULTIPLIER, _INCREMENT, _MODULUS = 1_664_525, 1_013_904_223, 2**32  # Numerical Recipes' LCG

_SIGNED = ("exp", "tanh", "sin", "cos", "arctan", "expm1", "cbrt", "sinh", "cosh", "exp2", "arcsinh")
_POSITIVE = ("log", "log2", "log10", "log1p", "sqrt", "arcsin", "arccos", "arctanh", "tan", "reciprocal")
_LIBM_SIGNED = (
    *(math.exp, math.exp2, math.expm1, math.sin, math.cos, math.tan, math.atan, math.asinh),
    *(math.sinh, math.cosh, math.tanh, math.erf, math.erfc, math.cbrt),
)
_LIBM_POSITIVE = (math.log, math.log2, math.log10, math.log1p, math.sqrt, math.asin, math.acos, math.atanh, math.lgamma)


def digest() -> str:
    """Return the hex SHA-256 over every named result of the battery, in order."""
    hasher = hashlib.sha256()
    for name, values in results():
        hasher.update(name.encode("ascii"))
        hasher.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return hasher.hexdigest()


def results() -> Named:
    """Yield every result with its name; two machines that differ compare them one by one."""
    u = _uniform(_N)
    yield from _numpy_results(u, 20.0 * u - 10.0)
    yield from _composed_results(u, 20.0 * u - 10.0)
    yield from _libm_results(u)
    yield from _library_results(u)
    yield from _algebra_results(u)
    yield from _compiled_results(u, 20.0 * u - 10.0)


def _uniform(n: int) -> Floats:
    """Return n values in (0, 1), each an odd integer over 2**33, exact in binary."""
    state, drawn = 1, []
    for _ in range(n):
        state = (_MULTIPLIER * state + _INCREMENT) % _MODULUS
        drawn.append((2 * state + 1) / 2**33)
    return np.array(drawn)


def _numpy_results(u: Floats, x: Floats) -> Named:
    for name in _SIGNED:
        yield name, getattr(np, name)(x)
    for name in _POSITIVE:
        yield name, getattr(np, name)(u)
    yield "power", np.power(u, 1.7)
    yield "cube", x**3
    yield "arctan2", np.arctan2(x, u)
    yield "logaddexp", np.logaddexp(x, u)
    yield "cumsum", np.cumsum(x)
    yield "moments", np.array([x.sum(), x.mean(), x.std(), x.var(), np.corrcoef(x[1:], x[:-1])[0, 1]])


def _composed_results(u: Floats, x: Floats) -> Named:
    """Other element types, other strides, and numbers so small that a fast mode would make them zero."""
    yield "exp.strided", np.exp(x[::3])
    narrow = x.astype(np.float32)
    yield "exp.float32", np.exp(narrow).astype(np.float64)
    yield "tanh.float32", np.tanh(narrow).astype(np.float64)
    both = x + 1j * u
    yield "complex.exp", np.exp(both[:512]).view(np.float64)
    yield "complex.product", (both * both[::-1]).view(np.float64)
    yield "complex.abs", np.abs(both)
    yield "subnormal", (u * 1e-160) * 1e-155
    yield "subnormal.sum", np.cumsum(x * 1e-312)


def _libm_results(u: Floats) -> Named:
    values = u.tolist()
    signed = [20.0 * v - 10.0 for v in values]
    for function in _LIBM_SIGNED:
        yield f"math.{function.__name__}", np.array([function(v) for v in signed])
    for function in _LIBM_POSITIVE:
        yield f"math.{function.__name__}", np.array([function(v) for v in values])
    yield "math.pow", np.array([math.pow(v, 1.7) for v in values])
    yield "float.pow", np.array([v**-3 for v in values])
    yield "float.subnormal", np.array([v * 1e-160 * 1e-155 for v in values[:64]])


def _library_results(u: Floats) -> Named:
    price = 100.0 + np.cumsum(u - 0.5)
    series, other = pd.Series(price), pd.Series(price[::-1].copy())
    yield "ewm", series.ewm(span=20).mean().to_numpy()
    yield "ewm.std", series.ewm(span=20).std().to_numpy()
    rolling = series.rolling(50)
    for name in ("mean", "std", "skew", "kurt"):
        yield f"rolling.{name}", getattr(rolling, name)().to_numpy()
    yield "rolling.corr", rolling.corr(other).to_numpy()
    yield "ema", talib.EMA(price, timeperiod=20)
    yield "rsi", talib.RSI(price, timeperiod=14)
    yield "atr", talib.ATR(price + u, price - u, price, timeperiod=14)
    yield "stddev", talib.STDDEV(price, timeperiod=20)
    yield "linearreg", talib.LINEARREG(price, timeperiod=14)
    yield "ln", talib.LN(price)
    yield "ht.sine", talib.HT_SINE(price)[0]
    yield "ht.period", talib.HT_DCPERIOD(price)


def _algebra_results(u: Floats) -> Named:
    x = u - 0.5
    yield "fft", np.fft.rfft(u).view(np.float64)
    long = np.tile(x, _LONG // _N) * np.repeat(1.0 + u[: _LONG // _N], _N)
    yield "dot", np.array([x @ u, long @ np.tile(u, _LONG // _N), np.linalg.norm(long), np.inner(x[:7], u[:7])])
    yield "convolve", np.convolve(x, u[:40])
    small = u.reshape(64, 64)
    yield "matmul", small @ small.T
    square = np.resize(x, (_SIDE, _SIDE)) + _SIDE * np.eye(_SIDE)
    yield "solve", np.linalg.solve(square, u[:_SIDE])
    yield "inverse", np.linalg.inv(square)
    yield "cholesky", np.linalg.cholesky(small @ small.T + np.eye(64))
    yield "eigenvalues", np.linalg.eigvalsh(small + small.T)
    yield "singular", np.linalg.svd(small, compute_uv=False)
    yield "lstsq", np.linalg.lstsq(small[:, :8], small[:, 9], rcond=None)[0]


def _compiled_results(u: Floats, x: Floats) -> Named:
    yield "compiled.loop", compiled.loop(u, x)
    yield "compiled.sum", np.array([compiled.product_sum(u, x)])


if __name__ == "__main__":
    sys.stdout.write(digest() + "\n")
