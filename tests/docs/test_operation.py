"""The page for the bedside has every reason, every fault of the controller and every exit code, verbatim."""

import re

import pytest

from gateway.cli.exits import MEANINGS as EXIT_MEANINGS
from gateway.model import DeviceFault, Reason
from gateway.safety.reasons import MEANINGS, Kind
from gateway.safety.texts import EN, EVERY_TRIP, Language
from tests.docs.pages import read, rows, section

PAGE = read("docs/operation.md")
HEADINGS = {
    Kind.WAIT: "Waits: nothing inflates now, it may later, by itself or after an entry",
    Kind.REFUSAL: "Refusals: not as it stands",
    Kind.TRIP: "Trips: vented and latched",
    Kind.NOTICE: "Notices: an alarm, the output unchanged",
    Kind.ENDING: "Endings",
}


def row_of(reason: Reason) -> tuple[str, ...]:
    """The row that the page must have; what every trip asks for is said once, above its table."""
    priority = MEANINGS[reason].priority
    text, action = EN[reason]
    return (f"`{reason.value}`", priority.value if priority else "-", text, action or "-")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_row(reason: Reason) -> None:
    assert row_of(reason) in rows(section(PAGE, HEADINGS[MEANINGS[reason].kind]))


@pytest.mark.parametrize("kind", Kind)
def test_no_row_is_left_of_a_reason_that_is_gone(kind: Kind) -> None:
    reasons = {reason for reason in Reason if MEANINGS[reason].kind is kind}
    assert len(rows(section(PAGE, HEADINGS[kind]))) == len(reasons) + 1


def test_what_every_trip_asks_for_is_said() -> None:
    assert EVERY_TRIP[Language.ENGLISH] in section(PAGE, HEADINGS[Kind.TRIP])


def test_every_fault_of_the_controller_is_explained() -> None:
    named = {row[0].strip("`") for row in rows(section(PAGE, "Faults of the cuff controller"))} - {"fault"}
    assert named == {fault.name for fault in DeviceFault}


def test_every_exit_code_has_its_row() -> None:
    expected = [(code, text) for code, text in re.findall(r"^ +(\d+)  (.+)$", EXIT_MEANINGS, re.MULTILINE)]
    assert len(expected) == 10
    assert [row[:2] for row in rows(section(PAGE, "Exit codes"))[1:]] == expected
