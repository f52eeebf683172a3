"""Flags that many parts of an examination share, as one flag each.

Theory of operation
-------------------
Nineteen occlusions without a signal are one thing to know, not thirty-eight lines.  Flags of one id about one
value become one that names its parts; it then stands for the whole, so that each part finds it.
"""

from collections.abc import Sequence

from gateway.exams.result import Flag


def folded(flags: Sequence[Flag]) -> list[Flag]:
    """One flag for all parts that have it, in the order of the first."""
    kinds: dict[tuple[str, str], list[Flag]] = {}
    for one in flags:
        kinds.setdefault((one.id, one.about), []).append(one)
    return [own[0] if len(own) == 1 else _of_several(own) for own in kinds.values()]


def _of_several(flags: Sequence[Flag]) -> Flag:
    first = flags[0]
    others = "" if all(one.text == first.text for one in flags) else " (the first of them)"
    parts = ", ".join(one.of for one in flags)
    text = f"{first.text}{others}: in {len(flags)}, which are {parts}"
    return Flag(id=first.id, severity=first.severity, text=text, about=first.about)
