"""What the rules carry from one step to the next: durations and values, no instant of a clock.

Theory of operation
-------------------
Every ``..._ms`` here is a stopwatch: how long something has lasted or how long ago it was, ``None`` while
it is not running.  So two memories are equal when they have the same future, whatever the clock said.

Units: ms, 0.1 mmHg, mmHg, uA, per mille.
"""

from typing import NamedTuple

from gateway.model import Intent, Limb, Purpose, Reason

LIMBS = tuple(Limb)


class Account(NamedTuple):
    """The ischaemia debt of one limb, and whether it was under pressure when that was last seen."""

    owed_ms: int
    pressed: bool = False


class Running(NamedTuple):
    """The inflation under way: what was granted, on which systolic, for how long by now.

    ``aimed_ms`` since the present target was set, ``arrived_ms`` since it was reached.
    """

    wish: Intent
    systolic_mmhg: int
    since_ms: int = 0
    aimed_ms: int = 0
    arrived_ms: int | None = None
    passed: bool = False

    @property
    def target_dmmhg(self) -> int:
        """The pressure that is aimed at."""
        return self.wish.pressure_dmmhg or 0

    @property
    def purpose(self) -> Purpose:
        """What it is for."""
        return self.wish.purpose


class Lasting(NamedTuple):
    """For how long each condition has held without a break; ``None`` where it does not hold.

    ``worked`` is the work to hold less what rest makes up for, in 1/1000 ms.

    ``..._seen_ms`` is how long ago a condition last held that a moment of relief does not end.
    """

    over_ms: int | None = None
    blind_ms: int | None = None
    apart_ms: int | None = None
    pressed_ms: int | None = None
    deviating_ms: int | None = None
    low_ms: int | None = None
    low_seen_ms: int | None = None
    absent_ms: int | None = None
    unsaturated_ms: int | None = None
    congesting_ms: int | None = None
    congesting_seen_ms: int | None = None
    working_ms: int | None = None
    worked: int = 0
    residual_ms: int | None = None
    bleeding_ms: int | None = None


class Session(NamedTuple):
    """The session by its number, the count of the button when it was first seen armed, what it spent."""

    number: int | None = None
    presses: int | None = None
    therapy_ms: int = 0
    examination_ms: int = 0
    series: int = 0
    series_ms: int | None = None
    examining: bool = False


class Oximetry(NamedTuple):
    """What the oximeter showed when the target was reached, and since.

    ``others`` are the values of the other limb, with their ages; ``held_ms`` is how long the hold was, once
    it is over; ``released_ms`` since the cuff was empty again.  ``told``: a person has cleared a failed
    recovery.
    """

    since_ms: int
    saturation: int | None
    haemoglobin: int | None
    others: tuple[tuple[int, int], ...]
    lowest: int | None
    verdict: str | None = None
    held_ms: int | None = None
    released_ms: int | None = None
    recovered: bool = False
    told: bool = False


class Pulses(NamedTuple):
    """The stimulation: ``base_ua`` is what the rise of this contraction counts from.

    ``begun_ms`` is how long ago the present contraction got its first pulses, ``rested_ms`` how long ago the
    last ones ended.
    """

    on: bool = False
    contraction: int = 0
    current_ua: int = 0
    base_ua: int = 0
    presses: int = 0
    pressed_ms: int | None = None
    permitted_ms: int | None = None
    link: int | None = None
    spent_ms: int = 0
    begun_ms: int | None = None
    rested_ms: int | None = None


class Memory(NamedTuple):
    """Everything. ``rests`` has, for each limb, how long ago the cuff was last emptied on it."""

    accounts: tuple[Account, ...]
    latched: Reason | None = None
    place: Limb | None = None
    rests: tuple[int | None, ...] = (None,) * len(LIMBS)
    session: Session = Session()
    running: Running | None = None
    venting_ms: int | None = None
    moved_ms: int | None = None
    nonce: int | None = None
    begun: bool = False
    lasting: Lasting = Lasting()
    oximetry: Oximetry | None = None
    pulses: Pulses = Pulses()

    @property
    def account(self) -> Account:
        """That of the limb under the cuff; the largest while nobody has said which that is."""
        if self.place is None:
            return max(self.accounts, key=lambda one: one.owed_ms)
        return self.accounts[LIMBS.index(self.place)]


def owing(owed_ms: int) -> tuple[Account, ...]:
    """The same debt on every limb."""
    return (Account(owed_ms),) * len(LIMBS)


def later(since_ms: int | None, elapsed_ms: int) -> int | None:
    """A stopwatch that goes on."""
    return None if since_ms is None else since_ms + elapsed_ms
