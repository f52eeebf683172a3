"""Filters as second-order sections: Butterworth low-, high- and band-pass, notch, and an anti-alias FIR.

Theory of operation
-------------------
An analogue Butterworth prototype has its poles evenly on the left half of the unit circle.  Edges are
pre-warped, the prototype is moved to them (low to low, high or band), and the bilinear transform takes poles
to the z plane; the zeros are then known: -1 for a low-pass, +1 for a high-pass, half of each for a band-pass.
Conjugate poles make a section; sections are ordered from the poles furthest from the unit circle to the
nearest, so that what rings most comes last and sees the least.

Each section is ``b1, b2, a1, a2`` with b0 = 1 (``y = x + b1 x1 + b2 x2 - a1 y1 - a2 y2``): what all sections
amplify together is one number, ``gain``, applied to the input.  That is one multiplication fewer in each
section than the usual form.

Units: Hz. Sources: Oppenheim and Schafer, Discrete-Time Signal Processing (bilinear transform, Kaiser
window); scipy.signal agrees with all of it (tests/dsp/test_design.py).
"""

import math

from dsp.errors import DesignError

__all__ = ["DesignError", "Sections", "anti_alias", "bandpass", "cascade", "highpass", "lowpass", "notch"]

MOST_ORDER = 12
"""Beyond this a Butterworth filter in double precision is not what was asked for any more."""


class Sections:
    """Second-order sections. ``coefficients``: b1, b2, a1, a2 of each, flat; ``gain`` is of the input."""

    __slots__ = ("coefficients", "gain")

    def __init__(self, coefficients: tuple[float, ...], gain: float) -> None:
        self.coefficients = coefficients
        self.gain = gain

    def __len__(self) -> int:
        return len(self.coefficients) // 4

    def standard(self) -> "list[tuple[float, float, float, float, float, float]]":
        """Rows b0, b1, b2, 1, a1, a2 as other programs write them; the gain is in the first."""
        k, rows = self.coefficients, []
        for at in range(0, len(k), 4):
            gain = self.gain if at == 0 else 1.0
            rows.append((gain, gain * k[at], gain * k[at + 1], 1.0, k[at + 2], k[at + 3]))
        return rows

    def response(self, frequency_hz: float, rate_hz: float) -> complex:
        """What a sine of this frequency is multiplied by."""
        z1 = _on_circle(-2 * math.pi * frequency_hz / rate_hz)
        k, total = self.coefficients, complex(self.gain)
        for at in range(0, len(k), 4):
            total *= (1 + z1 * (k[at] + z1 * k[at + 1])) / (1 + z1 * (k[at + 2] + z1 * k[at + 3]))
        return total


def lowpass(order: int, edge_hz: float, rate_hz: float) -> Sections:
    """Butterworth low-pass of this order, -3 dB at the edge. ``DesignError`` for what cannot be."""
    _check_order(order)
    edge = _warped(edge_hz, rate_hz)
    return _sections([edge * pole for pole in _prototype(order)], [-1.0] * order, 1.0)


def highpass(order: int, edge_hz: float, rate_hz: float) -> Sections:
    """Butterworth high-pass of this order, -3 dB at the edge. ``DesignError`` for what cannot be."""
    _check_order(order)
    edge = _warped(edge_hz, rate_hz)
    return _sections([edge / pole for pole in _prototype(order)], [1.0] * order, -1.0)


def bandpass(order: int, low_hz: float, high_hz: float, rate_hz: float) -> Sections:
    """Butterworth band-pass, -3 dB at both edges; ``order`` sections, so steep on each side."""
    _check_order(order)
    low, high = _warped(low_hz, rate_hz), _warped(high_hz, rate_hz)
    if not low < high:
        raise DesignError(f"a band from {low_hz} to {high_hz} Hz: the lower edge must be below the upper")
    poles = []
    for pole in _prototype(order):
        half = pole * (high - low) / 2
        root = _root(half * half - low * high)
        poles += [half + root, half - root]
    centre = 2 * math.atan(math.sqrt(low * high))
    return _sections(poles, [1.0, -1.0] * order, _on_circle(centre))


def notch(frequency_hz: float, quality: float, rate_hz: float) -> Sections:
    """One section that stops ``frequency_hz``; -3 dB over ``frequency_hz / quality`` around it."""
    _check_frequency(frequency_hz, rate_hz)
    if not 0 < quality < math.inf:
        raise DesignError(f"a notch of quality {quality}: it must be above 0")
    omega = 2 * math.pi * frequency_hz / rate_hz
    half_width = omega / quality / 2
    if half_width >= math.pi / 2:
        raise DesignError(f"a notch of {frequency_hz} Hz and quality {quality} is wider than the rate allows")
    gain = 1 / (1 + math.tan(half_width))
    middle = -2 * math.cos(omega)
    return Sections((middle, 1.0, gain * middle, 2 * gain - 1), gain)


def cascade(*parts: Sections) -> Sections:
    """One after the other as one."""
    gain = math.prod((part.gain for part in parts), start=1.0)
    return Sections(tuple(one for part in parts for one in part.coefficients), gain)


