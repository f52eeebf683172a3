"""Student's t: how wide an interval is with few samples.

Theory of operation
-------------------
The two-sided quantile is found by halving on the distribution function, which is the incomplete beta function
by its continued fraction (Lentz's way; Abramowitz and Stegun 26.5.8 and 26.7.1).  Good to some 1e-12.
"""

import math

from dsp.errors import SignalRefused

_TINY = 1e-300


def quantile(confidence: float, degrees: int) -> float:
    """The t that is exceeded in size with probability ``1 - confidence``. Raises ``SignalRefused``."""
    if not 0.0 < confidence < 1.0 or degrees < 1:
        raise SignalRefused(
            "interval", "no_interval", f"confidence {confidence} with {degrees} degrees of freedom: not known"
        )
    low, high = 0.0, 1.0
    while _inside(high, degrees) < confidence:
        low, high = high, 2.0 * high
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if _inside(middle, degrees) < confidence else (low, middle)
    return 0.5 * (low + high)


def _inside(t: float, degrees: int) -> float:
    """The probability of a size of at most ``t``."""
    return 1.0 - _incomplete_beta(0.5 * degrees, 0.5, degrees / (degrees + t * t))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(scale) / (a * _continued_fraction(a, b, x))


def _continued_fraction(a: float, b: float, x: float) -> float:
    front, numerator, denominator = 1.0, 1.0, 0.0
    for step in range(500):
        term = _term(a, b, x, step + 1)
        denominator = 1.0 / (1.0 + term * denominator or _TINY)
        numerator = 1.0 + term / numerator or _TINY
        front *= numerator * denominator
        if abs(numerator * denominator - 1.0) < 1e-16:
            break
    return front


def _term(a: float, b: float, x: float, step: int) -> float:
    half, is_odd = divmod(step, 2)
    if is_odd:
        return -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1.0))
    return half * (b - half) * x / ((a + 2 * half - 1.0) * (a + 2 * half))
