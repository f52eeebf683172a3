"""Student's t: how wide an interval is with few samples.

Theory of operation
-------------------
The two-sided quantile is found by halving on the distribution function, which is the incomplete beta function
by its continued fraction (Lentz's way; Abramowitz and Stegun 26.5.8 and 26.7.1).  Good to some 1e-12.
"""

import math

from dsp._fits import incomplete_beta
from dsp.errors import SignalRefused

_MOST_KNOWN = 256
_known: dict[tuple[float, int], float] = {}
"""What was asked for before: an examination asks for the same again and again."""


def quantile(confidence: float, degrees: int) -> float:
    """The t that is exceeded in size with probability ``1 - confidence``. Raises ``SignalRefused``."""
    if not 0.0 < confidence < 1.0 or degrees < 1:
        raise SignalRefused(
            "interval", "no_interval", f"confidence {confidence} with {degrees} degrees of freedom: not known"
        )
    known = _known.get((confidence, degrees))
    if known is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        known = _known[confidence, degrees] = _halved(confidence, degrees)
    return known


def _halved(confidence: float, degrees: int) -> float:
    both, first, second = (math.lgamma(one) for one in (0.5 * degrees + 0.5, 0.5 * degrees, 0.5))
    scales = (both - first - second, both - second - first)
    low, high = 0.0, 1.0
    while _inside(high, degrees, scales) < confidence:
        low, high = high, 2.0 * high
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if _inside(middle, degrees, scales) < confidence else (low, middle)
    return 0.5 * (low + high)


def _inside(t: float, degrees: int, scales: tuple[float, float]) -> float:
    """The probability of a size of at most ``t``."""
    return 1.0 - incomplete_beta(0.5 * degrees, 0.5, degrees / (degrees + t * t), *scales)
