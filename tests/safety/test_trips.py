"""Every reason that trips, provoked: it vents, latches and alarms until a person resets it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.model import DeviceFault, Reason, Safe, StimulationIntent, StimulationPermit
from gateway.safety.observations import Tissue
from gateway.safety.reasons import MEANINGS, Kind
from gateway.safety.stimulation import StimulatorReading, TrainAuthorisation
from tests.safety.bedside import SITE, Bedside


def over_pressure(bed: Bedside) -> None:
    bed.read(3201)
    bed.step()


def occlusion_time(bed: Bedside) -> None:
    bed.hold()
    bed.run(6_000 + 15_000)


def cuff_status_lost(bed: Bedside) -> None:
    bed.step()
    bed.silent = True
    bed.run(550)


def sensor_missing(bed: Bedside) -> None:
    bed.read(0, None)
    bed.run(250)


def sensor_out_of_range(bed: Bedside) -> None:
    bed.read(0, -151)
    bed.step()


def sensors_disagree(bed: Bedside) -> None:
    bed.hold()
    bed.read(1700, 1900)
    bed.run(1_050)


def unexpected_pressure(bed: Bedside) -> None:
    bed.read(200)
    bed.run(1_050)


def inflation_too_slow(bed: Bedside) -> None:
    bed.inflate(planned_ms=60_000)
    bed.read(1450)
    bed.run(45_000)


def pressure_lost(bed: Bedside) -> None:
    bed.hold()
    bed.read(1399)
    bed.run(1_550)


def deflation_failed(bed: Bedside) -> None:
    bed.hold()
    bed.wishes = ()
    bed.step()
    bed.run(10_000)


def device_fault(bed: Bedside) -> None:
    bed.read(0, faults=DeviceFault.LOOP_LATE)
    bed.step()


def device_reset(bed: Bedside) -> None:
    bed.step()
    bed.read(0, nonce=8)
    bed.step()


def device_refused(bed: Bedside) -> None:
    bed.inflate()
    bed.step(lease_refused=True)


def cycle_late(bed: Bedside) -> None:
    bed.hold()
    bed.step(901)


def time_reversed(bed: Bedside) -> None:
    bed.step()
    bed.step(-1)


def journal_failed(bed: Bedside) -> None:
    bed.step(journal_failed=True)


def restarts_too_many(bed: Bedside) -> None:
    bed.state = Bedside(latched=Reason.RESTARTS_TOO_MANY).state
    bed.step()


def venous_congestion(bed: Bedside) -> None:
    bed.hold(planned_ms=120_000)
    bed.oximeter(650, haemoglobin=1000)
    bed.step()
    for _ in range(11):
        bed.oximeter(600, haemoglobin=1051)
        bed.run(1_000)


def reperfusion_failed(bed: Bedside) -> None:
    bed.occlude_for_a_minute(650, 590)
    bed.wishes = ()
    bed.read(0)
    for _ in range(62):
        bed.oximeter(610)
        bed.run(1_000)


def wrong_limb(bed: Bedside) -> None:
    bed.oximeter(650, other=640)
    bed.hold(planned_ms=120_000)
    bed.oximeter(650, other=590)
    bed.step()


def electrode_fault(bed: Bedside) -> None:
    bed.see(stimulator=StimulatorReading(False, True, 1, bed.now))
    bed.step()


def stimulator_lost(bed: Bedside) -> None:
    bed.arm(stimulation=SITE, stimulation_left_ms=60_000)
    bed.see(stimulator=StimulatorReading(False, False, 1, bed.now))
    bed.wishes = (StimulationIntent(1_000, 300, 500, 1, planned_ms=5_000, ceiling_ua=1_000),)
    bed.see(train=TrainAuthorisation(1, 1_000, 300, 500, 5_000, bed.now))
    assert isinstance(bed.step().stimulator, StimulationPermit)
    bed.run(650)


def stimulator_unexpected(bed: Bedside) -> None:
    bed.see(stimulator=StimulatorReading(True, False, 1, bed.now))
    bed.step()


def status_too_rare(bed: Bedside) -> None:
    bed.hold(planned_ms=60_000)
    bed.stream = bed.cuff.stream
    bed.run(1_200, every_ms=100)


def status_missing(bed: Bedside) -> None:
    bed.hold()
    lose(bed, missed=11)


def status_damaged(bed: Bedside) -> None:
    bed.hold()
    lose(bed, damaged=11)


def lose(bed: Bedside, **counts: int) -> None:
    """One step in which so many frames were missed or came damaged."""
    bed.stream = replace(bed.cuff.stream, received=bed.now // 50 + 1, **counts)  # type: ignore[type-var]
    bed.step()


def device_clock(bed: Bedside) -> None:
    bed.hold()
    bed.delay_ms = 501
    bed.run(300)


def sensor_stuck(bed: Bedside) -> None:
    bed.hold()
    bed.read(1700, 1750)
    bed.run(1_050)


def core_restarted(bed: Bedside) -> None:
    bed.state = Bedside(latched=Reason.CORE_RESTARTED).state
    bed.step()


PROVOKED: dict[Reason, Callable[[Bedside], None]] = {
    Reason(provoke.__name__): provoke
    for provoke in (
        over_pressure,
        occlusion_time,
        cuff_status_lost,
        sensor_missing,
        sensor_out_of_range,
        sensors_disagree,
        unexpected_pressure,
        inflation_too_slow,
        pressure_lost,
        deflation_failed,
        device_fault,
        device_reset,
        device_refused,
        cycle_late,
        time_reversed,
        journal_failed,
        core_restarted,
        restarts_too_many,
        venous_congestion,
        reperfusion_failed,
        wrong_limb,
        electrode_fault,
        stimulator_lost,
        stimulator_unexpected,
        status_too_rare,
        status_missing,
        status_damaged,
        device_clock,
        sensor_stuck,
    )
}


def test_every_trip_is_provoked() -> None:
    assert PROVOKED.keys() == {reason for reason, meaning in MEANINGS.items() if meaning.kind is Kind.TRIP}


@pytest.mark.parametrize("reason", PROVOKED)
def test_a_trip_vents_latches_and_alarms_until_the_reset(reason: Reason) -> None:
    bed = Bedside()
    PROVOKED[reason](bed)
    assert bed.verdict.latched is reason
    assert isinstance(bed.verdict.cuff, Safe)
    assert bed.verdict.cuff.reason is reason
    assert reason in bed.verdict.conditions
    bed.silent, bed.stream, bed.delay_ms = False, None, 0
    bed.read(0, nonce=7, faults=DeviceFault.NONE)
    bed.see(stimulator=None, tissue=Tissue())
    bed.ask()
    for _ in range(30):
        bed.authorise()
        assert bed.step().latched is reason
        assert not bed.energised
        assert reason in bed.verdict.conditions
    assert bed.step(reset=True).latched is None
    assert reason not in bed.verdict.conditions
