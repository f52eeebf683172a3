"""What the pulses of a contraction say, that they came, were answered: counted, not believed one by one."""

import pytest

from gateway.runtime.evoked import Counts, Look
from gateway.runtime.judging import ByPulses, Verdict, answered, arrived
from gateway.therapy.response import Answer, Sensor

EXPECTED = 50.0


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (Counts(50, 50, 0), (Answer.YES, Sensor.THERE)),
        (Counts(50, 13, 0), (Answer.YES, Sensor.THERE)),
        (Counts(50, 12, 0), (Answer.NO, Sensor.THERE)),
        (Counts(25, 25, 0), (Answer.YES, Sensor.THERE)),
        (Counts(24, 24, 0), (Answer.NO, Sensor.THERE)),  # fewer than half arrived
        (Counts(24, 10, 1), (Answer.UNKNOWN, Sensor.SATURATED)),  # but some may be hidden
        (Counts(0, 0, 0), (Answer.NO, Sensor.THERE)),
        (Counts(64, 64, 0), (Answer.YES, Sensor.THERE)),
        (Counts(65, 65, 0), (Answer.UNKNOWN, Sensor.NOISY)),  # more than were given
        (Counts(48, 30, 12), (Answer.YES, Sensor.THERE)),
        (Counts(48, 30, 13), (Answer.UNKNOWN, Sensor.SATURATED)),
        (Counts(-3, 0, 0), (Answer.UNKNOWN, Sensor.SILENT)),  # another hub counts anew
    ],
)
def test_what_they_say(seen: Counts, found: tuple[Answer, Sensor]) -> None:
    assert answered(seen, EXPECTED) == found


def test_of_a_contraction_that_was_cut_short_nobody_can_say() -> None:
    assert answered(Counts(0, 0, 0), 3.9) == (Answer.UNKNOWN, Sensor.THERE)
    assert answered(Counts(0, 0, 0), 4.0) == (Answer.NO, Sensor.THERE)


def test_two_responses_are_not_yet_an_answer() -> None:
    assert answered(Counts(5, 2, 0), 5.0) == (Answer.NO, Sensor.THERE)
    assert answered(Counts(5, 3, 0), 5.0) == (Answer.YES, Sensor.THERE)


@pytest.mark.parametrize(
    ("pulses", "found"),
    [
        (64, (Answer.YES, Sensor.THERE)),
        (25, (Answer.YES, Sensor.THERE)),
        (24, (Answer.NO, Sensor.THERE)),
        (0, (Answer.NO, Sensor.THERE)),
        (65, (Answer.UNKNOWN, Sensor.NOISY)),
        (-1, (Answer.UNKNOWN, Sensor.SILENT)),
    ],
)
def test_that_they_came_needs_no_muscle(pulses: int, found: tuple[Answer, Sensor]) -> None:
    assert arrived(Counts(pulses), EXPECTED) == found


def looked(counts: Counts, at_ms: int) -> Look:
    return Look(None, at_ms, at_ms, counts)


def judged(*looks: Look | None, every_ms: int = 1_000) -> Verdict:
    """A contraction of 50 Hz that begins and ends with these."""
    judge = ByPulses(500)
    judge.begin(looks[0], 0)
    for number, look in enumerate(looks):
        judge.step(look, 10_000, number * every_ms)
    return judge.verdict(looks[-1], (len(looks) - 1) * every_ms)


def test_pulses_are_expected_only_while_samples_come() -> None:
    """50 of 2 s at 50 Hz are half; of 1.6 s, more; of what is not three quarters there nobody can say."""
    begin = looked(Counts(7, 0, 0, 500), 0)
    for sampled_ms, pulses, answer, sensor in (
        (2_000, 50, Answer.YES, Sensor.THERE),
        (2_000, 49, Answer.NO, Sensor.THERE),
        (1_600, 40, Answer.YES, Sensor.THERE),
        (1_500, 37, Answer.NO, Sensor.THERE),
        (1_499, 70, Answer.UNKNOWN, Sensor.SILENT),
    ):
        middle = looked(Counts(7 + pulses // 2, 0, 0, 500 + sampled_ms // 2), 1_000)
        end = looked(Counts(7 + pulses, 0, 0, 500 + sampled_ms), 2_000)
        assert judged(begin, middle, end)[:2] == (answer, sensor)


@pytest.mark.parametrize(
    "looks",
    [
        (None, None, None),
        (None, looked(Counts(10, 0, 0, 200), 1_000), looked(Counts(50, 0, 0, 1_000), 2_000)),  # came late
        (looked(Counts(0, 0, 0, 0), 0), None, looked(Counts(40, 0, 0, 900), 2_000)),  # began anew
        (looked(Counts(90, 0, 0, 900), 0), None, looked(Counts(40, 0, 0, 900), 2_000)),
        (looked(Counts(0, 0, 0, 0), 0), looked(Counts(10, 0, 0, 300), 1_000), None),  # is gone
    ],
)
def test_an_emg_that_was_not_there_says_nothing(looks: tuple[Look | None, ...]) -> None:
    assert judged(*looks) == Verdict(Answer.UNKNOWN, Sensor.SILENT, None)


def test_what_flowed_when_the_third_pulse_came() -> None:
    judge = ByPulses(500)
    judge.begin(looked(Counts(4, 0, 0, 100), 0), 0)
    for at_ms, pulses, current_ua in ((50, 6, 3_000), (100, 7, 8_000), (400, 24, 9_000)):
        judge.step(looked(Counts(pulses, 0, 0, 100 + at_ms), at_ms), current_ua, at_ms)
    assert judge.verdict(looked(Counts(24, 0, 0, 500), 400), 400) == (Answer.YES, Sensor.THERE, 8_000)


def test_what_was_wrong_in_a_contraction_stays_wrong() -> None:
    noisy = Look(None, 1_000, 1_000, Counts(50, 0, 0, 1_000), noisy=True)
    looks = looked(Counts(), 0), noisy, looked(Counts(100, 0, 0, 2_000), 2_000)
    assert judged(*looks) == Verdict(Answer.UNKNOWN, Sensor.NOISY, None)


def test_an_emg_that_came_with_the_end_says_nothing() -> None:
    judge = ByPulses(500)
    judge.begin(None, 0)
    judge.step(None, 10_000, 0)
    late = looked(Counts(100, 0, 0, 2_000), 2_000)
    assert judge.verdict(late, 2_000) == Verdict(Answer.UNKNOWN, Sensor.SILENT, None)
