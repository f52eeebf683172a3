"""What one inflation needs before it starts, and what may not change while it lasts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.model import BloodPressure, CuffReading, Intent, Output, Permit, Reason
from gateway.safety.inflation import blood_pressure_refusal, refusal
from gateway.safety.limits import HARD
from tests.safety.bedside import PLANNED_MS, TARGET, Bedside


def asked(target: int = TARGET, planned_ms: int = PLANNED_MS) -> Bedside:
    bed = Bedside()
    bed.ask(target, planned_ms)
    bed.authorise()
    return bed


# target and plan


def test_the_ceiling_is_refused_and_not_reduced() -> None:
    bed = asked(3001)
    bed.step()
    assert bed.reason is Reason.TARGET_ABOVE_CEILING
    assert Reason.TARGET_ABOVE_CEILING in bed.verdict.conditions
    bed = asked(3000)
    bed.arm(limb_pressure_dmmhg=2500)
    bed.step()
    assert bed.verdict.cuff == Permit(Output.CUFF, 3000, bed.now + 800)


@pytest.mark.parametrize(
    ("target", "reason"),
    [(1400, None), (1399, Reason.TARGET_BELOW_SYSTOLIC), (0, Reason.TARGET_BELOW_SYSTOLIC)],
)
def test_a_target_occludes_from_systolic_plus_20(target: int, reason: Reason | None) -> None:
    bed = asked(target)
    bed.step()
    assert bed.reason is reason


@pytest.mark.parametrize(
    ("planned_ms", "reason"),
    [
        (300_000, None),
        (300_001, Reason.PLANNED_TIME_TOO_LONG),
        (1, None),
        (0, Reason.PLANNED_TIME_TOO_LONG),
        (-1, Reason.PLANNED_TIME_TOO_LONG),
    ],
)
def test_the_planned_time_is_1_ms_to_300_s(planned_ms: int, reason: Reason | None) -> None:
    bed = asked(planned_ms=planned_ms)
    bed.step()
    assert bed.reason is reason


# blood pressure


@pytest.mark.parametrize(
    ("systolic", "diastolic", "fits"),
    [
        (89, 80, False),
        (90, 80, True),
        (180, 100, True),
        (181, 100, False),
        # the mean is (systolic + 2 x diastolic) / 3: 194 / 3 is 64.67, 195 / 3 is 65, 196 / 3 is 65.33
        (90, 52, False),
        (91, 52, True),
        (92, 52, True),
        (100, 47, False),
        (101, 47, True),
    ],
)
def test_systolic_90_to_180_and_mean_at_least_65(systolic: int, diastolic: int, fits: bool) -> None:
    reason = blood_pressure_refusal(HARD, BloodPressure(systolic, diastolic, 0), 0)
    assert reason is (None if fits else Reason.BLOOD_PRESSURE_OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("age_ms", "reason"),
    [
        (0, None),
        (300_000, None),
        (300_001, Reason.BLOOD_PRESSURE_STALE),
        (-1, Reason.BLOOD_PRESSURE_STALE),
    ],
)
def test_a_blood_pressure_counts_for_five_minutes(age_ms: int, reason: Reason | None) -> None:
    assert blood_pressure_refusal(HARD, BloodPressure(120, 80, 1_000_000), 1_000_000 + age_ms) is reason


@pytest.mark.parametrize(
    ("pressure", "reason"),
    [
        (None, Reason.BLOOD_PRESSURE_MISSING),
        (BloodPressure(120, 80, 0), Reason.BLOOD_PRESSURE_STALE),
        (BloodPressure(85, 80, 10_000_000), Reason.BLOOD_PRESSURE_OUT_OF_RANGE),
    ],
)
def test_without_a_usable_blood_pressure_the_cuff_stays_deflated(
    pressure: BloodPressure | None, reason: Reason
) -> None:
    bed = asked()
    bed.see(blood_pressure=pressure)
    bed.step()
    assert bed.reason is reason
    assert bed.verdict.conditions == {reason}
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
    bed.step()
    assert bed.energised


def test_a_blood_pressure_may_grow_old_during_the_inflation() -> None:
    bed = Bedside()
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now - 299_950))
    bed.hold()
    assert bed.energised
    bed.run(2_000)
    assert bed.energised
    bed.step(blood_pressure=None)
    assert bed.energised


# an empty cuff, and the debt


@pytest.mark.parametrize("which", [(151, 0), (0, 151), (None, 0)])
def test_an_inflation_starts_from_an_empty_cuff(which: tuple[int | None, int | None]) -> None:
    bed = asked()
    bed.read(*which)
    bed.step()
    assert bed.reason is Reason.NOT_DEFLATED_YET
    bed.read(150)
    bed.step()
    bed.step()
    assert bed.energised


@pytest.mark.parametrize("cuff", [None, Bedside().cuff])
def test_a_cuff_that_is_not_seen_is_not_known_to_be_empty(cuff: CuffReading | None) -> None:
    bed = Bedside()
    bed.ask()
    now = bed.now + 501
    seen = replace(bed.seen, cuff=cuff)
    assert refusal(HARD, bed.state, seen, bed.wishes[0], now) is Reason.NOT_DEFLATED_YET


@pytest.mark.parametrize(("gateways", "devices"), [(294_051, 0), (0, 294_001)])
def test_the_larger_debt_decides_and_is_a_wait(gateways: int, devices: int) -> None:
    bed = Bedside(gateways)
    bed.read(0, debt_ms=devices)
    bed.ask()
    bed.authorise()
    bed.step(50)
    assert bed.reason is Reason.ISCHAEMIA_DEBT
    assert bed.verdict.latched is None
    bed.read(0, debt_ms=max(0, devices - 1))
    bed.step(1)
    assert bed.energised


# authorisation


@pytest.mark.parametrize("changes", [{"cycle": 2}, {"target_dmmhg": 1701}, {"planned_ms": 5_999}])
def test_the_journal_must_allow_exactly_this_inflation(changes: dict[str, int]) -> None:
    bed = Bedside()
    bed.ask()
    bed.authorise(**changes)
    bed.step()
    assert bed.reason is Reason.JOURNAL_PENDING
    assert bed.verdict.conditions == frozenset()


@pytest.mark.parametrize(
    ("age_ms", "reason"),
    [(0, None), (5_000, None), (5_001, Reason.JOURNAL_PENDING), (-1, Reason.JOURNAL_PENDING)],
)
def test_an_authorisation_counts_for_five_seconds(age_ms: int, reason: Reason | None) -> None:
    bed = Bedside()
    bed.ask()
    bed.authorise(durable_ms=bed.now + 50 - age_ms)
    bed.step(50)
    assert bed.reason is reason


def test_without_an_authorisation_the_journal_is_pending() -> None:
    bed = Bedside()
    bed.ask()
    bed.step()
    assert bed.reason is Reason.JOURNAL_PENDING


def test_an_authorisation_may_go_once_the_inflation_has_begun() -> None:
    bed = Bedside()
    bed.hold()
    bed.see(authorisation=None)
    bed.step()
    assert bed.energised


def test_what_can_never_be_granted_is_said_first_and_the_journal_last() -> None:
    bed = Bedside(debt_ms=300_000)
    bed.ask(3001)
    bed.see(blood_pressure=None)
    bed.read(200)
    order: list[Reason | None] = []
    cures: list[Callable[[], None]] = [
        lambda: bed.ask(TARGET),
        lambda: bed.see(blood_pressure=BloodPressure(120, 80, bed.now)),
        lambda: bed.read(0),
        lambda: setattr(bed, "state", Bedside().state),
        bed.authorise,
    ]
    for put_right in cures:
        bed.step()
        order.append(bed.reason)
        put_right()
    assert order == [
        Reason.TARGET_ABOVE_CEILING,
        Reason.BLOOD_PRESSURE_MISSING,
        Reason.NOT_DEFLATED_YET,
        Reason.ISCHAEMIA_DEBT,
        Reason.JOURNAL_PENDING,
    ]
    bed.step()
    assert bed.energised


# while it lasts


@pytest.mark.parametrize(
    "other",
    [
        Intent(Output.CUFF, TARGET + 1, PLANNED_MS, 1),
        Intent(Output.CUFF, TARGET, PLANNED_MS + 1, 1),
        Intent(Output.CUFF, TARGET, PLANNED_MS, 2),
    ],
)
def test_nothing_changes_in_an_inflation(other: Intent) -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = (other,)
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.REQUEST_CHANGED
    assert bed.state.inflation is None
    assert Reason.REQUEST_CHANGED in bed.verdict.conditions


def test_the_inflation_that_begins_is_the_one_that_was_asked() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=7_000)
    begun = bed.state.inflation
    assert begun is not None
    assert (begun.cycle, begun.target_dmmhg, begun.planned_ms) == (1, TARGET, 7_000)
    assert (begun.systolic_mmhg, begun.started_ms, begun.reached_ms) == (120, bed.now, None)
    bed.run(1_000)
    assert bed.state.inflation is not None
    assert bed.state.inflation.started_ms == begun.started_ms


def test_the_start_of_an_inflation_ends_the_watch_over_the_last_vent() -> None:
    bed = Bedside()
    bed.hold(planned_ms=1_000)
    bed.wishes = ()
    bed.step()
    assert bed.state.vented_ms == bed.now
    bed.read(0)
    bed.step()
    bed.run(20_000)
    bed.inflate()
    assert bed.state.vented_ms is None
