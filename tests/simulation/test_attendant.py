"""The people of a simulated session: what they do is drawn from a seed; most of it sounds nothing."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.model import Limb
from gateway.simulation import campaign, trial
from gateway.simulation.attendant import Order
from gateway.simulation.conduct import Conduct, Elsewhere, Stop, draw
from gateway.simulation.models import LIMBS
from gateway.simulation.outcome import Outcome, Task
from gateway.simulation.protocols import SHORT, STIMULATION, WHOLE, Protocol
from gateway.simulation.trial import Trial

HOLD_MS, CONTRACTION_MS = 9_000, 1_500
LONG = Protocol(WHOLE.prescription, "fast_cuff", "fast_limb", 700_000, 290_000, ())
"""The first occlusion of 300 s, on the fast cuff, with both prompts for a pain score."""


def trial_of(
    folder: Path, conduct: Conduct, protocol: Protocol = SHORT, limb: Limb = Limb.LEFT_THIGH
) -> Trial:
    bedside = campaign._warm_bedside(protocol).bedside(LIMBS[protocol.limb], 1, folder / "journal.db")
    order = Order(protocol.prescription, limb, "somebody", conduct)
    return Trial(bedside, order, (), Task(0, 1, (), protocol))


def session(folder: Path, conduct: Conduct, protocol: Protocol = SHORT) -> Outcome:
    return trial_of(folder, conduct, protocol).run()


# --- what is drawn ------------------------------------------------------------------------------------

DRAWN = [draw(random.Random(seed), 30_000, stimulates=True) for seed in range(2_000)]


def test_every_way_to_stop_is_drawn_and_most_sessions_are_not_stopped() -> None:
    stops = [conduct.stop for conduct in DRAWN]
    assert set(stops) == set(Stop)
    assert 0.75 < stops.count(Stop.NOBODY) / len(stops) < 0.85


def test_everything_else_is_drawn_both_ways() -> None:
    for name in ("again", "speaks", "answers_prompts", "rounds", "contraindicated"):
        assert {getattr(conduct, name) for conduct in DRAWN} == {True, False}, name
    assert {conduct.elsewhere is None for conduct in DRAWN} == {True, False}
    assert {len(conduct.words) for conduct in DRAWN} == {0, 1, 2, 3, 4}


def test_words_about_a_current_belong_to_a_stimulation() -> None:
    assert not any(draw(random.Random(seed), 30_000, stimulates=False).words for seed in range(100))


def test_all_limbs_are_drawn_where_the_prescription_allows() -> None:
    drawn = {
        protocol: {trial._order(random.Random(seed), protocol, 0).limb for seed in range(100)}
        for protocol in (SHORT, STIMULATION)
    }
    assert drawn[SHORT] == set(Limb)
    assert drawn[STIMULATION] == {Limb.LEFT_THIGH, Limb.RIGHT_THIGH}


# --- what they do -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "at_ms"), [(SHORT, HOLD_MS), (STIMULATION, CONTRACTION_MS)])
@pytest.mark.parametrize(
    ("stop", "ending"),
    [
        (Stop.INTOLERABLE, "interrupted"),
        (Stop.CLEAR, "interrupted"),
        (Stop.PATIENT, "stopped"),
        (Stop.BUTTON, "stopped"),
        (Stop.TERMINAL, "stopped"),
    ],
)
def test_who_stops_ends_the_session_and_sounds_nothing(
    tmp_path: Path, stop: Stop, ending: str, protocol: Protocol, at_ms: int
) -> None:
    """In the middle of a hold, or of a contraction: something is energised then, and soon nothing is."""
    outcome = session(tmp_path, Conduct(stop=stop, stop_at_ms=at_ms), protocol)
    assert outcome.endings == (ending,)
    assert not any((outcome.alarms, outcome.trips, outcome.harms, outcome.false_alarms))


@pytest.mark.parametrize("stop", [Stop.INTOLERABLE, Stop.CLEAR])
def test_what_a_person_interrupted_a_person_may_resume(tmp_path: Path, stop: Stop) -> None:
    outcome = session(tmp_path, Conduct(stop=stop, stop_at_ms=HOLD_MS, again=True, speaks=False))
    assert outcome.endings == ("interrupted", "completed")
    assert not any((outcome.alarms, outcome.harms))


def test_the_monitor_hears_of_a_stop_and_of_a_beginning(tmp_path: Path) -> None:
    played = trial_of(tmp_path, Conduct(stop=Stop.PATIENT, stop_at_ms=HOLD_MS))
    seen = []
    for _ in range(1_500):
        played.turn()
        seen.append(played.monitor._stopped_ms is not None)
    changes = [now for before, now in pairwise(seen) if before != now]
    assert changes == [True, False, True]  # the press before the start, the start, the patient's stop
    played.bedside.close()


def test_a_contraindication_starts_nothing(tmp_path: Path) -> None:
    assert session(tmp_path, Conduct(contraindicated=True)).endings == ()


@pytest.mark.parametrize(("ended_min_ago", "endings"), [(239, ()), (241, ("completed",))])
def test_a_session_elsewhere_counts(tmp_path: Path, ended_min_ago: int, endings: tuple[str, ...]) -> None:
    outcome = session(tmp_path, Conduct(elsewhere=Elsewhere(ended_min_ago, 20)))
    assert outcome.endings == endings
    assert not outcome.alarms


@pytest.mark.parametrize("limb", [Limb.LEFT_UPPER_ARM, Limb.RIGHT_UPPER_ARM])
def test_an_arm_is_a_limb_too(tmp_path: Path, limb: Limb) -> None:
    played, owed_ms = trial_of(tmp_path, Conduct(), limb=limb), set()
    while not played.attendant.done:
        played.turn()
        owed_ms.add(tuple(debt > 0 for debt in played.monitor.debts_ms))
    played.bedside.close()
    assert played.monitor.highest_mmhg > 150.0
    assert owed_ms == {(False,) * 4, tuple(one is limb for one in Limb)}


def test_words_for_more_current_raise_it(tmp_path: Path) -> None:
    highest, last = [], []
    for number, words in enumerate([(), ((1_200, 5), (4_000, 5)), ((1_200, 5), (4_000, -10))]):
        folder = tmp_path / str(number)
        folder.mkdir()
        played = trial_of(folder, Conduct(words=words), STIMULATION)
        flowed = []
        while not played.attendant.done:
            played.turn()
            flowed.append(played.bedside.plant.tissue_current_ua)
        highest.append(max(flowed))
        last.append([one for one in flowed if one][-1])
        played.bedside.close()
    assert highest == [6_000, 15_000, 6_000]
    assert last == [6_000, 15_000, 1_000]


def test_a_prompt_that_nobody_answers_calls_for_its_alarm_and_is_no_false_one(tmp_path: Path) -> None:
    outcome = session(tmp_path, Conduct(answers_prompts=False), LONG)
    assert "pain_score_due" in outcome.alarms
    assert set(outcome.alarms) <= set(outcome.called_for)
    assert not outcome.false_alarms
    assert not outcome.harms


def test_who_answers_every_prompt_hears_nothing(tmp_path: Path) -> None:
    outcome = session(tmp_path, Conduct(rounds=True), LONG)
    assert outcome.alarms == outcome.called_for == ()
