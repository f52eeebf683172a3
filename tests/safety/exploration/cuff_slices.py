"""The slices that move the cuff: its sensors and people, kinds of inflation, budgets, the limb it is on.

Units: pressures 0.1 mmHg, blood pressures mmHg, times ticks.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from gateway.model import BloodPressure, DeviceFault, Intent, Limb, Purpose, Reason
from gateway.safety.limits import Limits
from gateway.safety.observations import Arming
from tests.safety.exploration.letters import ARMING, READY, TARGET, Letter, asking, intent, named
from tests.safety.exploration.small import LONG, SHORT, STOPS, Slice, changed

_CUFF = {
    "empty": (50, 50),
    "nearly empty": (150, 150),
    "above": (151, 151),
    "held": (1_470, 1_470),
    "low": (1_399, 1_399),
    "low, far from target": (1_349, 1_349),
    "over": (3_101, 3_101),
    "far over": (3_201, 3_201),
    "apart": (1_500, 1_349),
    "blind, empty": (None, 50),
    "blind, held": (1_500, None),
    "impossibly low": (-151, -151),
}
_MORE_CUFF = {
    "veins free": (200, 200),
    "veins shut": (201, 201),
    "nearly there": (1_469, 1_469),
    "high, far from target": (1_651, 1_651),
    "apart, control low": (150, 301),
    "blind to all": (None, None),
    "blind, limit held": (None, 1_500),
}


def _at_cuff(name: str, wish: Intent | None, sensors: tuple[int | None, int | None]) -> Letter:
    if wish is None:
        return Letter(name, sensors=sensors)
    return asking(named(name, "wish"), wish, sensors=sensors)


# --- cuff --------------------------------------------------------------------------------------------


def _cuff_once(limits: Limits, planned: int, whole: bool) -> dict[str, dict[str, Any]]:
    """What may be different for one instant; ages and debts stand at the edges of their limits."""
    once: dict[str, dict[str, Any]] = STOPS | {
        "status of the future": {"sensors_age": -1},
        "status just fresh": {"sensors_age": limits.status_age_ms},
        "status old": {"sensors_age": limits.status_age_ms + 1},
        "fault": {"faults": DeviceFault.GATEWAY_LOST},
        "controller restarted": {"restarted": True},
        "controller owes": {"device_debt": limits.debt_inflation_ms - planned + 1},
        "controller owes too much": {"device_debt": limits.debt_vent_ms},
        "working": {"working": True},
        "not accepted": {"accepted": False},
        "journal failed": {"journal_failed": True},
        "lease refused": {"lease_refused": True},
        "no blood pressure": {"pressure": None},
        "blood pressure old": {"pressure_age": limits.blood_pressure_age_ms + 1},
        "systolic too high": {"pressure": BloodPressure(181, 80, 0)},
        "systolic has risen": {"pressure": BloodPressure(131, 80, 0)},
        "no row": {"row": None},
        "row old": {"row_age": limits.authorisation_age_ms + 1},
        "oximeter expected": {"saturation_expected": True},
        "oximeter silent": {"saturation_age": 9, "saturation_expected": True},
        "reset, fault": {"reset": True, "faults": DeviceFault.LOOP_LATE},
        "reset, journal failed": {"reset": True, "journal_failed": True},
    }
    if not whole:
        return once
    return once | {
        "controller owes just enough": {"device_debt": limits.debt_inflation_ms - planned},
        "controller owes nearly too much": {"device_debt": limits.debt_vent_ms - 1},
        "blood pressure just fresh": {"pressure_age": limits.blood_pressure_age_ms},
        "blood pressure of the future": {"pressure_age": -1},
        "systolic too low": {"pressure": BloodPressure(89, 80, 0)},
        "mean too low": {"pressure": BloodPressure(90, 52, 0)},
        "a far lower systolic": {"pressure": BloodPressure(49, 80, 0)},
        "a lower systolic": {"pressure": BloodPressure(100, 80, 0)},
        "row just valid": {"row_age": limits.authorisation_age_ms},
        "row of the future": {"row_age": -1},
        "no oximeter": {"saturation_age": None, "saturation_expected": True},
        "moving": {"moving": True},
        "reset, stop": {"reset": True, "stop": Reason.STOPPED_BY_OPERATOR},
        "reset, no status": {"reset": True, "sensors": None},
        "reset, controller restarted": {"reset": True, "restarted": True},
        "not armed, no status": {"arming": None, "sensors": None},
    }


def _cuff_letters(limits: Limits, planned: int, whole: bool) -> Iterator[Letter]:
    cuffs = _CUFF | _MORE_CUFF if whole else _CUFF
    wish = intent(planned=planned)
    for name, asked in product(cuffs, (None, wish)):
        letter = _at_cuff(name, asked, cuffs[name])
        yield letter
        if whole:
            for once in ("reset", "not armed", "status old"):
                yield changed(letter, once, _cuff_once(limits, planned, whole)[once])
    some = ("empty", "above", "held", "low", "over") if whole else ("empty", "held")
    for name, asked in product(some, (None, wish) if whole else (wish,)):
        letter = _at_cuff(name, asked, cuffs[name])
        for once, changes in _cuff_once(limits, planned, whole).items():
            if not (whole and once in ("reset", "not armed", "status old")):
                yield changed(letter, once, changes)
        for elapsed in (-1, 0, 2, 3) if whole else (-1, 0, 2):
            yield changed(letter, f"after {elapsed}", {"elapsed": elapsed})
    yield from _other_wishes(limits, planned, some[:2] if whole else ("empty", "held"))


def _other_wishes(limits: Limits, planned: int, some: tuple[str, ...]) -> Iterator[Letter]:
    wishes = {
        "a vent": intent(None),
        "a higher target": intent(TARGET + 100, planned),
        "another cycle": intent(planned=planned, cycle=2),
        "a longer time": intent(planned=planned + 1),
        "too long a time": intent(planned=limits.planned_longest_ms + 1),
        "no time": intent(planned=0),
        "above the ceiling": intent(limits.pressure_ceiling_dmmhg + 1, planned),
        "below systolic": intent(1_399, planned),
    }
    for name, (wish, asked) in product(some, wishes.items()):
        yield asking(named(name, wish), asked, sensors=_CUFF[name])
    two = (intent(planned=planned), intent(None))
    yield asking("empty, two wishes", two[0])._replace(wishes=two)
    yield asking("empty, row of another cycle", two[0], row=None)._replace(
        row=asking("", intent(planned=planned, cycle=2)).row
    )


_CUFF_PROLOGUES = (
    ("empty, wish", "held, wish"),
    ("empty, wish", "held, wish", "held"),
    ("apart", "apart"),
    ("nearly empty", "nearly empty"),
    ("empty, wish", "held, wish", "held, wish, working"),
    ("empty, wish", "held, wish", "low, wish"),
)


def cuff(whole: bool) -> Slice:
    """Sensors, controller, people and clock around an occlusion."""
    limits, planned = (LONG, 4) if whole else (SHORT, 3)
    letters = tuple(_cuff_letters(limits, planned, whole))
    unread = ("rests", "spent", "oximetry")
    return Slice(
        "cuff", limits, letters, "empty, wish", "empty, wish, reset", unread=unread, prologues=_CUFF_PROLOGUES
    )


# --- purposes ----------------------------------------------------------------------------------------


_PRESSES = {"empty": (50, 50), "held": (1_500, 1_500), "half": (749, 749), "veins shut": (201, 201)}


def purposes(whole: bool) -> Slice:
    """Kinds of inflation, what was measured, readiness; the climb of a measurement."""
    limits = replace(SHORT, short_longest_ms=1)
    letters = tuple(_purpose_letters(limits, whole))
    unread = ("rests", "oximetry", "spent", "series")
    return Slice("purposes", limits, letters, "empty, occlusion", "empty, occlusion, reset", unread=unread)


def _purpose_letters(limits: Limits, whole: bool) -> Iterator[Letter]:
    measured = replace(ARMING, limb_pressure_dmmhg=1_600)
    for name, pressures in _PRESSES.items():
        yield Letter(name, sensors=pressures, arming=measured)
        for purpose in Purpose:
            planned = 1 if purpose is Purpose.SHORT_OCCLUSIONS else 2
            wish = intent(1_500, planned, purpose=purpose)
            yield asking(named(name, purpose), wish, sensors=pressures, arming=measured)
    climbs = (1_600, 3_000, 3_001)
    for name, target in product(("empty", "held"), climbs):
        wish = intent(target, 2, purpose=Purpose.LIMB_PRESSURE)
        letter = asking(named(name, f"climb to {target}"), wish, sensors=_PRESSES[name], arming=measured)
        yield letter
        yield changed(letter, "no blood pressure", {"pressure": None})
        if whole:
            yield changed(letter, "other plan", {"wishes": (replace(wish, planned_ms=1),)})
    yield from _refused(limits, measured)
    for once, changes in STOPS.items():
        for name in ("empty", "held"):
            yield changed(Letter(name, sensors=_PRESSES[name], arming=measured), once, changes)
    asked = asking("empty, occlusion", intent(1_500, 2), arming=measured)
    yield changed(asked, "reset", {"reset": True})


def _refused(limits: Limits, measured: Arming) -> Iterator[Letter]:
    """What depends on the arming: the measurement, and each thing that must be ready."""
    restricting, measuring = (
        intent(1_500, 2, purpose=purpose) for purpose in (Purpose.RESTRICTION, Purpose.LIMB_PRESSURE)
    )
    high, unmeasured = limits.unmeasured_target_dmmhg, replace(measured, limb_pressure_dmmhg=None)
    for name, wish in {
        "occlusion, highest unmeasured": intent(high, 2),
        "occlusion, too high unmeasured": intent(high + 1, 2),
        "restriction, unmeasured": intent(1_000, 2, purpose=Purpose.RESTRICTION),
        "measurement, unmeasured": intent(high + 1, 2, purpose=Purpose.LIMB_PRESSURE),
    }.items():
        yield asking(named("empty", name), wish, arming=unmeasured)
    for name, wish in {
        "occlusion, too high but measured": intent(high + 1, 2),
        "restriction at the measured": intent(1_600, 2, purpose=Purpose.RESTRICTION),
        "restriction above the measured": intent(1_601, 2, purpose=Purpose.RESTRICTION),
        "short one too long": intent(1_500, limits.short_longest_ms + 1, purpose=Purpose.SHORT_OCCLUSIONS),
        "restriction below systolic": intent(1_000, 2, purpose=Purpose.RESTRICTION),
    }.items():
        yield asking(named("empty", name), wish, arming=measured)
    for least, wish in product((1_500, 1_501), (intent(1_500, 2), restricting, measuring)):
        needed = replace(measured, least_dmmhg=least)
        yield asking(named("empty", wish.purpose, f"the limb needs {least}"), wish, arming=needed)
    lower = {"pressure": BloodPressure(90, 80, 0)}
    restricts = intent(1_500, 2, purpose=Purpose.RESTRICTION)
    yield asking("empty, restriction far above a lower systolic", restricts, arming=measured, **lower)
    held = asking("held, occlusion", intent(1_500, 2), sensors=(1_500, 1_500), arming=unmeasured)
    yield changed(held, "a lower systolic, unmeasured", lower)
    for change in _UNREADY:
        unready = replace(measured, readiness=replace(READY, **change))
        yield asking(named("empty", "unready", *map(str, change)), intent(1_500, 2), arming=unready)


_UNREADY: tuple[dict[str, Any], ...] = (
    {"screened": False},
    {"skin_seen": False},
    {"limb_confirmed": False},
    {"cuff_width_mm": None},
    {"nothing_under_cuff": False},
    {"probe_distal": False},
    {"circumference_mm": 771},
    {"self_test_passed": False},
    {"pressed_ago_ms": 2},
)


# --- budgets -----------------------------------------------------------------------------------------


def budgets(whole: bool) -> Slice:
    """What each kind of inflation is paid from, whole examinations, and the series on one blood pressure."""
    limits = replace(
        SHORT,
        debt_inflation_ms=3,
        debt_vent_ms=4,
        debt_unknown_ms=3,
        planned_longest_ms=2,
        short_longest_ms=1,
        short_series_ms=5 if whole else 4,
        not_deflated_ms=1,
    )
    left = 5 if whole else 3
    unread = ("rests", "oximetry")
    return Slice("budgets", limits, tuple(_budget_letters(limits, left)), "", "", unread=unread, budget=left)


def _budget_letters(limits: Limits, left: int) -> Iterator[Letter]:
    arming = replace(ARMING, therapy_left_ms=left, examination_left_ms=left)
    wishes = {
        "occlusion": intent(planned=1),
        "test": intent(planned=1, purpose=Purpose.OCCLUSION_TEST),
        "short": intent(planned=1, purpose=Purpose.SHORT_OCCLUSIONS),
        "short of another series": intent(planned=1, purpose=Purpose.SHORT_OCCLUSIONS, series=1),
    }
    for name, pressures in {"empty": (50, 50), "held": (1_500, 1_500)}.items():
        quiet = Letter(name, sensors=pressures, arming=arming)
        yield quiet
        for once in ("not armed", "reset", "stop"):
            yield changed(quiet, once, STOPS[once])
        yield changed(quiet, "another session", {"arming": replace(arming, number=2)})
        for asked, wish in wishes.items():
            yield asking(named(name, asked), wish, sensors=pressures, arming=arming)
    for fits in (True, False):
        schedule = left - limits.not_deflated_ms + (not fits)
        wish = intent(planned=1, purpose=Purpose.OCCLUSION_TEST, schedule=schedule)
        yield asking("empty, test that " + ("just fits" if fits else "does not fit"), wish, arming=arming)
    therapy = intent(planned=1, schedule=left)
    yield asking("empty, occlusion of a long session", therapy, arming=arming)
    for age in (limits.blood_pressure_age_ms + 1, limits.short_series_ms + 1, -1):
        for asked in ("occlusion", "short", "short of another series"):
            letter = asking(named("empty", asked), wishes[asked], arming=arming)
            yield changed(letter, f"blood pressure {age} old", {"pressure_age": age})


# --- limbs -------------------------------------------------------------------------------------------


def limbs(whole: bool) -> Slice:
    """One cuff that goes from limb to limb; each limb keeps its own debt and its own rest."""
    limits = replace(
        SHORT, debt_inflation_ms=2, debt_vent_ms=3, debt_unknown_ms=2, planned_longest_ms=1, limb_gap_ms=2
    )
    places = tuple(Limb)[: 3 if whole else 2]
    letters = tuple(_limb_letters(limits, places))
    unread = ("spent", "oximetry", "sessions")
    here, there = (named("empty", place, "wish") for place in places[:2])
    hold, vent = (named("held", places[0], *wish) for wish in (("wish",), ()))
    gone = ((here, hold, vent, there), (here, hold, vent, here, there))
    return Slice(
        "limbs",
        limits,
        letters,
        here,
        named(here, "reset"),
        placed=False,
        places=len(places),
        unread=unread,
        prologues=gone,
    )


def _limb_letters(limits: Limits, places: tuple[Limb, ...]) -> Iterator[Letter]:
    sensors = {"empty": (50, 50), "held": (1_500, 1_500)}
    wish = intent(planned=1)
    for number, limb in enumerate(places, 1):
        arming = replace(ARMING, number=number, limb=limb)
        for name, pressures in sensors.items():
            yield Letter(named(name, limb), sensors=pressures, arming=arming)
        for name in ("empty", "held"):
            letter = asking(named(name, limb, "wish"), wish, sensors=sensors[name], arming=arming)
            yield letter
            yield changed(letter, "reset", {"reset": True})
        owing = tuple(limits.debt_inflation_ms if one is limb else 0 for one in Limb)
        owed = asking(named("empty", limb, "controller owes it"), wish, arming=arming, limb_debts=owing)
        yield owed
        yield changed(owed, "elsewhere", {"limb_debts": owing[1:] + owing[:1]})
    for name, pressures in sensors.items():
        yield Letter(named(name, "not armed"), sensors=pressures, arming=None)
    yield Letter("no status", sensors=None)
    yield Letter("no status, not armed", sensors=None, arming=None)
    yield asking("empty, again the first", wish, arming=replace(ARMING, number=9))
