"""The slices that watch and move the body: the oximeter before, during and after a hold, and the stimulator.

Units: pressures 0.1 mmHg, StO2 and haemoglobin per mille, uA, times ticks.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from gateway.model import Purpose
from gateway.safety.observations import Arming
from tests.safety.exploration.letters import (
    ARMING,
    READY,
    TARGET,
    Letter,
    PulseWish,
    Pulsing,
    asking,
    intent,
    named,
    pulsing,
    row_of,
    site,
)
from tests.safety.exploration.small import SHORT, STOPS, Slice, changed

# --- tissue ------------------------------------------------------------------------------------------


def tissue(whole: bool) -> Slice:
    """What the oximeter says before, during and after a hold."""
    planned = 4 if whole else 3
    limits = replace(
        SHORT,
        debt_inflation_ms=planned,
        debt_vent_ms=planned + 1,
        debt_unknown_ms=planned,
        planned_longest_ms=planned,
        not_deflated_ms=1,
        other_limb_every_ms=1 if whole else 2,
    )
    letters = tuple(_tissue_letters(planned, whole))
    unread = ("rests", "spent")
    held = ("empty, wish, 700", "held, wish, 700", "held, wish, 650", "held, wish, 650")
    released = (*held[:-1], "held, no wish", "empty, 650", "empty, 650")
    congested = (*held[:1], "held, wish, 700, blood", "held, wish, 650, more blood")
    prologues = (held, (*held[:-1], "held, wish, 650, flow"), released, (*released, "empty, 650"), congested)
    return Slice(
        "tissue",
        limits,
        letters,
        "empty, wish, 700",
        "empty, wish, 700, reset",
        unread=unread,
        prologues=prologues,
    )


def _tissue_letters(planned: int, whole: bool) -> Iterator[Letter]:
    values: dict[str, dict[str, Any]] = {
        "700": {"saturation": 700, "saturation_expected": True},
        "650": {"saturation": 650},
        "no value": {"saturation_expected": True},
    }
    half_back = {"675": {"saturation": 675}, "674": {"saturation": 674}}
    more: dict[str, dict[str, Any]] = {
        "700, blood": {"haemoglobin": 1_000, "saturation": 700},
        "650, blood": {"haemoglobin": 1_000, "saturation": 650},
        "650, more blood": {"haemoglobin": 1_051, "saturation": 650},
        "650, less blood": {"haemoglobin": 949, "saturation": 650},
        "650, flow": {"saturation": 650, "flow_seen": True},
        "700, other 700": {"other": 700, "saturation": 700},
        "700, other 650": {"other": 650, "saturation": 700},
    }
    if whole:
        more |= half_back | {
            "651": {"saturation": 651},
            "650, as much blood": {"haemoglobin": 1_050, "saturation": 650},
            "700, other 651": {"other": 651, "saturation": 700},
            "650, old": {"saturation": 650, "saturation_age": 3},
        }
    wish = intent(planned=planned)
    for value, changes in (values | half_back).items():
        yield Letter(named("empty", value), **changes)
        yield asking(named("empty", "wish", value), wish, **changes)
    for value, changes in (values | more).items():
        yield asking(named("held", "wish", value), wish, sensors=(1_500, 1_500), **changes)
    other = intent(planned=planned, purpose=Purpose.RESTRICTION)
    yield asking("held, restriction", other, sensors=(1_500, 1_500), haemoglobin=1_051, other=650)
    yield asking(
        "empty, restriction", other, arming=replace(ARMING, limb_pressure_dmmhg=TARGET), haemoglobin=1_000
    )
    yield Letter("held, no wish", sensors=(1_500, 1_500))
    for once in ("not armed", "stop", "reset", "no status"):
        for name, pressures in (("empty", (50, 50)), ("held", (1_500, 1_500))):
            changes = STOPS[once]
            letter = asking(named(name, "wish", "700"), wish, sensors=pressures, saturation=700)
            yield changed(letter, once, changes)


# --- pulses ------------------------------------------------------------------------------------------


def pulses(whole: bool) -> Slice:
    """The stimulator: what is asked, what it says of itself, and the cuff in trouble beside it."""
    unread = ("rests", "oximetry")
    letters = tuple(_pulse_letters(4 if whole else 3))
    return Slice("pulses", SHORT, letters, "", "", unread=unread, budget=3, train=2)


def _pulse_letters(most: int) -> Iterator[Letter]:
    arming = replace(ARMING, stimulation=site(most), stimulation_left_ms=3)
    quiet = Letter("quiet", arming=arming, stimulator=Pulsing())
    yield quiet
    for current, another, press in product(range(1, most + 1), (False, True), (False, True)):
        name = named(f"{current} uA" + " next" * another + ", press" * press)
        said = Pulsing(stimulating=current % 2 == 0)
        yield pulsing(name, PulseWish(current, another, press), arming=arming, stimulator=said)
    says: dict[str, dict[str, Any]] = {
        "stimulating": {"stimulator": Pulsing(stimulating=True)},
        "electrode": {"stimulator": Pulsing(electrode_fault=True)},
        "another link": {"stimulator": Pulsing(another_link=True)},
        "just heard": {"stimulator": Pulsing(age=1)},
        "silent": {"stimulator": Pulsing(age=2)},
        "no stimulator": {"stimulator": None},
        "not configured": {"arming": replace(arming, stimulation=None)},
        "not ready": {"arming": replace(arming, readiness=replace(READY, screened=False))},
        "budget spent": {"arming": replace(arming, stimulation_left_ms=0)},
        "another session": {"arming": replace(arming, number=2)},
    }
    one = pulsing("1 uA next", PulseWish(1, True), arming=arming)
    for name, changes in (says | STOPS).items():
        yield changed(one, name, changes)
        yield changed(quiet, name, changes)
    yield from _rows(arming)
    yield from _beyond(arming, most)


def _rows(arming: Arming) -> Iterator[Letter]:
    """What can be wrong with the row that authorises a contraction, before it and during it."""
    for name, another in (("1 uA next", True), ("1 uA", False)):
        wish = PulseWish(1, another)
        rows = {
            "no row": None,
            "row of another contraction": row_of(wish, another=not another),
            "row just valid": row_of(wish, age=1),
            "row old": row_of(wish, age=2),
            "row of the future": row_of(wish, age=-1),
            "row below": row_of(wish, ceiling_ua=0),
            "row of another width": row_of(wish, pulse_width_us=101),
            "row of another rate": row_of(wish, frequency_dhz=101),
            "row of a shorter time": row_of(wish, planned_ms=1),
        }
        for said, row in rows.items():
            yield pulsing(named(name, said), wish, arming=arming, train=row)


def _beyond(arming: Arming, most: int) -> Iterator[Letter]:
    """Each ceiling by itself: just reached, and just passed."""
    ceilings = {
        "current": (PulseWish(most, True, True), PulseWish(most + 1, True, True)),
        "width": (PulseWish(1, True, False, 1_000), PulseWish(1, True, False, 1_001)),
        "rate": (PulseWish(1, True, False, 100, 1_000), PulseWish(1, True, False, 100, 1_001)),
        "nothing": (PulseWish(1, True), PulseWish(0, True)),
    }
    for name, (within, beyond) in ceilings.items():
        yield pulsing(named("next", name, "reached"), within, arming=arming)
        yield pulsing(named("next", name, "passed"), beyond, arming=arming)
    two = pulsing("two wishes", PulseWish(1, True), arming=arming)
    yield two._replace(pulses=(PulseWish(1, True), PulseWish(1)))
    for charge in (999, 1_000):
        tight = replace(arming, stimulation=site(most, charge_nc=charge))
        wish = PulseWish(1_000 if most >= 1_000 else 1, True, False, 1_000)
        yield pulsing(f"1 uA next, charge {charge}", wish, arming=tight)
