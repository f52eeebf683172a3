"""What each reason means to a person: no reason without a meaning, no alarm without an action."""

import re

import pytest

from gateway.model import Priority, Reason
from gateway.safety.checks import TRIPS
from gateway.safety.reasons import MEANINGS, Kind, kind_of, priority_of, text_of

COMMANDS = {"session start", "session reset", "session pressure", "session cuff-removed", "link"}


def of_kind(*kinds: Kind) -> list[Reason]:
    return [reason for reason in Reason if MEANINGS[reason].kind in kinds]


def test_every_reason_has_a_meaning() -> None:
    assert MEANINGS.keys() == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_text_is_a_sentence(reason: Reason) -> None:
    meaning = MEANINGS[reason]
    assert re.fullmatch(r"[A-Z].+\.", meaning.text)
    assert meaning.action == "" or re.fullmatch(r"[A-Z].+\.", meaning.action)
    assert text_of(reason) == (f"{meaning.text} {meaning.action}" if meaning.action else meaning.text)
    assert (kind_of(reason), priority_of(reason)) == (meaning.kind, meaning.priority)


@pytest.mark.parametrize("reason", of_kind(Kind.TRIP))
def test_every_trip_is_a_high_alarm_and_says_to_look_at_the_limb_and_reset(reason: Reason) -> None:
    meaning = MEANINGS[reason]
    assert meaning.priority is Priority.HIGH
    assert "limb" in meaning.action
    assert "unplug the hose" in meaning.action
    assert "`rvos session reset" in meaning.action


@pytest.mark.parametrize("reason", of_kind(Kind.WAIT, Kind.REFUSAL, Kind.NOTICE))
def test_where_a_person_may_act_the_text_says_how(reason: Reason) -> None:
    assert MEANINGS[reason].action
    assert MEANINGS[reason].priority is not Priority.HIGH


@pytest.mark.parametrize("reason", of_kind(Kind.ENDING))
def test_an_ending_does_not_alarm(reason: Reason) -> None:
    assert MEANINGS[reason].priority is None


@pytest.mark.parametrize("reason", of_kind(Kind.NOTICE))
def test_a_notice_alarms(reason: Reason) -> None:
    assert MEANINGS[reason].priority in {Priority.MEDIUM, Priority.LOW}


def test_the_texts_name_commands_that_exist() -> None:
    named = {name for reason in Reason for name in re.findall(r"`rvos ([a-z -]*[a-z])", text_of(reason))}
    assert named
    assert {re.sub(r" --.*", "", name) for name in named} <= COMMANDS


def test_every_check_is_a_trip_and_stands_in_the_table_once() -> None:
    checked = [reason for reason, _ in TRIPS]
    assert len(checked) == len(set(checked))
    assert set(checked) == set(of_kind(Kind.TRIP)) - {Reason.CORE_RESTARTED}
