"""The clocks: the one place of the core that reads time.

Theory of operation
-------------------
Everything else is handed its time.  Intervals use CLOCK_BOOTTIME (monotonic, goes on through
suspend, comparable between two runs of the core on the same boot of the machine).  Wall time only
labels rows; its quality is the kernel's own judgement (adjtimex): synchronised, or not.

A ``Clock`` is what the core is given; ``SystemClock`` is the real one.  The virtual one of the
simulation has the same face.

Units: ms.
"""

import ctypes
import time
from functools import cache
from pathlib import Path
from typing import Protocol

from gateway.record.row import ClockQuality, Stamp

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR = 5
_Timex = ctypes.c_char * 512
"""Room for the kernel's ``struct timex``, which nobody here reads."""


class Clock(Protocol):
    """What the core needs of a clock."""

    boot_id: str

    def now_ms(self) -> int:
        """Monotonic ms, comparable within one boot of the machine."""
        ...

    def stamp(self, boot: int, mono_ms: int) -> Stamp:
        """The label of a row that became true at ``mono_ms``."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self.boot_id = _BOOT_ID.read_text().strip()

    def now_ms(self) -> int:
        """CLOCK_BOOTTIME in ms."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def stamp(self, boot: int, mono_ms: int) -> Stamp:
        """Wall time is read now and carried back to ``mono_ms``."""
        wall_ms = time.time_ns() // 1_000_000 - (self.now_ms() - mono_ms)
        return Stamp(boot, mono_ms, wall_ms, clock_quality())


@cache
def _libc() -> ctypes.CDLL:
    """Opened once: each opening leaves classes that only the garbage collector can take away."""
    return ctypes.CDLL(None)


def clock_quality() -> ClockQuality:
    """Whether the kernel holds its wall clock for synchronised (adjtimex without changes)."""
    try:
        state = _libc().adjtimex(_Timex())
    except (OSError, AttributeError):
        return ClockQuality.UNSYNCHRONISED
    if state < 0 or state == _TIME_ERROR:
        return ClockQuality.UNSYNCHRONISED
    return ClockQuality.SYNCHRONISED
