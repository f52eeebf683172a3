"""When the buzzer sounds.

Theory of operation
-------------------
A latched fault and a HIGH alarm of the host sound without a break, MEDIUM a fifth of every second, LOW a
fifth of a second every four.  A host that has fallen silent sounds at least like MEDIUM.  The host can
silence its own alarm but not a latched fault.  (The melodies of IEC 60601-1-8 need a sounder that can play
them; this one cannot.)

Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff

_BEEP_MS = 200
_MEDIUM_PERIOD_MS = 1000
_LOW_PERIOD_MS = 4000


def sounds(now_ms: int, faulted: bool, priority: int, host_lost: bool) -> bool:
    """Whether the buzzer is on at this instant."""
    if faulted or priority == cuff.HIGH:
        return True
    if priority == cuff.MEDIUM or host_lost:
        return now_ms % _MEDIUM_PERIOD_MS < _BEEP_MS
    return priority == cuff.LOW and now_ms % _LOW_PERIOD_MS < _BEEP_MS
