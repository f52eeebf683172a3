"""The cuff's own test: on no limb, exactly 300 mmHg, a minute at most; no way around a rule of a limb."""

from dataclasses import replace

import pytest

from gateway.model import LIMBS, Limb, Permit, Purpose, Reason
from gateway.safety.limits import HARD
from gateway.safety.observations import Arming
from gateway.safety.readiness import Check, Readiness, missing
from tests.safety.bedside import ARMING, LIMB, READY, Bedside

FREE = Readiness(off_every_limb=True, self_test_passed=True, pressed_ago_ms=5_000)
OFF = Arming(number=1, limb=None, readiness=FREE)
FULL = 3_000


class Bench(Bedside):
    """A cuff off every limb, armed for its test."""

    def __init__(self, debt_ms: int = 0, ceiling: int = 2_500) -> None:
        super().__init__(debt_ms, HARD.tightened(ceiling))
        self.see(arming=OFF, blood_pressure=None)

    def test(self, target: int = FULL, planned_ms: int = 60_000, **more: object) -> Reason | None:
        """Ask for it with a durable row; why not, ``None`` when it is permitted."""
        purpose = more.pop("purpose", Purpose.ACCEPTANCE)
        assert isinstance(purpose, Purpose)
        self.ask(target, planned_ms, purpose=purpose)
        self.authorise()
        self.step(50, **more)
        return self.reason


def test_it_goes_to_300_mmhg_without_a_blood_pressure_whatever_the_sites_ceiling() -> None:
    bench = Bench(ceiling=1_600)
    assert bench.test() is None
    assert bench.verdict.cuff == Permit(bench.verdict.cuff.output, FULL, bench.now + HARD.permit_ms)  # type: ignore[call-arg]
    assert bench.state.limb is None


def test_off_a_limb_no_artery_is_passed_and_20_mmhg_are_enough() -> None:
    bench = Bench()
    assert bench.test() is None
    for pressure, passed in ((199, False), (200, True)):
        bench.read(pressure)
        bench.step()
        assert bench.state.inflation is not None
        assert (bench.state.inflation.passed_ms is not None) is passed


@pytest.mark.parametrize("target", [2_999, 3_001, 1_700])
def test_no_other_target(target: int) -> None:
    assert Bench().test(target) is Reason.TARGET_ABOVE_CEILING


@pytest.mark.parametrize(
    ("planned_ms", "reason"),
    [(0, Reason.PLANNED_TIME_TOO_LONG), (1, None), (60_000, None), (60_001, Reason.PLANNED_TIME_TOO_LONG)],
)
def test_a_minute_at_most(planned_ms: int, reason: Reason | None) -> None:
    assert Bench().test(planned_ms=planned_ms) is reason


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.ACCEPTANCE])
def test_nothing_else_is_done_off_a_limb(purpose: Purpose) -> None:
    bench = Bench()
    bench.arm(limb=None, readiness=replace(READY, off_every_limb=True))
    assert bench.test(1_700, purpose=purpose) is Reason.NOT_READY


@pytest.mark.parametrize("limb", LIMBS)
def test_it_is_no_way_to_300_mmhg_on_a_limb(limb: Limb) -> None:
    bench = Bench(ceiling=3_000)
    bench.arm(limb=limb, readiness=replace(READY, off_every_limb=True), limb_pressure_dmmhg=2_000)
    assert bench.test() is Reason.NOT_READY


def test_on_a_limb_more_than_250_mmhg_still_needs_its_limb_pressure() -> None:
    bed = Bedside()
    bed.ask(2_501)
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.TARGET_NEEDS_LIMB_PRESSURE


@pytest.mark.parametrize(
    "lacks", [{"off_every_limb": False}, {"self_test_passed": False}, {"pressed_ago_ms": None}]
)
def test_what_it_needs_first(lacks: dict[str, object]) -> None:
    bench = Bench()
    bench.see(arming=replace(OFF, readiness=replace(FREE, **lacks)))  # type: ignore[arg-type]
    assert bench.test() is Reason.NOT_READY


def test_it_asks_nothing_of_a_patient_and_a_patient_nothing_of_it() -> None:
    assert missing(HARD, None, FREE) == ()
    assert missing(HARD, None, READY) == (Check.OFF_EVERY_LIMB,)
    assert Check.OFF_EVERY_LIMB not in missing(HARD, LIMB, Readiness())
    assert missing(HARD, LIMB, FREE)[0] is Check.SCREENING


@pytest.mark.parametrize(("debt_ms", "reason"), [(240_000 + 50, None), (240_001 + 50, Reason.ISCHAEMIA_DEBT)])
def test_the_largest_debt_of_any_limb_counts(debt_ms: int, reason: Reason | None) -> None:
    debts = [0, 0, debt_ms, 0]
    bench = Bench()
    owed = tuple(replace(one, value_ms=ms) for one, ms in zip(bench.state.debts.of_limbs, debts, strict=True))
    bench.state = replace(bench.state, debts=replace(bench.state.debts, of_limbs=owed))
    assert bench.test() is reason


@pytest.mark.parametrize(("device_ms", "reason"), [(240_000, None), (240_001, Reason.ISCHAEMIA_DEBT)])
def test_so_does_the_controllers(device_ms: int, reason: Reason | None) -> None:
    bench = Bench()
    bench.read(0, limb_debts_ms=(0, device_ms, 0, 0))
    assert bench.test() is reason


def test_every_limb_is_charged() -> None:
    bench = Bench()
    assert bench.test() is None
    bench.read(FULL)
    bench.run(5_000)
    assert bench.energised
    assert set(bench.state.debts.values_ms) == {5_000}


def test_a_minute_after_any_deflation() -> None:
    bench = Bench()
    bench.state = replace(bench.state, deflated_ms=(None, bench.now, None, None))
    assert bench.test() is Reason.OTHER_LIMB_DEFLATED


def test_it_is_vented_15_s_after_its_plan_and_trips_when_half_is_lost() -> None:
    bench = Bench()
    assert bench.test(planned_ms=1_000) is None
    bench.read(FULL)
    assert bench.run(15_950).latched is None
    assert bench.step().latched is Reason.OCCLUSION_TIME
    other = Bench()
    assert other.test() is None
    other.read(FULL)
    other.step()
    other.read(1_499)
    other.run(1_500)
    assert other.step().latched is Reason.PRESSURE_LOST


def test_it_neither_congests_nor_is_judged_by_the_oximeter() -> None:
    bench = Bench()
    bench.oximeter(650, haemoglobin=1_000)
    assert bench.test() is None
    bench.read(300)
    assert bench.run(31_000).latched is None
    bench.read(FULL)
    bench.run(1_000)
    assert bench.energised
    assert bench.state.watch is not None
    assert bench.state.watch.verified == "unknown"
    assert bench.verdict.conditions == frozenset()


def test_a_blood_pressure_that_is_there_changes_nothing() -> None:
    bench = Bench()
    bench.see(blood_pressure=Bedside().seen.blood_pressure)
    assert bench.test() is None


def test_it_needs_its_own_durable_row() -> None:
    bench = Bench()
    bench.ask(FULL, 60_000, purpose=Purpose.ACCEPTANCE)
    bench.step()
    assert bench.reason is Reason.JOURNAL_PENDING
    assert bench.step(arming=ARMING).cuff.reason is Reason.NOT_READY  # type: ignore[union-attr]
