"""The supervisor's manners: default deny, one permit at a time, latch, reset, stop, purity."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from gateway.model import DeviceFault, Intent, Output, Permit, Reason, Safe
from gateway.safety import supervisor
from gateway.safety.debt import Debts
from gateway.safety.limits import HARD
from gateway.safety.observations import Observations, State
from tests.safety.bedside import TARGET, Bedside


def test_nothing_known_is_denied() -> None:
    state = State(Debts.equal(300_000, 0))
    after, verdict = supervisor.step(HARD, state, Observations(), (), 0)
    assert verdict.cuff == Safe(Output.CUFF, Reason.NOT_ARMED)
    assert verdict.stimulator == Safe(Output.STIMULATOR, Reason.NOT_ARMED)
    assert after.inflation is None


def test_a_wish_alone_is_denied() -> None:
    _, verdict = supervisor.step(
        HARD, State(Debts.equal(0, 0)), Observations(), (Intent(Output.CUFF, TARGET, 6_000, 1),), 0
    )
    assert verdict.cuff == Safe(Output.CUFF, Reason.NOT_ARMED)


def test_armed_without_a_wish_is_denied() -> None:
    assert Bedside().step().cuff == Safe(Output.CUFF, Reason.NO_REQUEST)


def test_armed_with_a_cuff_that_was_not_accepted_is_denied() -> None:
    bed = Bedside()
    bed.see(cuff_accepted=False)
    bed.ask()
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.NOT_ARMED


def test_a_permit_is_the_target_until_its_expiry() -> None:
    bed = Bedside()
    permit = bed.inflate()
    assert permit == Permit(Output.CUFF, TARGET, bed.now + HARD.permit_ms)
    assert permit.expires_ms - bed.now < 1_000
    bed.step(50)
    assert bed.verdict.cuff == Permit(Output.CUFF, TARGET, bed.now + HARD.permit_ms)
    assert bed.verdict.latched is None
    assert bed.verdict.conditions == frozenset()


def test_a_vent_wish_ends_the_inflation() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = (Intent(Output.CUFF, None),)
    bed.step()
    assert bed.reason is Reason.NO_REQUEST
    assert bed.state.inflation is None
    assert bed.state.vented_ms == bed.now


def test_no_wish_at_all_ends_the_inflation() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = ()
    bed.step()
    assert bed.reason is Reason.NO_REQUEST


@pytest.mark.parametrize("vent_first", [False, True])
def test_wishes_that_contradict_each_other_are_none(vent_first: bool) -> None:
    bed = Bedside()
    bed.ask()
    bed.authorise()
    both = (*bed.wishes, Intent(Output.CUFF, None))
    bed.wishes = both[::-1] if vent_first else both
    bed.step()
    assert bed.reason is Reason.NO_REQUEST


def test_disarming_ends_the_inflation() -> None:
    bed = Bedside()
    bed.hold()
    bed.step(arming=None)
    assert bed.reason is Reason.NOT_ARMED
    assert bed.state.inflation is None


def test_stop_passes_in_every_state() -> None:
    idle, inflated, latched = Bedside(), Bedside(), Bedside(latched=Reason.CORE_RESTARTED)
    inflated.hold()
    for bed in (idle, inflated, latched):
        assert isinstance(bed.step(stop=Reason.STOPPED_BY_OPERATOR).cuff, Safe)
        assert bed.state.inflation is None
    assert inflated.reason is Reason.STOPPED_BY_OPERATOR
    assert latched.reason is Reason.CORE_RESTARTED


def test_stop_beats_a_wish_that_would_be_granted() -> None:
    bed = Bedside()
    bed.ask()
    bed.authorise()
    bed.step(stop=Reason.STOPPED_BY_OPERATOR)
    assert bed.reason is Reason.STOPPED_BY_OPERATOR


def test_the_latch_keeps_the_first_reason() -> None:
    bed = Bedside()
    bed.hold()
    bed.step(lease_refused=True)
    assert bed.verdict.latched is Reason.DEVICE_REFUSED
    bed.read(3300, faults=DeviceFault.OVER_PRESSURE)
    bed.step()
    assert bed.verdict.latched is Reason.DEVICE_REFUSED
    assert bed.reason is Reason.DEVICE_REFUSED
    assert bed.state.latched is Reason.DEVICE_REFUSED


def test_the_most_urgent_of_two_reasons_latches() -> None:
    bed = Bedside()
    bed.hold()
    bed.read(3201, faults=DeviceFault.OVER_PRESSURE)
    bed.step(journal_failed=True)
    assert bed.verdict.latched is Reason.OVER_PRESSURE


def test_latched_is_safe_until_the_reset_and_then_everything_starts_again() -> None:
    bed = Bedside(latched=Reason.CORE_RESTARTED)
    bed.ask()
    for _ in range(50):
        bed.authorise()
        bed.step()
        assert bed.reason is Reason.CORE_RESTARTED
    bed.step(reset=True, arming=None)
    assert bed.verdict.latched is None
    bed.authorise()
    bed.step()
    assert bed.energised


def test_a_reset_with_the_cause_still_there_latches_again() -> None:
    bed = Bedside()
    bed.read(0, faults=DeviceFault.GATEWAY_LOST)
    bed.step()
    bed.step(reset=True)
    assert bed.verdict.latched is Reason.DEVICE_FAULT
    bed.read(0, faults=DeviceFault.NONE)
    assert bed.step().latched is Reason.DEVICE_FAULT
    assert bed.step(reset=True).latched is None


def test_a_reset_while_nothing_is_latched_changes_nothing() -> None:
    bed, untouched = Bedside(), Bedside()
    for one in (bed, untouched):
        one.hold()
    assert bed.step(reset=True) == untouched.step()
    assert bed.state == untouched.state


def test_a_reset_does_not_forget_a_vent_under_way() -> None:
    bed = Bedside()
    bed.hold()
    bed.step(lease_refused=True)
    bed.step(2_000, reset=True)
    assert bed.verdict.latched is None
    bed.run(7_950)
    assert bed.verdict.latched is None
    assert bed.step().latched is Reason.DEFLATION_FAILED


def test_a_reset_of_a_failed_deflation_needs_an_empty_cuff() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = ()
    bed.step()
    assert bed.run(10_000).latched is Reason.DEFLATION_FAILED
    assert bed.step(reset=True).latched is Reason.DEFLATION_FAILED
    bed.read(None)
    bed.see(arming=None)
    assert bed.step(reset=True).latched is Reason.DEFLATION_FAILED
    bed.read(150)
    assert bed.step(reset=True).latched is None


def test_a_controller_that_restarted_is_known_again_after_the_reset() -> None:
    bed = Bedside()
    bed.step()
    bed.read(0, nonce=8)
    assert bed.step().latched is Reason.DEVICE_RESET
    assert bed.step(reset=True).latched is None
    assert bed.step().latched is None
    bed.read(0, nonce=9)
    assert bed.step().latched is Reason.DEVICE_RESET


def test_the_debt_survives_a_reset() -> None:
    bed = Bedside(debt_ms=250_000, latched=Reason.CORE_RESTARTED)
    bed.step(50, reset=True)
    assert bed.debt.value_ms == 249_950


def test_steps_are_pure() -> None:
    bed = Bedside()
    bed.hold()
    seen = replace(bed.seen, cuff=bed.cuff)
    kept = (repr(bed.state), repr(seen), repr(bed.wishes))
    first = supervisor.step(HARD, bed.state, seen, bed.wishes, bed.now + 50)
    second = supervisor.step(HARD, bed.state, seen, bed.wishes, bed.now + 50)
    assert first == second
    assert kept == (repr(bed.state), repr(seen), repr(bed.wishes))


def test_what_is_remembered_is_replaced_and_never_changed() -> None:
    bed = Bedside()
    bed.hold()
    seen = replace(bed.seen, cuff=bed.cuff)
    for value in (bed.state, bed.state.debts, bed.state.timers, bed.state.inflation, seen, bed.verdict, HARD):
        name = fields(value)[0].name  # type: ignore[arg-type]
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, None)


def test_steps_are_not_counted() -> None:
    """Fifty steps within the same instant are as one."""
    often, seldom = Bedside(), Bedside()
    for bed in (often, seldom):
        bed.hold()
        bed.read(1300)
        bed.step()
    for _ in range(50):
        often.step(0)
    assert often.state == seldom.state
    assert often.step(500) == seldom.step(500)
    assert often.now == seldom.now
