"""What waits for the controller or the disk is void when something else came first; one press, one thing.

A start, a test of the cuff and a reset are asked for and answered later.  Whatever comes between counts more.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_bridge import cuff, ecp
from gateway.model import Limb, Reason
from gateway.record.events import InflationStarted, SessionEnded, SessionStarted
from gateway.runtime.core import Core
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    AlarmAck,
    AnyRequest,
    CuffAccept,
    DeclaredSession,
    PatientHistory,
    PatientShow,
    Reply,
    SelfTest,
    SessionClearPatient,
    SessionPain,
    SessionReset,
    SessionStart,
    SessionStop,
)
from gateway.safety.debt import Debts
from gateway.safety.observations import State
from gateway.simulation.bedside import OPERATOR
from gateway.simulation.nurse import start_request
from tests.runtime.conftest import PATIENT, READINGS_MS, People

ACCEPT = CuffAccept(off_every_limb=True, confirm=True)
RESTED_MS = 320_000
LATE_MS = 4_000


@pytest.fixture
def rested(people: People) -> People:
    """Nobody's limb owes anything, and the patient's last day is known."""
    people.bedside.run(RESTED_MS)
    people.bedside.ask(PatientHistory(patient=PATIENT, nothing=True, confirm=True))
    return people


def core_of(people: People) -> Core:
    assert people.bedside.core is not None
    return people.bedside.core


def start(*, resume: bool = False) -> SessionStart:
    return start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=PATIENT, resume=resume)


def ask(people: People, request: AnyRequest) -> list[Reply]:
    """Ask, and do not wait for the answer."""
    replies: list[Reply] = []
    people.bedside.desk.ask(request, OPERATOR, people.bedside.core_ms, replies.append)
    return replies


def test_what_is_told_while_a_start_waits_counts(rested: People) -> None:
    """The budgets that were judged are not those of this instant any more."""
    rested.bedside.press_button()
    replies = ask(rested, start())
    elsewhere = DeclaredSession(limb="left_thigh", ended_min_ago=300, above_min=20, therapy=True)
    told = PatientHistory(patient=PATIENT, sessions=[elsewhere], confirm=True)
    assert not rested.bedside.ask(told).exit_code
    rested.bedside.run(5_000)
    (reply,) = replies
    assert (reply.exit_code, "something else happened meanwhile" in reply.message) == (EXIT_NOT_NOW, True)
    assert core_of(rested).session is None


def never_inflates(people: People, for_ms: int = 100_000) -> bool:
    """Let time pass; whether the cuff stayed empty."""
    highest = 0.0
    for _ in range(for_ms // 10):
        people.bedside.turn()
        highest = max(highest, people.bedside.plant.pressure_mmhg)
    return highest < 1.0 and not people.events_of(InflationStarted)


# --- one thing at a time ---------------------------------------------------------------------------


@pytest.mark.parametrize("first", [ACCEPT, start(), SelfTest()], ids=["test", "start", "self-test"])
@pytest.mark.parametrize("second", [ACCEPT, start(), SelfTest()], ids=["test", "start", "self-test"])
def test_what_is_asked_for_while_something_waits_is_refused(
    rested: People, first: AnyRequest, second: AnyRequest
) -> None:
    rested.bedside.press_button()
    waits = ask(rested, first)
    refused = ask(rested, second)
    assert not waits
    assert [reply.exit_code for reply in refused] == [75]
    assert "wait for its answer" in refused[0].message


def test_a_test_of_the_cuff_ends_with_its_time_whatever_it_waits_for(rested: People) -> None:
    rested.bedside.press_button()
    replies = ask(rested, ACCEPT)
    core = core_of(rested)
    while core.acceptance is None:
        rested.bedside.turn()
    for _ in range(80):
        core.state = _owing(core)
        rested.bedside.run(1_000)
    assert [(reply.exit_code, "it took too long" in reply.message) for reply in replies] == [(1, True)]
    assert core.acceptance is None
    assert never_inflates(rested)


def _owing(core: Core) -> State:
    """As after an occlusion on some limb that nobody expected."""
    return replace(core.state, debts=Debts.of_ms((300_000,) * 4, core.state.now_ms or 0))


# --- a stop counts more than what waits --------------------------------------------------------------


@pytest.mark.parametrize("stop", [SessionStop(), SessionClearPatient()], ids=["stop", "clear"])
@pytest.mark.parametrize("asked", [ACCEPT, start()], ids=["test", "start"])
def test_nothing_begins_after_a_stop_that_came_while_it_waited(
    rested: People, asked: AnyRequest, stop: AnyRequest
) -> None:
    rested.bedside.press_button()
    waits = ask(rested, asked)
    rested.bedside.ask(stop)
    assert never_inflates(rested)
    assert [reply.exit_code for reply in waits] == [75]
    assert "something else happened" in waits[0].message


def test_a_reset_that_was_overtaken_by_a_stop_clears_nothing(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.pull_cable()
    people.run_until_mode("latched")
    people.bedside.plug_cable()
    people.bedside.run(2_000)
    people.bedside.press_button()
    people.bedside.plant.defects.limit.missing = True
    people.bedside.run(3_000)
    core = core_of(people)
    latched = core.state.latched
    waits = ask(people, SessionReset(confirm=True))
    assert not waits
    people.bedside.ask(SessionStop())
    people.bedside.plant.defects.limit.missing = False
    people.bedside.run(LATE_MS)
    assert [reply.exit_code for reply in waits] == [75]
    assert core.state.latched is latched is not None


# --- the disk --------------------------------------------------------------------------------------


def test_a_session_whose_rows_are_late_begins_nothing_and_says_so(rested: People) -> None:
    rested.bedside.press_button()
    rested.bedside.sink.freeze()
    waits = ask(rested, start())
    rested.bedside.run(LATE_MS)
    assert [reply.exit_code for reply in waits] == [69]
    assert "did not reach the disk" in waits[0].message
    rested.bedside.sink.thaw()
    assert never_inflates(rested)
    assert core_of(rested).session is None
    assert [row.session for row in rested.events_of(SessionEnded)] == [
        row.session for row in rested.events_of(SessionStarted)
    ]
    assert core_of(rested).state.latched is None


def test_a_stop_while_the_rows_are_on_their_way_closes_what_was_written(rested: People) -> None:
    rested.bedside.press_button()
    rested.bedside.sink.freeze()
    waits = ask(rested, start())
    rested.bedside.run(500)
    rested.bedside.ask(SessionStop())
    rested.bedside.sink.thaw()
    assert never_inflates(rested, 20_000)
    assert [reply.exit_code for reply in waits] == [75]
    assert len(rested.events_of(SessionEnded)) == len(rested.events_of(SessionStarted)) == 1
    started = rested.start()
    assert started.exit_code == 0
    assert len({row.session for row in rested.events_of(SessionStarted)}) == 2


# --- one press, one thing --------------------------------------------------------------------------


def test_the_press_that_armed_a_session_neither_clears_nor_resumes_it(people: People) -> None:
    assert people.start().exit_code == 0
    people.run_until("holding")
    people.bedside.plant.defects.limit.offset_dmmhg = 175
    people.run_until_mode("latched")
    people.bedside.plant.defects.limit.offset_dmmhg = 0
    people.bedside.run(2_000)
    assert core_of(people).state.latched is Reason.SENSORS_DISAGREE
    unpressed = people.bedside.ask(SessionReset(confirm=True))
    assert (unpressed.exit_code, "press the button" in unpressed.message) == (75, True)
    assert people.reset().exit_code == 0


@pytest.mark.parametrize("stop", [SessionClearPatient(), SessionPain(nrs=8)], ids=["clear", "pain"])
def test_what_was_stopped_is_resumed_with_a_press_of_its_own(people: People, stop: AnyRequest) -> None:
    assert people.start().exit_code == 0
    people.run_until("holding")
    people.bedside.ask(stop)
    people.run_until_mode("idle")
    people.bedside.run(5_000)
    unpressed = people.bedside.ask(start(resume=True))
    assert "press the button" in unpressed.message
    people.bedside.press_button()
    assert people.bedside.ask(start(resume=True)).exit_code == 0


def test_a_press_at_rest_is_used_up_by_a_stop_at_the_terminal(rested: People) -> None:
    rested.bedside.press_button()
    rested.bedside.ask(SessionStop())
    assert "press the button" in rested.bedside.ask(start()).message


# --- what takes energy away is never too many --------------------------------------------------------


def flooded(people: People) -> People:
    """An operator's program has asked all that it may this minute."""
    for _ in range(125):
        people.bedside.ask(PatientShow(patient=PATIENT))
    assert people.bedside.ask(PatientShow(patient=PATIENT)).exit_code == 75
    return people


