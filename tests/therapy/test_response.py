"""The fold of a session's contractions: what is missing, from when on, and which sensor says nothing."""

import pytest

from gateway.model import Reason
from gateway.therapy.response import UNANSWERED_MOST, UNJUDGED, Answer, Judged, Responses, Sensor


def folded(*contractions: tuple[int, Answer, bool]) -> Responses:
    """After these: current in mA, what was found, whether an answer was due whatever was before."""
    found = UNJUDGED
    for number, (current_ma, answer, due) in enumerate(contractions, start=1):
        found = found.with_judged(
            Judged(number, current_ma * 1_000, answer, Sensor.THERE, current_ma * 1_000, due)
        )
    return found


def concerns(found: Responses) -> frozenset[Reason]:
    return found.concerns(Reason.PULSES_MISSING, Reason.EMG_LOST)


def test_what_is_not_due_and_never_was_is_not_missed() -> None:
    found = folded(*[(number, Answer.NO, False) for number in range(1, 10)])
    assert (found.unanswered, found.gone, concerns(found)) == (9, 0, frozenset())
    assert found.may_rise


@pytest.mark.parametrize(
    "missed",
    [
        [(5, Answer.NO, True)] * UNANSWERED_MOST,  # due whatever was before
        [(2, Answer.YES, False), *[(2, Answer.NO, False)] * UNANSWERED_MOST],  # was there before
        [(2, Answer.YES, False), (2, Answer.NO, False), (3, Answer.NO, True), (2, Answer.NO, False)],
        [(5, Answer.NO, True), (5, Answer.UNKNOWN, True), (5, Answer.NO, True), (5, Answer.NO, True)],
    ],
)
def test_three_in_a_row_that_should_have_been_are_missed(missed: list[tuple[int, Answer, bool]]) -> None:
    assert not concerns(folded(*missed[:-1]))
    found = folded(*missed)
    assert concerns(found) == {Reason.PULSES_MISSING}
    assert not found.may_rise


@pytest.mark.parametrize("last", [(5, Answer.YES, True), (1, Answer.NO, False)])
def test_an_answer_ends_the_row_and_so_does_a_current_at_which_none_is_due(
    last: tuple[int, Answer, bool],
) -> None:
    assert folded(*[(5, Answer.NO, True)] * 2, last).gone == 0


def test_whoever_presses_looks() -> None:
    found = folded(*[(5, Answer.NO, True)] * UNANSWERED_MOST).pressed()
    assert (found.unanswered, found.gone, concerns(found)) == (0, 0, frozenset())
    assert found.contraction == UNANSWERED_MOST


@pytest.mark.parametrize("sensor", Sensor)
def test_a_sensor_that_says_nothing_is_named(sensor: Sensor) -> None:
    found = UNJUDGED.with_judged(Judged(1, 5_000, Answer.UNKNOWN, sensor))
    lost = sensor not in (Sensor.THERE, Sensor.ABSENT)
    assert concerns(found) == ({Reason.EMG_LOST} if lost else set())
