"""Stimulation: ceilings, dose, rises, links; every bound from both sides."""

from dataclasses import replace

import pytest

from gateway.model import Limb, Output, Reason, Safe, StimulationIntent, StimulationPermit
from gateway.safety.limits import HARD
from gateway.safety.readiness import Readiness
from gateway.safety.stimulation import (
    SiteStimulation,
    StimulationState,
    StimulatorReading,
    TrainAuthorisation,
    highest_ua,
    refusal,
)
from tests.safety.bedside import SITE, Bedside

PLANNED_MS = 60_000

WIDE = SiteStimulation(
    current_ua=200_000, pulse_width_us=10_000, frequency_dhz=10_000, charge_nc=10**7, pad_area_mm2=10**6
)


class Stimulated(Bedside):
    """A bedside with a stimulator that answers."""

    def __init__(self, site: SiteStimulation | None = SITE, left_ms: int = 600_000) -> None:
        super().__init__()
        self.arm(stimulation=site, stimulation_left_ms=left_ms)
        self.writes = True
        self.report()
        self.step()

    def authorise_train(self, wish: StimulationIntent, **changes: int) -> None:
        """Make the journal's row for this train durable now; ``changes`` make it another one."""
        row = TrainAuthorisation(
            contraction=wish.contraction,
            ceiling_ua=wish.ceiling_ua,
            pulse_width_us=wish.pulse_width_us,
            frequency_dhz=wish.frequency_dhz,
            planned_ms=wish.planned_ms,
            durable_ms=self.now,
        )
        self.see(train=replace(row, **changes))

    def report(self, **changes: object) -> None:
        """The stimulator's newest word."""
        reading = StimulatorReading(stimulating=False, electrode_fault=False, link=1, arrived_ms=self.now)
        self.see(stimulator=replace(reading, **changes))  # type: ignore[arg-type]

    def pulse(self, current_ua: int, contraction: int = 1, presses: int = 0, **more: int) -> Reason | None:
        """Ask for pulses; why they are not given, ``None`` when they are."""
        asked = StimulationIntent(current_ua, 300, 500, contraction, presses, PLANNED_MS, 200_000)
        asked = asked._replace(**more)
        self.wishes = (asked,)  # type: ignore[assignment]
        if self.writes:
            self.authorise_train(asked)
        self.report(arrived_ms=self.now + 50)
        answer = self.step().stimulator
        return None if isinstance(answer, StimulationPermit) else answer.reason

    def pause(self, lasting_ms: int = 500) -> None:
        """Nothing is asked for, for so long after the step that notices it."""
        self.wishes = ()
        for _ in range(0, lasting_ms, 50):
            self.report(arrived_ms=self.now + 50)
            self.step()

    def raised(self, current_ua: int) -> None:
        """What was given so far, as if it had been raised in the slow way."""
        done = self.state.stimulation._replace(current_ua=current_ua, base_ua=current_ua)
        self.state = replace(self.state, stimulation=done)


def test_a_permit_names_the_pulses_and_lapses_before_any_devices_watchdog() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    assert bed.verdict.stimulator == StimulationPermit(1_000, 300, 500, bed.now + 600)


def test_a_site_without_ceilings_stimulates_nobody() -> None:
    assert Stimulated(None).pulse(1_000) is Reason.STIMULATION_NOT_CONFIGURED


def test_without_a_stimulator_or_a_session_nothing_is_given() -> None:
    bed = Stimulated()
    bed.wishes = (StimulationIntent(1_000, 300, 500, 1),)  # type: ignore[assignment]
    assert bed.step(stimulator=None).stimulator == Safe(Output.STIMULATOR, Reason.NOT_ARMED)
    assert bed.step(arming=None).stimulator == Safe(Output.STIMULATOR, Reason.NOT_ARMED)


