"""The names a strategy may use, by where they come from, and the cure for common ones it may not.

What is listed computes on its arguments and nothing else. A name that is absent is refused, so a
new release of a library adds nothing by itself.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODULE_ALIASES: dict[str, frozenset[str]] = {
    "numpy": _words("np numpy"),
    "pandas": _words("pd pandas"),
    "talib": _words("ta talib"),
    "math": _words("math"),
}
"""Importable modules, each with the only names it may be bound to."""

CONTRACT = _words("Bars Params Resampled Targets ops")
OPS = _words("band cooldown crossed hold hysteresis lag latch rank sample trail vol_target zscore")

BUILTINS = _words(
    "abs all any bool dict divmod enumerate filter float int isinstance len list map max min range reversed round "
    "slice sorted sum tuple zip"
)
"""Builtins a strategy may name; the worker gives it no others."""

_NUMPY = _words(
    "abs absolute acos acosh add all allclose amax amin any append apply_along_axis arange arccos arccosh arcsin "
    "arcsinh arctan arctan2 arctanh argmax argmin argpartition argsort argwhere around array array_equal asarray "
    "ascontiguousarray asin asinh atan atan2 atanh atleast_1d atleast_2d average bincount bitwise_and bitwise_not "
    "bitwise_or bitwise_xor block bool bool_ broadcast_arrays broadcast_to cbrt ceil choose clip column_stack compress "
    "concat concatenate convolve copy copysign copyto corrcoef correlate cos cosh count_nonzero cov cross cumprod "
    "cumsum cumulative_prod cumulative_sum deg2rad degrees delete diag diagonal diff digitize divide divmod dot double "
    "dstack e ediff1d einsum equal exp exp2 expand_dims expm1 extract eye fabs fill_diagonal finfo fix flatnonzero "
    "flip float32 float64 float_power floor floor_divide fmax fmin fmod full full_like geomspace greater "
    "greater_equal heaviside histogram hstack hypot identity inf inner insert int32 int64 int8 intersect1d interp "
    "invert isclose isfinite isin isinf isnan isneginf isposinf isscalar kron less less_equal lexsort linspace log "
    "log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logspace matmul max maximum "
    "mean median meshgrid min minimum mod modf moveaxis multiply nan nan_to_num nanargmax nanargmin nancumprod "
    "nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar ndim "
    "negative newaxis nextafter nonzero not_equal ones ones_like outer pad partition percentile pi piecewise place "
    "polyfit polyval positive pow power prod ptp putmask quantile rad2deg radians ravel reciprocal remainder repeat "
    "reshape rint round searchsorted select shape sign signbit sin sinc sinh size sort split sqrt square squeeze stack "
    "std subtract sum swapaxes take take_along_axis tan tanh tensordot tile trace transpose trapezoid tri tril triu "
    "true_divide trunc uint8 unique vander var vdot vectorize vstack where zeros zeros_like"
)

_PANDAS = _words("DataFrame NA Series concat cut isna isnull merge notna notnull qcut to_numeric unique")

_MATH = _words(
    "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp exp2 expm1 "
    "fabs floor fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm ldexp lgamma log log10 "
    "log1p log2 modf nan nextafter pi pow prod radians remainder sin sinh sqrt tan tanh tau trunc"
)

_TALIB = _words(
    "AC ACCBANDS ACOS AD ADD ADOSC ADR ADX ADXR AO APO AROON AROONOSC ASIN ATAN ATR AVGDEV AVGPRICE BBANDS BETA BOP "
    "CCI CEIL CMF CMO CMOU COPPOCK CORREL COS COSH CUMSUM CVI DEMA DIV DONCHIAN DPO DX EFI EMA ER ERI EXP FLOOR FOSC "
    "FRACTAL HA HMA HT_DCPERIOD HT_DCPHASE HT_PHASOR HT_SINE HT_TRENDLINE HT_TRENDMODE IMI KAMA KC KDJ LINEARREG "
    "LINEARREG_ANGLE LINEARREG_INTERCEPT LINEARREG_SLOPE LN LOG10 MA MACD MACDEXT MACDFIX MAMA MARKETFI MASSI MAVP "
    "MAX MAXINDEX MA_Type MEDPRICE MFI MIDPOINT MIDPRICE MIN MININDEX MINMAX MINMAXINDEX MINUS_DI MINUS_DM MOM MULT "
    "NATR NVI OBV PERCENTILE PERCENTRANK PLUS_DI PLUS_DM PPO PVI PVO PVT QSTICK RMA ROC ROCP ROCR ROCR100 RSI RVI "
    "RVOL SAR SAREXT SIN SINH SMA SMI SQRT STDDEV STOCH STOCHF STOCHRSI SUB SUM SUPERTREND T3 TAN TANH TEMA TRANGE "
    "TRIMA TRIX TSF TSI TYPPRICE ULTOSC VAR VHF VORTEX VWAP VWMA WAD WCLPRICE WILLR WMA ZLEMA "
    "CDL2CROWS CDL3BLACKCROWS CDL3INSIDE CDL3LINESTRIKE CDL3OUTSIDE CDL3STARSINSOUTH CDL3WHITESOLDIERS "
    "CDLABANDONEDBABY CDLADVANCEBLOCK CDLBELTHOLD CDLBREAKAWAY CDLCLOSINGMARUBOZU CDLCONCEALBABYSWALL "
    "CDLCOUNTERATTACK CDLDARKCLOUDCOVER CDLDOJI CDLDOJISTAR CDLDRAGONFLYDOJI CDLENGULFING CDLEVENINGDOJISTAR "
    "CDLEVENINGSTAR CDLGAPSIDESIDEWHITE CDLGRAVESTONEDOJI CDLHAMMER CDLHANGINGMAN CDLHARAMI CDLHARAMICROSS "
    "CDLHIGHWAVE CDLHIKKAKE CDLHIKKAKEMOD CDLHOMINGPIGEON CDLIDENTICAL3CROWS CDLINNECK CDLINVERTEDHAMMER CDLKICKING "
    "CDLKICKINGBYLENGTH CDLLADDERBOTTOM CDLLONGLEGGEDDOJI CDLLONGLINE CDLMARUBOZU CDLMATCHINGLOW CDLMATHOLD "
    "CDLMORNINGDOJISTAR CDLMORNINGSTAR CDLONNECK CDLPIERCING CDLRICKSHAWMAN CDLRISEFALL3METHODS CDLSEPARATINGLINES "
    "CDLSHOOTINGSTAR CDLSHORTLINE CDLSPINNINGTOP CDLSTALLEDPATTERN CDLSTICKSANDWICH CDLTAKURI CDLTASUKIGAP "
    "CDLTHRUSTING CDLTRISTAR CDLUNIQUE3RIVER CDLUPSIDEGAP2CROWS CDLXSIDEGAP3METHODS"
)

MODULE_NAMES: dict[str, frozenset[str]] = {
    "numpy": _NUMPY,
    "pandas": _PANDAS,
    "talib": _TALIB,
    "math": _MATH,
    "ops": OPS,
}
"""What may follow `np.`, `pd.`, `talib.`, `math.` and `ops.`."""

SUBMODULES: dict[tuple[str, str], frozenset[str]] = {
    ("numpy", "linalg"): _words(
        "cond det eig eigh eigvals eigvalsh inv lstsq matrix_rank norm pinv qr slogdet solve svd"
    ),
    ("numpy", "fft"): _words("fft fftfreq ifft irfft rfft rfftfreq"),
}
"""What may follow `np.linalg.` and `np.fft.`."""

INSTANCE = _words(
    # bars and targets
    "open high low close volume turnover funding minutes_to_funding hour weekday context resample spread "
    "exposure stop_loss take_profit "
    # arrays
    "T all any argmax argmin argpartition argsort astype choose clip compress copy cumprod cumsum diagonal dot dtype "
    "fill flat flatten item max mean min ndim nonzero partition prod ravel repeat reshape round searchsorted shape "
    "size sort squeeze std sum swapaxes take tolist trace transpose var accumulate reduce reduceat outer at "
    "eps tiny real imag "
    # series and frames, their windows and groups
    "abs add apply between columns combine_first corr count cov cummax cummin describe diff div divide drop dropna "
    "empty eq ewm expanding ffill fillna first ge groupby gt head iat idxmax idxmin iloc index isin isna isnull kurt "
    "last le loc lt map mask median mod mul multiply ne nlargest notna notnull nsmallest pct_change pow product "
    "quantile rank replace reset_index rolling sem shift skew sort_index sort_values sub subtract tail "
    "to_frame to_list to_numpy truediv unique value_counts values where "
    # lists, tuples, maps, numbers
    "append extend get insert is_integer items keys pop remove reverse setdefault update "
    # talib.MA_Type
    "SMA EMA WMA DEMA TEMA TRIMA KAMA MAMA T3"
)
"""Attributes of values a strategy holds."""

RESERVED = _words(
    "apply attrs byteswap dump dumps flags getfield hist info memory_usage obj plot put set_flags setfield sparse "
    "strides style swaplevel tobytes tofile xs"
)
RESERVED_PREFIXES = ("from_", "read_", "set_", "to_")
"""Refused attributes of arrays and frames that a parameter must not share its name with."""

CURES: dict[str, str] = {
    "agg": "it calls methods by name; call them directly, e.g. rolling(n).mean()",
    "aggregate": "it calls methods by name; call them directly, e.g. rolling(n).mean()",
    "backfill": "it fills from later bars; use ffill()",
    "base": "an array owns its memory here; work on the array itself",
    "bfill": "it fills from later bars; use ffill()",
    "ctypes": "work on the array itself",
    "data": "work on the array itself; rename a parameter of this name",
    "empty": "its values are whatever memory held; use np.zeros or np.full",
    "empty_like": "its values are whatever memory held; use np.zeros_like or np.full_like",
    "eval": "write the expression as code",
    "exec": "write the statements as code",
    "format": "use an f-string such as f'{x:.2f}'",
    "format_map": "use an f-string such as f'{x:.2f}'",
    "frozenset": "its order changes from run to run; use a tuple",
    "getattr": "name the attribute: bars.close, p.fast",
    "gradient": "it looks one bar ahead; use np.diff or ops",
    "hash": "it changes from run to run",
    "id": "it changes from run to run",
    "interpolate": "it uses later values; use ffill()",
    "lib": "use ops, or pandas rolling windows",
    "next": "loop over the values instead",
    "ndarray": "unfilled, it holds whatever memory held; use np.zeros or np.full",
    "open": "a strategy reads only its arguments; the opening price is bars.open",
    "pipe": "call the function directly",
    "print": "a strategy has no output but its Targets",
    "query": "write the condition as code: frame[frame.close > k]",
    "random": "a strategy is a pure function of its bars; remove the randomness",
    "resize": "use reshape",
    "roll": "it wraps the newest bar round to the oldest; use pd.Series(x).shift(n) or slices",
    "set": "its order changes from run to run; use a tuple, or np.unique",
    "set_unstable_period": "it changes a global; cut the first rows instead",
    "setflags": "columns of bars are read-only; work on a copy: x.copy()",
    "stride_tricks": "use ops, or pandas rolling windows",
    "to_datetime": "a strategy knows no dates; use bars.hour and bars.weekday",
    "str": "format a number, e.g. f'{n:d}'; the text of anything else is an address or a table of names",
    "transform": "it calls methods by name; call them directly",
    "type": "test values instead",
    "vars": "name the values instead",
    "view": "use astype() or copy()",
}
"""What to do instead of a refused name; where absent, the general cure of its kind is given."""