def test_a_pain_that_nobody_should_bear_vents_also_after_a_flood(people: People) -> None:
    people.start()
    people.run_until("holding")
    reply = flooded(people).bedside.ask(SessionPain(nrs=10))
    assert (reply.exit_code, reply.message[:7]) == (0, "stopped")
    people.bedside.run(3_000)
    assert people.bedside.plant.pressure_mmhg < 15


def test_an_alarm_is_acknowledged_also_after_a_flood(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.pull_cable()
    people.run_until_mode("latched")
    assert flooded(people).bedside.ask(AlarmAck()).message.startswith("acknowledged: ")


# --- the whole safe state, whatever is believed -------------------------------------------------------


@pytest.mark.parametrize("stop", [SessionStop(), SessionClearPatient()], ids=["stop", "clear"])
def test_a_stop_at_rest_vents_and_opens_the_relay_on_the_wire(
    rested: People, stop: AnyRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _orders(rested, monkeypatch)
    rested.bedside.ask(stop)
    assert sorted(said) == ["open_relay", "vent"]


def _orders(people: People, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the orders that the controller takes off the wire from now on."""
    said: set[str] = set()
    receive: Callable[[bytes, int], None] = people.bedside.controller.receive  # type: ignore[union-attr]
    names = {cuff.VENT: "vent", cuff.RELAY_OPEN: "open_relay"}

    decoder = ecp.Decoder()

    def listen(data: bytes, now: int) -> None:
        said.update(names[packet.code] for packet in decoder.feed(data) if packet.code in names)
        receive(data, now)

    monkeypatch.setattr(people.bedside.controller, "receive", listen)
    return said


def test_a_fault_that_came_after_the_press_is_not_cleared_by_it(people: People) -> None:
    assert people.start().exit_code == 0
    people.run_until("holding")
    people.bedside.plant.defects.limit.missing = True
    people.run_until_mode("latched")
    people.bedside.plant.defects.limit.missing = False
    people.bedside.run(2_000)
    core_of(people).presses._pressed_ms = people.bedside.core_ms  # a gateway that believes in an older press
    reply = people.bedside.ask(SessionReset(confirm=True))
    assert (reply.exit_code, "press again" in reply.message) == (75, True)
    assert people.reset().exit_code == 0


def test_time_that_passes_while_a_start_waits_voids_it_not(tmp_path: Path) -> None:
    """After a restart in a hold nobody has seen the cuff empty: what it may have borne grows meanwhile."""
    people = People(tmp_path / "journal.db")
    people.bedside.run(READINGS_MS)
    people.start()
    people.run_until("holding")
    people.bedside.kill_core()
    people.bedside.run(5_000)  # the cuff is empty when core comes back: no row says since when
    people.bedside.start_core()
    people.bedside.run(20_000)
    people.reset()
    reply = people.start(systolic=121, resume=True)
    assert reply.exit_code == 0, reply
    people.bedside.close()
