"""The load cell converter HX711 (Avia Semiconductor), clocked bit by bit.

Theory of operation
-------------------
Two wires: we drive PD_SCK, the converter drives DOUT.  DOUT is high while it converts and low when a result
is ready.  24 clocks shift the result out, most significant bit first, two's complement; one to three more
say what is converted next and let DOUT go high again:

======  =====  ====
clocks  input  gain
======  =====  ====
25      A      128
26      B      32
27      A      64
======  =====  ====

It converts 10 or 80 times a second, as its RATE pin says, by an oscillator of its own: the rate is nominal.
PD_SCK high for more than 60 us powers it down; low again, it resets to A with a gain of 128.  So no clock may
be stretched: interrupts are held off while PD_SCK is high, and nothing in ``read`` allocates memory.
After a power-up or another input, the first results are not settled (data sheet: four conversions); the very
first still has the gain of a reset.

A DOUT that stays low after the last clock is no converter but a wire to ground, and gives no result.
7FFFFF and 800000 are the ends of the scale: the cell is overloaded, or its wire is off.

The figures are those of the maker's data sheet as this project knows it from other open drivers; they have
not been checked on a converter.

Units: counts.  Portable subset: runs on CPython and on MicroPython.
"""

A128 = 25
B32 = 26
A64 = 27

HIGHEST = 0x7FFFFF
LOWEST = -0x800000
UNSETTLED = 5
POWER_DOWN_US = 60

_BITS = 24


def _no_guard() -> int:
    return 0


def _no_release(state: int) -> None:
    pass


class Hx711:
    """One converter.

    ``clock(level)`` sets PD_SCK, ``data()`` reads DOUT: ``machine.Pin`` objects are called like this.
    ``guard`` holds interrupts off and ``release`` lets them go on (``machine.disable_irq`` and
    ``enable_irq``). ``stuck`` counts results that no converter can have sent.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self, clock, data, clocks: int = A128, guard=_no_guard, release=_no_release
    ) -> None:
        if clocks not in (A128, B32, A64):
            raise ValueError(f"an HX711 knows 25, 26 and 27 clocks, not {clocks}")
        self.stuck = 0
        self._clock = clock
        self._data = data
        self._clocks = clocks
        self._guard = guard
        self._release = release
        self._unsettled = UNSETTLED
        self.power_down()

    def power_down(self) -> None:
        """PD_SCK high: asleep after 60 us."""
        self._clock(1)

    def power_up(self) -> None:
        """PD_SCK low: it resets and begins to convert."""
        self._clock(0)
        self._unsettled = UNSETTLED

    def is_ready(self) -> bool:
        """Whether a result can be read; never while it is powered down."""
        return not self._data()

    def read(self) -> int | None:
        """The result that is ready; ``None`` while it is not settled, or where it is none."""
        count = 0
        for _ in range(_BITS):
            self._pulse()
            count = count << 1 | self._data()
        for _ in range(self._clocks - _BITS):
            self._pulse()
        if not self._data():
            self.stuck += 1
            return None
        if self._unsettled:
            self._unsettled -= 1
            return None
        return (count ^ 0x800000) - 0x800000

    def _pulse(self) -> None:
        state = self._guard()
        self._clock(1)
        self._clock(0)
        self._release(state)


def is_saturated(count: int) -> bool:
    """Whether a result stands at an end of the scale."""
    return count >= HIGHEST or count <= LOWEST


def frame(count: int) -> bytes:
    """A result as it travels: three bytes, the lowest first."""
    return bytes((count & 0xFF, count >> 8 & 0xFF, count >> 16 & 0xFF))
