"""The plan of stimulation, under the real supervisor: it asks for nothing that would be refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import CuffReading, DeviceFault, Output, Reason, Safe, StimulationPermit
from gateway.safety import supervisor
from gateway.safety.debt import Debts
from gateway.safety.limits import HARD
from gateway.safety.observations import Observations, State
from gateway.safety.stimulation import StimulatorReading, TrainAuthorisation
from gateway.therapy import nmes
from gateway.therapy.nmes import NmesPlan, Phase
from gateway.therapy.plan import Less, More, Seen, Word
from gateway.therapy.plans import begin
from gateway.therapy.prescription import NmesPrescription, load
from tests.safety.bedside import ARMING, SITE

STEP_MS = 50
START_MS = 1_000_000
SHORT = NmesPrescription(
    name="short",
    title="short",
    sha256="",
    duration_ms=20_000,
    on_ms=2_000,
    off_ms=3_000,
    frequency_dhz=450,
    pulse_width_us=400,
    current_ua=40_000,
)


class Muscle:
    """Plan, supervisor, a journal whose row is durable a step later, and a stimulator that answers."""

    def __init__(
        self, prescription: NmesPrescription = SHORT, first: int = 1, left_ms: int = 600_000
    ) -> None:
        self.now = START_MS
        self.plan = nmes.start(prescription, self.now, first)
        self.arming = replace(ARMING, stimulation=SITE, stimulation_left_ms=left_ms)
        self.state = State(Debts.equal(0, self.now))
        self.answer: StimulationPermit | Safe | None = None
        self.row: TrainAuthorisation | None = None
        self.refused: set[Reason] = set()
        self.given: list[tuple[int, int, int]] = []
        self.step()

    def step(self) -> None:
        self.now += STEP_MS
        given = self.state.stimulation
        started_ms = given.started_ms if given.on else None
        seen = Seen(None, None, None, False, True, self.answer, started_ms)
        plan, wishes, _ = self.plan.step(seen, self.now)
        assert isinstance(plan, NmesPlan)
        self.plan = plan
        cuff = CuffReading(0, 0, 0, False, DeviceFault.NONE, 0, 7, self.now, self.now)
        observations = Observations(
            cuff=cuff,
            cuff_accepted=True,
            arming=self.arming,
            stimulator=StimulatorReading(False, False, 1, self.now),
            train=self.row,
        )
        self.state, verdict = supervisor.step(HARD, self.state, observations, wishes, self.now)
        self.answer = verdict.stimulator
        if isinstance(self.answer, StimulationPermit):
            self.given.append((self.now, self.state.stimulation.contraction, self.answer.current_ua))
        elif self.answer.reason is Reason.JOURNAL_PENDING:
            wish = wishes[0]
            self.row = TrainAuthorisation(
                wish.contraction,
                wish.ceiling_ua,
                wish.pulse_width_us,
                wish.frequency_dhz,
                wish.planned_ms,
                self.now,
            )
        else:
            self.refused.add(self.answer.reason)

    def run(self, for_ms: int) -> None:
        for _ in range(for_ms // STEP_MS):
            self.step()

    def until(self, phase: Phase) -> None:
        for _ in range(400):
            if self.plan.step_now is phase:
                return
            self.step()
        raise AssertionError(f"never {phase}: {self.plan}")

    def say(self, word: Word) -> str:
        plan, objection = self.plan.hear(word, self.now)
        assert isinstance(plan, NmesPlan)
        self.plan = plan
        return objection

    @property
    def current_ua(self) -> int:
        """What is given now; 0 in a pause."""
        return self.answer.current_ua if isinstance(self.answer, StimulationPermit) else 0


def test_it_rises_by_1_ma_a_contraction_and_ends_with_the_last() -> None:
    muscle = Muscle()
    muscle.until(Phase.FINISHED)
    assert {(number, current) for _, number, current in muscle.given} == {
        (1, 1_000),
        (2, 2_000),
        (3, 3_000),
        (4, 4_000),
    }
    assert muscle.plan.is_finished
    assert muscle.plan.cycle == SHORT.contractions == 4
    assert muscle.refused == {Reason.NO_REQUEST}


def test_each_contraction_and_each_rest_lasts_its_time() -> None:
    muscle = Muscle()
    muscle.until(Phase.FINISHED)
    times = {number: [at for at, one, _ in muscle.given if one == number] for number in range(1, 5)}
    for number, at in times.items():
        assert at[-1] - at[0] == SHORT.on_ms - STEP_MS, number
    for number in range(1, 4):
        rest_ms = times[number + 1][0] - times[number][-1]
        assert SHORT.off_ms <= rest_ms <= SHORT.off_ms + 4 * STEP_MS


def test_it_waits_for_the_stimulator_and_says_how_long_a_phase_lasts() -> None:
    muscle = Muscle()
    assert (muscle.plan.waits_for, muscle.plan.time_left_ms(muscle.now)) == (Output.STIMULATOR, 0)
    muscle.until(Phase.CONTRACTING)
    assert muscle.plan.waits_for is None
    left_ms = muscle.plan.time_left_ms(muscle.now)
    assert SHORT.on_ms - 2 * STEP_MS <= left_ms < SHORT.on_ms
    muscle.until(Phase.RESTING)
    assert muscle.plan.time_left_ms(muscle.now) == SHORT.off_ms
    assert muscle.plan.phase == "resting"


def test_it_goes_on_with_the_first_contraction_that_is_missing_from_1_ma() -> None:
    muscle = Muscle(first=3)
    muscle.until(Phase.FINISHED)
    assert {(number, current) for _, number, current in muscle.given} == {(3, 1_000), (4, 2_000)}


def test_it_stops_rising_at_the_prescriptions_highest() -> None:
    muscle = Muscle(replace(SHORT, current_ua=2_000))
    muscle.until(Phase.FINISHED)
    assert {current for _, _, current in muscle.given} == {1_000, 2_000}


class TestPresses:
    def test_one_raises_at_once_while_the_muscle_contracts(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.CONTRACTING)
        assert muscle.say(More(5_000)) == ""
        muscle.step()
        assert muscle.current_ua == 6_000

    def test_the_second_waits_for_its_second(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.CONTRACTING)
        muscle.say(More(5_000))
        muscle.step()
        pressed_ms = muscle.now
        assert muscle.say(More(5_000)) == ""
        assert "waits already" in muscle.say(More(1_000))
        while muscle.current_ua == 6_000:
            muscle.step()
        assert (muscle.current_ua, muscle.now - pressed_ms) == (11_000, nmes.PRESS_EVERY_MS)

    def test_in_a_pause_it_counts_for_the_next_contraction(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.RESTING)
        assert muscle.say(More(3_000)) == ""
        muscle.until(Phase.CONTRACTING)
        assert muscle.current_ua == 4_000
        assert muscle.refused == {Reason.NO_REQUEST}

    def test_what_it_raised_to_is_where_the_next_begins(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.CONTRACTING)
        muscle.say(More(5_000))
        muscle.until(Phase.RESTING)
        muscle.until(Phase.CONTRACTING)
        assert muscle.current_ua == 7_000

    @pytest.mark.parametrize("by_ua", [0, -1, 5_001])
    def test_a_press_that_cannot_be_is_refused(self, by_ua: int) -> None:
        muscle = Muscle()
        assert "1 to 5 mA" in muscle.say(More(by_ua))

    def test_the_highest_is_the_highest(self) -> None:
        muscle = Muscle(replace(SHORT, current_ua=3_000))
        muscle.until(Phase.CONTRACTING)
        muscle.say(More(5_000))
        muscle.step()
        assert muscle.current_ua == 3_000
        assert "at its highest, 3 mA" in muscle.say(More(1_000))

    def test_one_that_was_heard_after_the_asking_is_still_given(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.RESTING)
        while not isinstance(muscle.answer, StimulationPermit):
            muscle.step()
        assert muscle.plan.step_now is Phase.WAITING
        muscle.say(More(5_000))
        muscle.step()
        assert muscle.current_ua == 2_000 + 5_000


class TestLess:
    def test_it_falls_at_once_and_stays_there(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.CONTRACTING)
        muscle.say(More(5_000))
        muscle.step()
        muscle.say(Less(2_000))
        muscle.step()
        assert muscle.current_ua == 4_000
        muscle.until(Phase.RESTING)
        muscle.until(Phase.FINISHED)
        assert {current for _, number, current in muscle.given if number > 1} == {4_000}

    def test_a_press_lifts_it_again(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.CONTRACTING)
        muscle.say(More(5_000))
        muscle.step()
        muscle.say(Less(5_000))
        muscle.until(Phase.RESTING)
        muscle.say(More(2_000))
        muscle.until(Phase.CONTRACTING)
        assert muscle.current_ua == 3_000
        assert muscle.plan.comfort_ua == 3_000

    def test_there_is_no_less_than_1_ma(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.CONTRACTING)
        assert muscle.say(Less(200_000)) == ""
        muscle.step()
        assert muscle.current_ua == nmes.LEAST_UA

    def test_it_takes_back_a_press_that_waits(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.RESTING)
        muscle.say(More(5_000))
        muscle.say(Less(1_000))
        muscle.until(Phase.CONTRACTING)
        assert muscle.current_ua == 1_000

    def test_what_was_granted_before_it_was_heard_is_lowered_too(self) -> None:
        muscle = Muscle()
        muscle.until(Phase.RESTING)
        muscle.say(More(5_000))
        while not isinstance(muscle.answer, StimulationPermit):
            muscle.step()
        muscle.say(Less(5_000))
        muscle.step()
        assert muscle.current_ua == 1_000


WORDS = st.one_of(st.none(), st.builds(More, st.integers(1, 5_000)), st.builds(Less, st.integers(1, 40_000)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), WORDS), max_size=40))
def test_whatever_is_said_the_supervisor_refuses_no_pulse(said: list[tuple[int, Word | None]]) -> None:
    muscle = Muscle()
    for steps, word in said:
        muscle.run(steps * STEP_MS)
        if word is not None:
            muscle.say(word)
    assert muscle.refused <= {Reason.NO_REQUEST}
    assert all(current <= SHORT.current_ua for _, _, current in muscle.given)


def test_the_plan_s_steps_are_those_of_the_limits() -> None:
    assert HARD.stimulation_rise_ua == nmes.RISE_UA
    assert HARD.stimulation_press_rise_ua == nmes.PRESS_MOST_UA
    assert HARD.stimulation_press_ms == nmes.PRESS_EVERY_MS


def test_each_prescription_has_its_plan() -> None:
    assert begin(load("nmes-demo"), 5, 2).cycle == 2
    occlusion = begin(load("demo"), 5, 2)
    assert (occlusion.cycle, occlusion.phase, occlusion.waits_for) == (2, "baseline", None)
    assert occlusion.hear(More(1_000), 5) == (occlusion, "this prescription stimulates nothing")
