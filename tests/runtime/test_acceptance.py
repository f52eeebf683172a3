"""``rvos cuff accept`` on the virtual bedside: real desk, supervisor, gate and firmware."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.model import Limb, Reason
from gateway.record.events import CuffTested, InflationAuthorised, SessionStarted
from gateway.runtime.core import Core
from gateway.runtime.requests import (
    CuffAccept,
    PatientHistory,
    Reply,
    SelfTest,
    SessionCuffRemoved,
    SessionStart,
    SessionStop,
)
from gateway.simulation.bedside import OPERATOR, Bed, Bedside
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.nurse import start_request
from tests.runtime.conftest import READINGS_MS, People

DEBT_IS_ROOM_MS = 62_000
ACCEPT = CuffAccept(off_every_limb=True, confirm=True)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[People]:
    """A cuff on a bench, a minute after the controller was switched on."""
    people = bench_of(tmp_path)
    yield people
    people.bedside.close()


def bench_of(tmp_path: Path, cuff: str = "fast_cuff", **changes: float) -> People:
    people = People.__new__(People)
    people.journal = tmp_path / "journal.db"
    model = replace(CUFFS[cuff], **changes)  # type: ignore[arg-type]
    config = configuration(cuff, "fast_limb", None)
    people.bedside = Bedside(Bed(config, model, LIMBS["fast_limb"], 1), people.journal)
    people.bedside.plant.defects.cuff_off = True
    people.bedside.run(READINGS_MS)
    people.bedside.run(DEBT_IS_ROOM_MS)
    return people


def core_of(people: People) -> Core:
    assert people.bedside.core is not None
    return people.bedside.core


def accept(people: People) -> Reply:
    people.bedside.press_button()
    return people.bedside.ask(ACCEPT)


def begin(people: People) -> list[Reply]:
    """Ask, and do not wait for the answer."""
    replies: list[Reply] = []
    people.bedside.press_button()
    people.bedside.desk.ask(ACCEPT, OPERATOR, people.bedside.core_ms, replies.append)
    return replies


def start(patient: str) -> SessionStart:
    return start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=patient)


def begin_session(people: People, patient: str) -> Reply:
    people.bedside.ask(PatientHistory(patient=patient, nothing=True, confirm=True))
    people.bedside.press_button()
    return people.bedside.ask(start(patient))


def results(people: People) -> list[CuffTested]:
    return [msgspec.json.decode(row.body, type=CuffTested) for row in people.events_of(CuffTested)]


def until(people: People, mmhg: float) -> None:
    """Turn until the cuff is so full."""
    while people.bedside.plant.pressure_mmhg < mmhg:
        people.bedside.turn()


def test_a_cuff_that_falls_fast_enough_is_accepted_with_its_number(bench: People) -> None:
    reply = accept(bench)
    assert (reply.exit_code, reply.message[:13]) == (0, "cuff accepted")
    [result] = results(bench)
    assert result.accepted
    assert result.fall_ms is not None
    assert 500 < result.fall_ms < 3_000
    assert f"{result.fall_ms / 1000:.1f} s" in reply.message
    assert (result.cuff_serial, result.reason) == ("virtual", "")
    assert result.cuff_description == CUFFS["fast_cuff"].description


def test_a_thigh_cuff_of_natural_speed_is_accepted(tmp_path: Path) -> None:
    """5 s from 170 to 15 mmHg are 6.2 s from 300."""
    bench = bench_of(tmp_path, "thigh_cuff")
    reply = accept(bench)
    assert reply.exit_code == 0
    assert results(bench)[0].fall_ms == pytest.approx(6_200, abs=400)
    bench.bedside.close()


def test_a_cuff_that_falls_too_slowly_is_refused_with_its_number(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, "thigh_cuff", dump_ml_s_mmhg=1.5)
    reply = accept(bench)
    assert reply.exit_code == 1
    assert "REFUSED (too slow): 300 to below 15 mmHg in 9." in reply.message
    [result] = results(bench)
    assert not result.accepted
    assert not core_of(bench).accepted_cuffs
    bench.bedside.close()


def test_the_cuff_goes_to_300_mmhg_whatever_the_site_allows_for_limbs(bench: People) -> None:
    assert core_of(bench).setup.limits.pressure_ceiling_dmmhg == 2_500
    highest = 0.0
    replies = begin(bench)
    while not replies:
        bench.bedside.turn()
        highest = max(highest, bench.bedside.plant.pressure_mmhg)
    assert 297 < highest < 310
    assert bench.bedside.controller is not None
    assert bench.bedside.controller.core.ceiling_dmmhg == 2_500
    assert core_of(bench).state.latched is None


def test_its_row_is_durable_before_the_first_lease(bench: People) -> None:
    accept(bench)
    [row] = bench.events_of(InflationAuthorised)
    body = msgspec.json.decode(row.body, type=InflationAuthorised)
    assert (body.purpose, body.target_dmmhg, body.planned_ms) == ("acceptance", 3_000, 60_000)
    types = bench.types()
    order = [types.index(name) for name in ("self_tested", "inflation_authorised", "inflation_started")]
    assert order == sorted(order)
    assert types.index("vent_commanded") < types.index("cuff_tested")


def test_every_limb_pays_for_it(bench: People) -> None:
    before = core_of(bench).state.debts.values_ms
    firmware = bench.bedside.controller
    assert firmware is not None
    owed = list(firmware.core.debt.debts_ms)
    replies = begin(bench)
    until(bench, 200)
    bench.bedside.run(500)
    now = core_of(bench).state.debts.values_ms
    assert all(after > was - 2_000 for was, after in zip(before, now, strict=True))
    assert len(set(now)) == 1
    assert len(set(firmware.core.debt.debts_ms)) == 1
    risen = firmware.core.debt.debts_ms[0]
    bench.bedside.run(200)
    assert [one - risen for one in firmware.core.debt.debts_ms] == [200] * 4
    assert owed[0] > 0
    while not replies:
        bench.bedside.turn()


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (CuffAccept(off_every_limb=True, confirm=False), 2, "--confirm"),
        (CuffAccept(off_every_limb=False, confirm=True), 75, "off every limb"),
    ],
)
def test_a_person_has_to_confirm(bench: People, request_: CuffAccept, code: int, words: str) -> None:
    bench.bedside.press_button()
    reply = bench.bedside.ask(request_)
    assert reply.exit_code == code
    assert words in reply.message
    assert results(bench) == []


def test_the_button_must_have_been_pressed_within_a_minute(bench: People) -> None:
    assert "press the button" in bench.bedside.ask(ACCEPT).message
    bench.bedside.press_button()
    bench.bedside.run(60_500)
    assert "press the button" in bench.bedside.ask(ACCEPT).message
    assert results(bench) == []


def test_while_any_limb_owes_too_much_it_says_how_long_to_wait(tmp_path: Path) -> None:
    people = People(tmp_path / "journal.db")
    people.bedside.run(READINGS_MS)
    reply = accept(people)
    assert reply.exit_code == 75
    assert "wait 5" in reply.message
    assert "inflation_authorised" not in people.types()
    people.bedside.close()


def test_no_session_runs_meanwhile_and_no_test_during_a_session(bench: People) -> None:
    replies = begin(bench)
    until(bench, 100)
    assert "being tested" in bench.bedside.ask(start("token-1")).message
    assert bench.bedside.ask(SelfTest()).exit_code == 75
    while not replies:
        bench.bedside.turn()
    bench.bedside.run(60_000)
    assert bench.start().exit_code == 0
    assert "still running" in accept(bench).message


def test_a_cuff_that_is_on_a_limb_by_the_record_is_not_tested(bench: People) -> None:
    bench.start()
    bench.bedside.ask(SessionStop())
    bench.bedside.run(12_000)
    assert "cuff-removed" in accept(bench).message
    bench.bedside.ask(SessionCuffRemoved())
    assert "cuff-removed" not in accept(bench).message


def test_the_bedside_button_and_the_desk_stop_it(bench: People) -> None:
    for stop in (bench.bedside.press_button, lambda: bench.bedside.ask(SessionStop())):
        replies = begin(bench)
        until(bench, 100)
        stop()
        bench.bedside.run(5_000)
        assert not bench.bedside.board.actuators.dump_closed
        assert [reply.exit_code for reply in replies] == [1]
        bench.bedside.run(60_000)
    assert [result.reason for result in results(bench)] == ["stopped_at_bedside", "stopped_by_operator"]


def test_a_valve_that_sticks_trips_and_accepts_nothing(bench: People) -> None:
    replies = begin(bench)
    until(bench, 290)
    bench.bedside.plant.defects.dump_stuck_closed = True
    bench.bedside.run(20_000)
    assert core_of(bench).state.latched in (Reason.DEFLATION_FAILED, Reason.DEVICE_FAULT)
    assert [reply.exit_code for reply in replies] == [1]
    assert not results(bench)[0].accepted


def test_a_limit_sensor_that_shows_less_accepts_nothing(bench: People) -> None:
    replies = begin(bench)
    until(bench, 150)
    bench.bedside.plant.defects.limit.offset_dmmhg = -100
    while not replies:
        bench.bedside.turn()
    assert results(bench)[0].reason == "the limit sensor did not show 300 mmHg"


def test_a_session_says_whether_its_cuff_was_accepted(bench: People) -> None:
    assert "no acceptance of this cuff" in begin_session(bench, "token-1").message
    bench.bedside.ask(SessionStop())
    bench.bedside.run(12_000)
    bench.bedside.ask(SessionCuffRemoved())
    bench.bedside.run(60_000)
    assert accept(bench).exit_code == 0
    bench.bedside.run(60_000)
    assert "no acceptance" not in begin_session(bench, "token-2").message
    started = [msgspec.json.decode(row.body, type=SessionStarted) for row in bench.events_of(SessionStarted)]
    assert [one.cuff_accepted for one in started] == [False, True]


def test_an_acceptance_survives_a_restart_and_a_refusal_ends_it(bench: People) -> None:
    accept(bench)
    bench.bedside.close()
    bench.bedside.start_core()
    bench.bedside.run(READINGS_MS)
    assert core_of(bench).accepted_cuffs == {("virtual", CUFFS["fast_cuff"].description)}
    bench.bedside.run(300_000)
    begin(bench)
    until(bench, 100)
    bench.bedside.ask(SessionStop())
    bench.bedside.run(5_000)
    assert core_of(bench).accepted_cuffs == frozenset()
