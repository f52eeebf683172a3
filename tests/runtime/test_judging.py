"""What the pulses of a contraction say, that they came, were answered: counted, not believed one by one."""

import pytest

from gateway.runtime.evoked import Counts
from gateway.runtime.judging import answered, arrived
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
