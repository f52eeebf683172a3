"""Whole sessions in virtual time: what the prescription says is what the limb gets."""

import pytest

from gateway.model import Reason
from gateway.therapy import prescription
from gateway.therapy.rvos import Phase, Skipped
from tests.therapy.session import START_MS, STEP_MS, Session

MINUTE = 60_000
ONE_CYCLE = [Phase.WAITING, Phase.INFLATING, Phase.HOLDING, Phase.REPERFUSION]


def test_four_times_five_minutes() -> None:
    session = Session(prescription.load("rvos-after-rosprox"))
    session.finish(45 * MINUTE)
    permitted, vented, deflated = (session.times(what) for what in ("permitted", "vented", "deflated"))
    assert len(permitted) == len(vented) == len(deflated) == 4
    assert [end - begin for begin, end in zip(permitted, vented, strict=True)] == [300_000] * 4
    pauses = [begin - empty for begin, empty in zip(permitted[1:], deflated[:-1], strict=True)]
    assert all(300_000 <= pause <= 303_000 for pause in pauses)
    assert 30_000 <= permitted[0] - START_MS <= 30_000 + 4 * STEP_MS
    assert session.now - deflated[-1] >= 300_000
    assert session.phases == [Phase.BASELINE, *ONE_CYCLE * 4, Phase.FINISHED]
    assert session.latched is None
    assert session.conditions == set()
    assert session.skipped == []


def test_the_demonstration_obeys_the_same_rules() -> None:
    session = Session(prescription.load("demo"))
    session.finish(MINUTE)
    permitted, vented, deflated = (session.times(what) for what in ("permitted", "vented", "deflated"))
    assert [end - begin for begin, end in zip(permitted, vented, strict=True)] == [6_000] * 2
    assert permitted[1] - deflated[0] >= 6_000
    assert session.phases == [Phase.BASELINE, *ONE_CYCLE * 2, Phase.FINISHED]
    assert session.latched is None
    assert session.conditions == set()


def test_a_debt_from_before_is_waited_for() -> None:
    session = Session(prescription.load("demo"), debt_ms=330_000)
    session.finish(2 * MINUTE)
    assert session.times("permitted")[0] - START_MS == 330_000 - 294_000 + STEP_MS
    assert session.conditions == set()


def test_a_slow_cuff_holds_the_next_cycle_back() -> None:
    session = Session(prescription.load("demo"), slope=20)
    session.finish(2 * MINUTE)
    permitted, vented, deflated = (session.times(what) for what in ("permitted", "vented", "deflated"))
    assert deflated[0] - vented[0] > 1_000
    assert permitted[1] - deflated[0] >= 6_000
    assert session.latched is None


def stale_at_the_second_cycle() -> Session:
    """The nurse's one entry is minutes old when the second cycle comes."""
    session = Session(prescription.load("demo"), every_ms=None)
    session.run(10_000)
    assert session.pressure is not None
    session.pressure = type(session.pressure)(120, 80, session.now - 299_000)
    session.run(20_000)
    assert session.plan.phase is Phase.WAITING
    assert session.plan.cycle == 2
    return session


def test_a_stale_blood_pressure_keeps_the_cuff_deflated_and_alarms() -> None:
    session = stale_at_the_second_cycle()
    session.run(5 * MINUTE)
    assert session.cuff_dmmhg == 0
    assert session.conditions == {Reason.BLOOD_PRESSURE_STALE}
    assert len(session.times("permitted")) == 1


def test_an_entry_resumes() -> None:
    session = stale_at_the_second_cycle()
    session.run(5 * MINUTE)
    session.enter(130, 80)
    session.run(4 * STEP_MS)
    assert session.plan.phase is Phase.INFLATING
    assert session.plan.target_dmmhg == 1800
    session.finish(MINUTE)
    assert len(session.times("vented")) == 2
    assert session.skipped == []


def test_after_ten_minutes_the_cycle_is_skipped() -> None:
    session = stale_at_the_second_cycle()
    waiting_from = session.now
    session.finish(11 * MINUTE)
    assert session.skipped == [Skipped(2, Reason.BLOOD_PRESSURE_STALE)]
    assert 9 * MINUTE < session.now - waiting_from <= 10 * MINUTE
    assert session.cuff_dmmhg == 0
    assert session.latched is None


def test_each_cycle_waits_its_own_ten_minutes_and_the_session_ends() -> None:
    session = Session(prescription.load("demo"), every_ms=None)
    session.enter(85, 60)
    session.finish(21 * MINUTE)
    assert session.conditions == {Reason.BLOOD_PRESSURE_OUT_OF_RANGE, Reason.BLOOD_PRESSURE_STALE}
    assert session.skipped == [Skipped(cycle, Reason.BLOOD_PRESSURE_STALE) for cycle in (1, 2)]
    assert session.times("permitted") == []
    assert session.now - START_MS > 20 * MINUTE


def test_a_wait_that_was_resolved_starts_its_ten_minutes_anew() -> None:
    session = stale_at_the_second_cycle()
    session.run(8 * MINUTE)
    session.state = Session(session.prescription, debt_ms=330_000, now=session.now).state
    session.enter()
    session.run(1_000)
    assert session.plan.unusable_since_ms is None
    session.pressure = None
    session.run(8 * MINUTE)
    assert session.skipped == []
    session.run(3 * MINUTE)
    assert session.skipped == [Skipped(2, Reason.BLOOD_PRESSURE_MISSING)]


@pytest.mark.parametrize(("systolic", "reason"), [(180, None), (181, Reason.BLOOD_PRESSURE_OUT_OF_RANGE)])
def test_the_target_is_systolic_plus_the_margin(systolic: int, reason: Reason | None) -> None:
    session = Session(prescription.load("demo"), every_ms=None)
    session.enter(systolic, 80)
    session.run(8_000)
    assert session.conditions == ({reason} if reason else set())
    begun = session.state.inflation
    assert (begun.target_dmmhg if begun else None) == (None if reason else 2300)


def test_a_missing_blood_pressure_alarms_and_skips() -> None:
    session = Session(prescription.load("demo"), every_ms=None)
    session.pressure = None
    session.finish(21 * MINUTE)
    assert session.conditions == {Reason.BLOOD_PRESSURE_MISSING}
    assert session.skipped == [Skipped(cycle, Reason.BLOOD_PRESSURE_MISSING) for cycle in (1, 2)]
    assert session.times("permitted") == []


def test_a_blood_pressure_entered_during_the_hold_counts_from_the_next_inflation() -> None:
    session = Session(prescription.load("demo"), every_ms=None)
    session.run(8_000)
    assert session.plan.phase is Phase.HOLDING
    session.enter(140, 80)
    session.run(3_000)
    assert session.state.inflation is not None
    assert session.state.inflation.target_dmmhg == 1700
    session.run(12_000)
    assert session.plan.cycle == 2
    assert session.state.inflation.target_dmmhg == 1900
    assert session.conditions == set()


def test_every_phase_is_reached() -> None:
    session = Session(prescription.load("demo"))
    session.finish(MINUTE)
    assert set(session.phases) == set(Phase)
