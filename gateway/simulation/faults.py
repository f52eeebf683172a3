"""What goes wrong in one session: a plan drawn from a seed.

Theory of operation
-------------------
A ``Fault`` is one kind of the table (``fault_kinds``) at an instant; a plan is a few of those.  This is data
only: ``injector`` does what it says.

The fault model.  A session gets one to three faults, half of them at an instant drawn evenly over the
session, half while its cuff is inflated or its current flows.  Of what is broken in the equipment or
unexpected in the body (families *sensor*, *air*, *body*, *stimulation*) a session gets one at most: more than
one is more than the single fault condition of IEC 60601-1 (standard from memory), and some pairs (hose and
sensor lumen both blocked) nothing could notice.  Wires, processes, disks, clocks and people may fail on top
of it and on top of each other, because a single cause (a pulled plug, a crash) does that.  In a session with
stimulation the faults that only it can have are drawn four times as often as any other.

Units: times ms since the session was asked for.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.simulation.fault_kinds import EQUIPMENT, KINDS, Kind, Needs, Numbers, Span

_COUNTS = (1, 1, 1, 2, 2, 3)
_FAVOUR = 4


class UnknownFault(Exception):
    """A name that is no kind of fault; the message lists what there is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong at ``at_ms`` and is right again after ``for_ms``."""

    kind: str
    at_ms: int
    for_ms: int
    numbers: Numbers = field(default_factory=dict)


def plan(
    randomness: random.Random, names: Sequence[str], span_ms: int, under_way: Sequence[Span] = ()
) -> tuple[Fault, ...]:
    """The faults of one session of about ``span_ms``, in order of time; none when ``names`` is empty.

    ``under_way``: when the cuff is expected to be under pressure, or current to flow.
    """
    left = [kind for kind in map(KINDS.__getitem__, names) for _ in range(_weight(kind))]
    faults: list[Fault] = []
    for _ in range(randomness.choice(_COUNTS)):
        if not left:
            break
        kind = randomness.choice(left)
        faults.append(_at_some_time(randomness, kind, span_ms, under_way))
        left = [other for other in left if other is not kind and not _excluded(kind, other)]
    return tuple(sorted(faults, key=lambda fault: (fault.at_ms, fault.kind)))


def fitting(names: Sequence[str], uses: Needs) -> tuple[str, ...]:
    """Those of these kinds that mean something to a session that uses the cuff, or the stimulator."""
    return tuple(name for name in names if KINDS[name].needs in (Needs.NOTHING, uses))


def available() -> list[str]:
    """Every kind, in the order of the table."""
    return list(KINDS)


def chosen(words: str) -> list[str]:
    """What ``all``, ``none`` or names with commas between them mean. Raises ``UnknownFault``."""
    if words == "all":
        return available()
    if words == "none":
        return []
    names = [word.strip() for word in words.split(",") if word.strip()]
    wrong = [name for name in names if name not in available()]
    if wrong or not names:
        said = ", ".join(wrong) or repr(words)
        raise UnknownFault(f"{said} cannot be given; choose all, none or of: {', '.join(available())}")
    return names


def listing() -> str:
    """The table of kinds for a person."""
    width = max(map(len, KINDS))
    return "\n".join(f"{kind.name:<{width}}  {kind.text}" for kind in KINDS.values())


def _weight(kind: Kind) -> int:
    return _FAVOUR if kind.needs is Needs.STIMULATOR else 1


def _excluded(kind: Kind, other: Kind) -> bool:
    return kind.family in EQUIPMENT and other.family in EQUIPMENT


def _at_some_time(randomness: random.Random, kind: Kind, span_ms: int, under_way: Sequence[Span]) -> Fault:
    at_ms = 0 if kind.from_the_start else _instant(randomness, span_ms, under_way)
    shortest, longest = kind.lasting_ms
    for_ms = randomness.randint(shortest, longest)
    return Fault(kind.name, at_ms, for_ms, kind.draw(randomness))


def _instant(randomness: random.Random, span_ms: int, under_way: Sequence[Span]) -> int:
    """Any instant of the session, or with even chances one while something is energised."""
    if under_way and randomness.random() < 0.5:
        return randomness.randrange(*randomness.choice(under_way))
    return randomness.randrange(span_ms)