def test_an_unready_session_stimulates_nobody() -> None:
    bed = Stimulated()
    bed.arm(stimulation=SITE, stimulation_left_ms=600_000, readiness=Readiness())
    assert bed.pulse(1_000) is Reason.NOT_READY


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"current_ua": 60_000}, None),
        ({"current_ua": 60_001}, Reason.STIMULATION_ABOVE_LIMIT),
        ({"current_ua": 0}, Reason.STIMULATION_ABOVE_LIMIT),
        ({"current_ua": -1}, Reason.STIMULATION_ABOVE_LIMIT),
        ({"pulse_width_us": 400}, None),
        ({"pulse_width_us": 401}, Reason.STIMULATION_ABOVE_LIMIT),
        ({"frequency_dhz": 501}, Reason.STIMULATION_ABOVE_LIMIT),
        ({"frequency_dhz": 0}, Reason.STIMULATION_ABOVE_LIMIT),
    ],
)
def test_the_sites_ceilings(more: dict[str, int], reason: Reason | None) -> None:
    bed = Stimulated()
    bed.raised(60_000)
    asked = {"current_ua": 50_000, **more}
    assert bed.pulse(asked.pop("current_ua"), **asked) is reason


@pytest.mark.parametrize(("charge_nc", "allowed"), [(15_000, True), (14_999, False)])
def test_charge_per_phase_is_current_times_width(charge_nc: int, allowed: bool) -> None:
    bed = Stimulated(replace(SITE, charge_nc=charge_nc))
    bed.raised(50_000)  # 50 mA for 300 us are 15 uC
    assert (bed.pulse(50_000) is None) is allowed


@pytest.mark.parametrize(
    ("current_ua", "width_us", "frequency_dhz", "allowed"),
    [
        (100_000, 1_000, 1_250, True),  # 100 mA x sqrt(2 x 1 ms x 125 Hz) = 50 mA r.m.s.
        (100_001, 1_000, 1_250, False),
        (100_000, 1_001, 1_250, False),
        (100_000, 1_000, 1_251, False),
    ],
)
def test_current_rms_is_at_most_50_ma(
    current_ua: int, width_us: int, frequency_dhz: int, allowed: bool
) -> None:
    bed = Stimulated(WIDE)
    bed.raised(200_000)
    given = bed.pulse(current_ua, pulse_width_us=width_us, frequency_dhz=frequency_dhz)
    assert (given is None) is allowed


@pytest.mark.parametrize(("pad_area_mm2", "allowed"), [(2_500, True), (2_499, False)])
def test_density_is_reckoned_on_half_the_pad(pad_area_mm2: int, allowed: bool) -> None:
    """125 mA x sqrt(2 x 400 us x 50 Hz) = 25 mA r.m.s. on half of 25 cm2: 2 mA r.m.s./cm2."""
    bed = Stimulated(replace(WIDE, pad_area_mm2=pad_area_mm2))
    bed.raised(200_000)
    given = bed.pulse(125_000, pulse_width_us=400, frequency_dhz=500)
    assert (given is None) is allowed


@pytest.mark.parametrize(("width_us", "allowed"), [(7_500, True), (7_501, False)])
def test_a_pulse_carries_at_most_300_mj_into_500_ohm(width_us: int, allowed: bool) -> None:
    """(200 mA)^2 x 500 ohm x 2 x 7.5 ms = 300 mJ."""
    bed = Stimulated(WIDE)
    bed.raised(200_000)
    assert (bed.pulse(200_000, pulse_width_us=width_us, frequency_dhz=1) is None) is allowed


# rises


def test_by_itself_the_current_rises_1_ma_a_contraction() -> None:
    bed = Stimulated()
    assert bed.pulse(1_001) is Reason.STIMULATION_RISE_TOO_FAST
    assert bed.pulse(1_000) is None
    assert bed.pulse(1_001) is Reason.STIMULATION_RISE_TOO_FAST
    bed.pause()
    assert bed.pulse(2_000, contraction=2) is None
    bed.pause()
    assert bed.pulse(3_001, contraction=3) is Reason.STIMULATION_RISE_TOO_FAST
    bed.pause()
    assert bed.pulse(3_000, contraction=3) is None


def test_a_contraction_begins_after_a_pause() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    assert bed.pulse(2_000, contraction=2) is Reason.CONTRACTION_PAUSE
    bed.pause(400)
    assert bed.pulse(2_000, contraction=2) is Reason.CONTRACTION_PAUSE
    assert bed.pulse(2_000, contraction=2) is None


