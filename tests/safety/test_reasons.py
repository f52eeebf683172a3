"""How each reason behaves: no reason without a meaning, no trip without a high alarm."""

import pytest

from gateway.model import Priority, Reason
from gateway.safety.checks import TRIPS
from gateway.safety.reasons import MEANINGS, Kind, kind_of, priority_of


def of_kind(*kinds: Kind) -> list[Reason]:
    return [reason for reason in Reason if MEANINGS[reason].kind in kinds]


def test_every_reason_has_a_meaning() -> None:
    assert MEANINGS.keys() == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_meaning_is_found_by_its_reason(reason: Reason) -> None:
    assert (kind_of(reason), priority_of(reason)) == MEANINGS[reason]


@pytest.mark.parametrize("reason", of_kind(Kind.TRIP))
def test_every_trip_is_a_high_alarm(reason: Reason) -> None:
    assert priority_of(reason) is Priority.HIGH


@pytest.mark.parametrize("reason", of_kind(Kind.WAIT, Kind.REFUSAL, Kind.NOTICE))
def test_what_leaves_the_output_as_it_is_raises_no_high_alarm(reason: Reason) -> None:
    assert priority_of(reason) is not Priority.HIGH


@pytest.mark.parametrize("reason", of_kind(Kind.ENDING))
def test_an_ending_does_not_alarm(reason: Reason) -> None:
    assert priority_of(reason) is None


@pytest.mark.parametrize("reason", of_kind(Kind.NOTICE))
def test_a_notice_alarms(reason: Reason) -> None:
    assert priority_of(reason) in {Priority.MEDIUM, Priority.LOW}


def test_every_check_is_a_trip_and_stands_in_the_table_once() -> None:
    checked = [reason for reason, _ in TRIPS]
    assert len(checked) == len(set(checked))
    latched_by_a_start = {Reason.CORE_RESTARTED, Reason.RESTARTS_TOO_MANY}
    assert set(checked) == set(of_kind(Kind.TRIP)) - latched_by_a_start
