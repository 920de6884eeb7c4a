"""A fixed battery of numeric results whose SHA-256 tells two machines' arithmetic apart.

Inputs are made by integer arithmetic alone, so that only the functions under test can differ.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

_N = 4096
_MULTIPLIER, _INCREMENT, _MODULUS = 1_664_525, 1_013_904_223, 2**32  # Numerical Recipes' LCG


def digest() -> str:
    """Return the hex SHA-256 over every named result of the battery, in order."""
    hasher = hashlib.sha256()
    for name, values in _results(_uniform(_N)):
        hasher.update(name.encode("ascii"))
        hasher.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return hasher.hexdigest()


def _uniform(n: int) -> NDArray[np.float64]:
    """Return n values in (0, 1), each an odd integer over 2**33, exact in binary."""
    state, drawn = 1, []
    for _ in range(n):
        state = (_MULTIPLIER * state + _INCREMENT) % _MODULUS
        drawn.append((2 * state + 1) / 2**33)
    return np.array(drawn)


def _results(u: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    yield from _numpy_results(u)
    yield from _libm_results(u)
    yield from _library_results(u)


def _numpy_results(u: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    x = 20.0 * u - 10.0
    for name in ("exp", "tanh", "sin", "cos", "arctan", "expm1", "cbrt", "sinh", "exp2"):
        yield name, getattr(np, name)(x)
    for name in ("log", "log2", "log10", "log1p", "sqrt", "arcsin", "tan"):
        yield name, getattr(np, name)(u)
    yield "power", np.power(u, 1.7)
    yield "cumsum", np.cumsum(x)
    yield "moments", np.array([x.sum(), x.mean(), x.std(), x.var(), np.corrcoef(x[1:], x[:-1])[0, 1]])


def _libm_results(u: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    values = u.tolist()
    signed = [20.0 * v - 10.0 for v in values]
    for function in (math.exp, math.sin, math.atan, math.tanh, math.expm1, math.erf):
        yield f"math.{function.__name__}", np.array([function(v) for v in signed])
    for function in (math.log, math.log1p, math.sqrt, math.tan):
        yield f"math.{function.__name__}", np.array([function(v) for v in values])
    yield "math.pow", np.array([math.pow(v, 1.7) for v in values])


def _library_results(u: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    price = 100.0 + np.cumsum(u - 0.5)
    series = pd.Series(price)
    yield "ewm", series.ewm(span=20).mean().to_numpy()
    yield "ewm.std", series.ewm(span=20).std().to_numpy()
    yield "rolling.mean", series.rolling(50).mean().to_numpy()
    yield "rolling.std", series.rolling(50).std().to_numpy()
    yield "ema", talib.EMA(price, timeperiod=20)
    yield "rsi", talib.RSI(price, timeperiod=14)
    yield "atr", talib.ATR(price + u, price - u, price, timeperiod=14)
    yield "stddev", talib.STDDEV(price, timeperiod=20)
    yield "ht", talib.HT_SINE(price)[0]
    yield "fft", np.fft.rfft(u).view(np.float64)
    matrix = u.reshape(64, 64)
    yield "dot", np.array([float(u @ price)])
    yield "matmul", matrix @ matrix.T
    yield "solve", np.asarray(np.linalg.solve(matrix + 64.0 * np.eye(64), u[:64]), dtype=np.float64)


if __name__ == "__main__":
    sys.stdout.write(digest() + "\n")
