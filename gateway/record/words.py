"""Numbers as a person at the bedside says them.

Theory of operation
-------------------
Pure functions from values to text.  ``None`` is said as what it is, "no value", never as zero.

Units: seconds in; the words carry their own.
"""

NO_VALUE = "no value"


def duration(seconds: float) -> str:
    """``8 s``, ``5 min``, ``3 min 12 s``, ``1 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def quantity(value: float | None, unit: str) -> str:
    """One decimal and the unit."""
    return NO_VALUE if value is None else f"{value:.1f} {unit}"


def share(value: float | None) -> str:
    """A share from 0 to 1 as a percentage."""
    return NO_VALUE if value is None else f"{100 * value:.1f} %"


def limb(code: str) -> str:
    """``left thigh`` for ``left_thigh``; of a session of version 0.1.0 it is not known."""
    return code.replace("_", " ") or "limb not known"