def test_a_clock_that_ran_backwards_is_no_pause() -> None:
    wish = StimulationIntent(1_000, 300, 500, 2, 0, PLANNED_MS, 200_000)
    rested = StimulationState(contraction=1, current_ua=1_000, rested_ms=10_000)
    for now, reason in ((9_000, Reason.CONTRACTION_PAUSE), (10_500, Reason.JOURNAL_PENDING)):
        assert refusal(HARD, SITE, rested, None, wish, now) is reason


def test_contractions_are_counted_upwards() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000, contraction=3) is None
    bed.pause()
    assert bed.pulse(1_000, contraction=2) is Reason.REQUEST_CHANGED
    assert bed.pulse(2_000, contraction=4) is None


def test_what_fell_within_a_contraction_rises_from_where_it_fell_to() -> None:
    bed = Stimulated()
    bed.raised(30_000)
    assert bed.pulse(30_000) is None
    assert bed.pulse(5_000) is None
    assert bed.pulse(6_001) is Reason.STIMULATION_RISE_TOO_FAST
    assert bed.pulse(6_000) is None


def test_one_contraction_gains_one_step_however_often_it_falls() -> None:
    bed = Stimulated()
    bed.raised(30_000)
    for current_ua in (5_000, 6_000, 5_500, 6_000):
        assert bed.pulse(current_ua) is None
    assert bed.pulse(6_001) is Reason.STIMULATION_RISE_TOO_FAST
    assert bed.pulse(4_000) is None
    assert bed.pulse(5_001) is Reason.STIMULATION_RISE_TOO_FAST


def test_a_press_after_a_fall_counts_from_where_it_fell_to() -> None:
    bed = Stimulated()
    bed.raised(30_000)
    assert bed.pulse(5_000) is None
    assert bed.pulse(10_001, presses=1) is Reason.STIMULATION_RISE_TOO_FAST
    assert bed.pulse(10_000, presses=1) is None
    assert bed.pulse(11_000, presses=1) is None
    assert bed.pulse(11_001, presses=1) is Reason.STIMULATION_RISE_TOO_FAST


def test_a_press_that_lowers_keeps_no_higher_base() -> None:
    bed = Stimulated()
    bed.raised(30_000)
    assert bed.pulse(30_000) is None
    assert bed.pulse(5_000, presses=1) is None
    assert bed.pulse(6_001, presses=1) is Reason.STIMULATION_RISE_TOO_FAST


def test_the_next_contraction_counts_from_what_was_given_last() -> None:
    bed = Stimulated()
    bed.raised(30_000)
    assert bed.pulse(30_000) is None
    assert bed.pulse(5_000) is None
    bed.pause()
    assert bed.pulse(6_001, contraction=2) is Reason.STIMULATION_RISE_TOO_FAST


def test_a_person_raises_5_ma_a_press() -> None:
    bed = Stimulated()
    assert bed.pulse(5_001, presses=1) is Reason.STIMULATION_RISE_TOO_FAST
    assert bed.pulse(5_000, presses=1) is None
    assert bed.pulse(5_000, presses=1) is None
    assert bed.pulse(6_001, presses=1) is Reason.STIMULATION_RISE_TOO_FAST


def test_presses_count_one_a_second() -> None:
    bed = Stimulated()
    assert bed.pulse(5_000, presses=1) is None
    pressed_ms = bed.now
    while bed.now < pressed_ms + 950:
        assert bed.pulse(10_000, presses=2) is Reason.STIMULATION_RISE_TOO_FAST
    assert bed.pulse(10_000, presses=2) is None


def test_the_budget_is_time_with_current() -> None:
    bed = Stimulated(left_ms=500)
    given = 0
    while bed.pulse(1_000) is None:
        given += 1
    assert given == 11  # 500 ms are over when the eleventh is under way
    assert bed.verdict.stimulator == Safe(Output.STIMULATOR, Reason.BUDGET_SPENT)
    assert bed.state.stimulation.spent_ms == 500


def test_a_new_session_starts_at_nothing() -> None:
    bed = Stimulated()
    bed.raised(30_000)
    assert bed.pulse(30_000) is None
    bed.arm(number=2, limb=Limb.LEFT_THIGH, stimulation=SITE, stimulation_left_ms=600_000)
    assert bed.pulse(30_000, contraction=2) is Reason.STIMULATION_RISE_TOO_FAST


# the authorisation


