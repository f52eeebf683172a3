"""The stored zero of this board's two pressure sensors.

Theory of operation
-------------------
What each sensor counts while it is open to the air, measured once on the bench by a technician and written
in here before the folder is copied to the board's flash.  The self-test compares with these and nothing
else: no code writes them, so a zero is never taken from a cuff that happens to be under pressure.  The
controller says them in its hello, behind its board's name, and the gateway records them: a zero that was
changed shows in the journal.

A zero further from the data sheet's than ``FURTHEST_COUNTS`` is none that a sound sensor has (total error
band of the ABP series 1.5 % of 775.7 mmHg): its sensor gives no value, and nothing inflates.

Units: counts of the sensor's 14 bits, 0.06 mmHg each.
Portable subset: runs on CPython and on MicroPython.
"""

NOMINAL_COUNT = 1638
FURTHEST_COUNTS = 196

CONTROL_ZERO_COUNT = 1638
LIMIT_ZERO_COUNT = 1638


def is_plausible(zero_count: int) -> bool:
    """Whether a sound sensor can have this zero."""
    return abs(zero_count - NOMINAL_COUNT) <= FURTHEST_COUNTS


def board_name(name: str, control_zero_count: int, limit_zero_count: int) -> bytes:
    """What the hello says: the board and its stored zeros, in at most 24 bytes."""
    return f"{name} zero {control_zero_count} {limit_zero_count}".encode()[:24]