def anti_alias(factor: int, *, stop_db: float = 80.0, passed: float = 0.8) -> tuple[float, ...]:
    """Taps of a Kaiser-windowed low-pass to go before keeping every ``factor``-th sample.

    Passes up to ``passed`` of the new Nyquist frequency; from ``2 - passed`` of it everything is ``stop_db``
    down, so that what folds into the passed band is. The count is odd and the taps are symmetric: the delay
    is half of them, a whole number of samples. They add up to 1.
    """
    if not (isinstance(factor, int) and 2 <= factor <= 1000):
        raise DesignError(f"a decimation by {factor!r}: it must be a whole number, 2 to 1000")
    if not (21 < stop_db <= 120 and 0 < passed < 1):
        raise DesignError(f"{stop_db} dB and a share of {passed}: must be 21 to 120 dB, and 0 to 1")
    width = 2 * (1 - passed) / factor
    half = math.ceil((stop_db - 7.95) / (2.285 * math.pi * width) / 2)
    beta = (
        0.1102 * (stop_db - 8.7)
        if stop_db > 50
        else 0.5842 * (stop_db - 21) ** 0.4 + 0.07886 * (stop_db - 21)
    )
    taps = [_sinc(at / factor) * _kaiser(at / half, beta) for at in range(-half, half + 1)]
    total = math.fsum(taps)
    return tuple(tap / total for tap in taps)


def _check_order(order: int) -> None:
    if not (isinstance(order, int) and 1 <= order <= MOST_ORDER):
        raise DesignError(f"a filter of order {order!r}: it must be a whole number, 1 to {MOST_ORDER}")


def _check_frequency(frequency_hz: float, rate_hz: float) -> None:
    if not 0 < rate_hz < math.inf:
        raise DesignError(f"a rate of {rate_hz} Hz: it must be above 0")
    if not 0 < frequency_hz < rate_hz / 2:
        raise DesignError(
            f"an edge of {frequency_hz} Hz at {rate_hz} Hz: it must lie within 0 and half the rate"
        )


def _warped(frequency_hz: float, rate_hz: float) -> float:
    """The analogue frequency that the bilinear transform ``s = (z - 1) / (z + 1)`` takes to this one."""
    _check_frequency(frequency_hz, rate_hz)
    return math.tan(math.pi * frequency_hz / rate_hz)


def _prototype(order: int) -> list[complex]:
    """Poles of the analogue low-pass with its edge at 1."""
    return [_on_circle(math.pi * (2 * k + order + 1) / (2 * order)) for k in range(order)]


def _on_circle(angle: float) -> complex:
    """``cmath.exp(1j * angle)``; one module fewer to load."""
    return complex(math.cos(angle), math.sin(angle))


def _root(z: complex) -> complex:
    """``cmath.sqrt(z)``, for what is neither huge nor tiny."""
    if z == 0:
        return 0j
    large = 2.0 * math.sqrt((abs(z.real) + abs(z)) / 8.0)
    small = abs(z.imag) / (2.0 * large)
    real, imaginary = (large, small) if z.real >= 0.0 else (small, large)
    return complex(real, math.copysign(imaginary, z.imag))


def _sections(poles: list[complex], zeros: list[float], passed: complex) -> Sections:
    """Digital sections of analogue poles, given the digital zeros; the gain at ``passed`` is 1."""
    digital = [(1 + pole) / (1 - pole) for pole in poles]
    pairs = sorted(_pairs(digital), key=lambda pair: max(abs(pair[0]), abs(pair[1])))
    coefficients: list[float] = []
    total, left = 1 + 0j, list(zeros)
    for first, second in pairs:
        a1, a2 = -(first + second).real, (first * second).real
        one, two = left.pop(0), left.pop(0) if left else 0.0
        section = (-(one + two), one * two, a1, a2)
        coefficients.extend(section)
        z1 = 1 / passed
        total *= (1 + z1 * (section[0] + z1 * section[1])) / (1 + z1 * (a1 + z1 * a2))
    return Sections(tuple(coefficients), 1 / abs(total))


def _pairs(poles: list[complex]) -> list[tuple[complex, complex]]:
    """Each complex pole with its conjugate, real poles two by two, the last alone with 0."""
    tiny = 1e-12
    above = [pole for pole in poles if pole.imag > tiny]
    real = sorted((pole for pole in poles if abs(pole.imag) <= tiny), key=abs)
    if len(real) % 2:
        real.append(0j)
    return [(pole, pole.conjugate()) for pole in above] + list(zip(real[::2], real[1::2], strict=True))


def _sinc(x: float) -> float:
    return 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)


def _kaiser(x: float, beta: float) -> float:
    return _bessel_i0(beta * math.sqrt(1 - x * x)) / _bessel_i0(beta)


def _bessel_i0(x: float) -> float:
    """The modified Bessel function of order 0, by its series."""
    total, term, k = 1.0, 1.0, 1
    while term > 1e-17 * total:
        term *= (x / (2 * k)) ** 2
        total += term
        k += 1
    return total