def test_a_relay_that_is_refused_to_a_train_under_way_trips() -> None:
    bed = Stimulated()
    assert bed.step(lease_refused=True).latched is None
    assert bed.pulse(1_000) is None
    assert bed.step(lease_refused=True).latched is Reason.DEVICE_REFUSED


# the highest current that all ceilings allow


@pytest.mark.parametrize(
    ("site", "width_us", "frequency_dhz", "highest"),
    [
        (SITE, 300, 500, 60_000),  # the site's own ceiling
        (replace(SITE, current_ua=59_999), 300, 500, 59_999),
        (replace(SITE, current_ua=1), 300, 500, 1),
        (SITE, 400, 500, 60_000),  # 24 uC in 400 us are 60 mA
        (replace(SITE, charge_nc=15_000), 300, 500, 50_000),
        (WIDE, 1_000, 1_250, 100_000),  # 50 mA r.m.s.
        (SITE, 401, 500, 0),
        (SITE, 300, 501, 0),
        (replace(SITE, current_ua=0), 300, 500, 0),
    ],
)
def test_the_highest_current_of_a_site(
    site: SiteStimulation, width_us: int, frequency_dhz: int, highest: int
) -> None:
    assert highest_ua(HARD, site, width_us, frequency_dhz) == highest


# the link


def test_a_silent_stimulator_trips_after_one_poll() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    heard_ms = bed.now
    while bed.now < heard_ms + 600:
        assert bed.step().latched is None
    assert bed.step().latched is Reason.STIMULATOR_LOST
    assert bed.verdict.stimulator == Safe(Output.STIMULATOR, Reason.STIMULATOR_LOST)


def test_a_link_that_came_back_is_another_link() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    bed.report(link=2, arrived_ms=bed.now + 50)
    assert bed.step().latched is Reason.STIMULATOR_LOST


def test_a_stimulator_that_was_not_used_may_be_silent() -> None:
    bed = Stimulated()
    assert bed.run(5_000).latched is None


def test_a_report_from_the_future_is_none() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    bed.report(arrived_ms=bed.now + 51)
    assert bed.step(50).latched is Reason.STIMULATOR_LOST


def test_a_stimulator_that_is_no_longer_there_is_lost() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    assert bed.step(stimulator=None).latched is Reason.STIMULATOR_LOST


def test_after_the_session_its_stimulator_may_be_silent_and_its_electrodes_come_off() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    bed.wishes = ()
    bed.disarm()
    assert bed.run(2_000).latched is None
    bed.report(electrode_fault=True)
    assert bed.step().latched is None


def test_an_electrode_fault_stops_every_output() -> None:
    bed = Stimulated()
    bed.hold(planned_ms=60_000)
    bed.report(electrode_fault=True)
    bed.step()
    assert bed.verdict.latched is Reason.ELECTRODE_FAULT
    assert isinstance(bed.verdict.cuff, Safe)
    assert isinstance(bed.verdict.stimulator, Safe)


def test_what_still_stimulates_a_poll_after_its_permit_is_unexpected() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    last_ms = bed.now
    bed.wishes = ()
    while bed.now < last_ms + 1_200:
        bed.report(stimulating=True, arrived_ms=bed.now + 50)
        assert bed.step().latched is None
    bed.report(stimulating=True, arrived_ms=bed.now + 50)
    assert bed.step().latched is Reason.STIMULATOR_UNEXPECTED


def test_a_train_that_was_not_ended_is_expected_also_by_a_late_step() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    bed.report(stimulating=True, arrived_ms=bed.now + 1_300)
    assert bed.step(1_300).latched is None


def test_two_wishes_are_none() -> None:
    bed = Stimulated()
    bed.wishes = (StimulationIntent(1_000, 300, 500, 1), StimulationIntent(900, 300, 500, 1))  # type: ignore[assignment]
    assert bed.step().stimulator == Safe(Output.STIMULATOR, Reason.NO_REQUEST)


@pytest.mark.parametrize("stop", [Reason.STOPPED_BY_OPERATOR, Reason.PATIENT_CLEARED])
def test_a_stop_takes_both_outputs(stop: Reason) -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    assert bed.step(stop=stop).stimulator == Safe(Output.STIMULATOR, stop)
    assert bed.verdict.cuff == Safe(Output.CUFF, stop)
