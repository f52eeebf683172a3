"""Holds of a CPAR+ against the simulated one: programs, seams, and who ends them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import cpar_hold
from drivers import cpar_messages as wire
from drivers import cpar_waveform as waveform
from drivers.cpar import CparHost
from drivers.cpar_events import (
    Ending,
    Happened,
    HoldEnded,
    ProgramStarted,
    RequestLost,
    Seam,
)
from firmware_bridge.errors import EncodingError
from gateway.simulation.cpar import Cpar, lag
from tests.drivers.conformance import thorough
from tests.drivers.cpar_bench import TARGET_DMMHG, Bench, codes

STOP = wire.encode_stop()


# --- a hold -----------------------------------------------------------------------------------------


def test_a_hold_is_a_chain_of_short_programs_and_ends_in_time() -> None:
    bench = Bench().ready()
    asked_ms = bench.hold_for(30_000)
    bench.run(1_000)
    started = bench.heard(ProgramStarted)
    assert [one.number for one in started] == [1, 2, 3]
    assert all(one.ends_ms <= asked_ms + 30_000 for one in started)
    assert started[-1].ends_ms >= asked_ms + 29_000
    assert bench.ended.ending is Ending.COMPLETED
    assert not bench.stimulating
    assert bench.host.ready
    assert max(bench.highest_pa) <= TARGET_DMMHG * 13.3322
    assert bench.highest_pa[1] == 0


def test_every_seam_is_told_with_the_pressure_it_cost() -> None:
    bench = Bench().ready()
    bench.hold_for(30_000)
    seams = bench.heard(Seam)
    assert len(seams) == 2
    for seam in seams:
        assert 0 < seam.gap_ms <= 300
        assert 500 < seam.lowest_dmmhg < TARGET_DMMHG - 100


def test_a_confirmed_watchdog_allows_one_program_for_the_whole_hold() -> None:
    bench = Bench(host=CparHost(confirmed_watchdog_ms=2_000)).ready()
    asked_ms = bench.hold_for(300_000)
    (started,) = bench.heard(ProgramStarted)
    assert started.ends_ms <= asked_ms + 300_000
    assert bench.heard(Seam) == []
    assert bench.ended.ending is Ending.COMPLETED


@pytest.mark.parametrize("watchdog_ms", [0, -1, 2_001])
def test_a_watchdog_that_is_none_is_not_believed(watchdog_ms: int) -> None:
    with pytest.raises(ValueError, match="confirmed watchdog"):
        CparHost(confirmed_watchdog_ms=watchdog_ms)


@pytest.mark.parametrize("segment_ms", [999, 600_001])
def test_a_segment_is_one_that_a_program_can_have(segment_ms: int) -> None:
    with pytest.raises(ValueError, match="a program of"):
        CparHost(segment_ms=segment_ms)


@given(
    left_ms=st.integers(2_000, 600_000), segment_ms=st.integers(1_000, 600_000), late_ms=st.integers(0, 600)
)
@thorough
def test_no_program_outlasts_what_was_asked(left_ms: int, segment_ms: int, late_ms: int) -> None:
    hold = cpar_hold.Hold(0, TARGET_DMMHG, left_ms, segment_ms)
    now_ms, programs = 0, 0
    while hold.cut(now_ms):
        assert hold.program is not None
        length_ms = waveform.program_ms(hold.program)
        assert length_ms <= min(segment_ms, waveform.LONGEST_PROGRAM_MS)
        assert hold.program.instructions[-1].operand == 0
        assert now_ms + length_ms <= left_ms
        assert hold.fits(now_ms + late_ms) == (now_ms + late_ms + length_ms <= left_ms)
        now_ms += length_ms
        programs += 1
    assert left_ms - now_ms < cpar_hold.START_RESERVE_MS + cpar_hold.SHORTEST_SEGMENT_MS + 10 * programs


def test_what_is_left_only_gets_less() -> None:
    bench = Bench().ready()
    began_ms = bench.now_ms
    bench.hold(5_000)
    while bench.host.holding and bench.now_ms < began_ms + 10_000:
        bench.hold(60_000)
        bench.run(100)
    assert bench.now_ms <= began_ms + 5_200
    assert bench.ended.ending is Ending.COMPLETED


def test_a_slow_answer_makes_the_program_shorter_not_the_hold_longer() -> None:
    bench = Bench().ready()
    held: list[bytes] = []

    def keep(data: bytes) -> bytes:
        if data.startswith(wire.encode_waveform_reply(0)[:4]) and len(held) < 1:
            held.append(data)
            return b""
        return data

    bench.to_host = keep
    asked_ms = bench.hold_for(5_000)
    assert held
    assert all(one.ends_ms <= asked_ms + 5_000 for one in bench.heard(ProgramStarted))
    assert bench.host.retries >= 1


def test_a_program_that_waited_too_long_is_cut_anew() -> None:
    """Its answer comes 300 ms late, in time to be an answer and too late for its length."""
    bench = Bench().ready()
    late: list[tuple[int, bytes]] = []

    def delay(data: bytes) -> bytes:
        at = data.find(b"\xff\xf1\x10\x01")
        if at >= 0 and not late:
            late.append((bench.now_ms + 300, data[at : at + 7]))
            return data[:at] + data[at + 7 :]
        if late and late[0][0] == bench.now_ms:
            return data + late[0][1]
        return data

    bench.to_host = delay
    bench.sent.clear()
    asked_ms = bench.hold_for(5_000)
    (started,) = bench.heard(ProgramStarted)
    assert asked_ms + 4_000 < started.ends_ms <= asked_ms + 5_000
    assert codes(bench.sent).count(wire.SET_WAVEFORM) == 2
    assert bench.host.retries == 0


def test_the_second_outlet_has_its_own_channel() -> None:
    bench = Bench().ready()
    assert bench.hold(4_000, outlet=2) == ""
    bench.run(800)
    assert bench.device.target_pa[0] == 0
    assert bench.device.target_pa[1] == pytest.approx(TARGET_DMMHG * 13.3322, abs=2)


def test_another_pressure_needs_a_stop_first() -> None:
    bench = Bench().ready()
    bench.hold(20_000)
    bench.run(500)
    assert "stop it first" in bench.hold(20_000, target_dmmhg=1_500)
    assert "stop it first" in bench.hold(20_000, outlet=2)


@pytest.mark.parametrize(("outlet", "left_ms"), [(0, 10_000), (3, 10_000), (1, 1_999), (1, 600_001)])
def test_a_hold_that_the_device_cannot_have_is_refused(outlet: int, left_ms: int) -> None:
    bench = Bench().ready()
    assert "2 to 600 s" in bench.hold(left_ms, outlet=outlet)


def test_a_pressure_that_the_device_cannot_have_raises() -> None:
    bench = Bench().ready()
    with pytest.raises(EncodingError):
        bench.hold(10_000, target_dmmhg=7_600)
    assert not bench.host.holding


# --- who ends it ------------------------------------------------------------------------------------


def test_a_caller_that_falls_silent_ends_it_within_a_second() -> None:
    bench = Bench().ready()
    bench.hold(60_000)
    bench.run(900)
    assert bench.stimulating
    bench.run(200)
    assert not bench.stimulating
    assert bench.ended.ending is Ending.LAPSED


def test_a_host_that_falls_silent_is_stopped_by_the_watchdog() -> None:
    bench = Bench().ready()
    bench.hold_for(60_000, renewed_ms=1_000)
    bench.to_device = lambda data: b""
    took_ms = bench.run_until(lambda: not bench.stimulating)
    assert took_ms <= 2_500
    assert bench.device.stop_reason == wire.REASON_WATCHDOG


@pytest.mark.parametrize("watchdog_ms", [None, 60_000])
def test_without_a_watchdog_the_program_ends_by_itself(watchdog_ms: int | None) -> None:
    """Whichever is first: no watchdog, or one that comes later than the program's end."""
    bench = Bench(Cpar(watchdog_ms=watchdog_ms)).ready()
    bench.hold_for(60_000, renewed_ms=1_000)
    bench.to_device = lambda data: b""
    took_ms = bench.run_until(lambda: not bench.stimulating, 20_000)
    assert 5_000 < took_ms <= cpar_hold.SEGMENT_MS
    assert bench.device.stop_reason == wire.REASON_COMPLETED
    bench.run(3_000)
    assert max(bench.device.actual_pa) < 100


def test_a_stop_is_the_next_frame_whatever_is_pending() -> None:
    bench = Bench().ready()
    bench.hold(20_000)
    assert b"\x10" in bench.host.outgoing(bench.now_ms)[2:3]
    bench.host.stop()
    assert bench.host.outgoing(bench.now_ms) == STOP
    assert not bench.host.holding
    assert bench.host.stopping


def test_a_stop_in_the_middle_of_a_start_wins() -> None:
    for delay_ms in range(0, 120, 10):
        bench = Bench().ready()
        bench.hold(20_000)
        bench.run(delay_ms)
        bench.host.stop()
        bench.run(300)
        assert not bench.stimulating, delay_ms
        bench.run(3_000)
        assert not bench.stimulating, delay_ms
        assert bench.ended.ending is Ending.STOPPED


def test_what_a_stopped_hold_waited_for_does_not_end_the_next_one() -> None:
    bench = Bench().ready()
    bench.device.faults.no_answer_to = wire.SET_WAVEFORM
    bench.hold(20_000)
    bench.run(50)
    bench.device.faults.no_answer_to = None
    bench.host.stop()
    bench.run_until(lambda: bench.host.ready, 200)
    bench.events.clear()
    bench.hold_for(20_000, renewed_ms=2_000)
    assert bench.stimulating
    assert bench.heard(HoldEnded) == []
    assert bench.host.retries == 0


def test_a_stop_is_said_until_it_is_heeded_and_nothing_else_is() -> None:
    bench = Bench().ready()
    bench.hold(20_000)
    bench.run(500)
    bench.device.faults.ignores_stop = True
    bench.sent.clear()
    bench.host.stop()
    bench.run(1_000)
    assert set(codes(bench.sent)) == {wire.STOP}
    assert len(bench.sent) == 10
    bench.run_until(lambda: not bench.stimulating)
    assert bench.device.stop_reason == wire.REASON_WATCHDOG
    bench.run(200)
    assert bench.host.ready


def test_a_lost_stop_is_said_again() -> None:
    bench = Bench().ready()
    bench.hold(20_000)
    bench.run(500)
    bench.to_device = lambda data: b""
    bench.host.stop()
    bench.run(50)
    bench.to_device = lambda data: data
    assert bench.stimulating
    bench.run(150)
    assert not bench.stimulating


def _press(bench: Bench) -> None:
    bench.device.button = True


def _emergency(bench: Bench) -> None:
    bench.device.emergency = True


def _no_power(bench: Bench) -> None:
    bench.device.power = False


def _no_supply(bench: Bench) -> None:
    bench.device.supply_low = True


@pytest.mark.parametrize(
    ("happens", "reason", "word"),
    [
        (_press, wire.REASON_BUTTON, "stop button"),
        (_emergency, wire.REASON_EMERGENCY, "emergency stop"),
        (_no_power, wire.REASON_POWER, "12 V"),
        (_no_supply, wire.REASON_SUPPLY, "compressor"),
    ],
)
def test_what_ends_it_at_the_device_is_named_and_refuses_the_next(
    happens: object, reason: int, word: str
) -> None:
    bench = Bench().ready()
    bench.hold_for(20_000, renewed_ms=1_000)
    assert callable(happens)
    happens(bench)
    bench.run(200)
    assert bench.ended.stop_reason == reason
    assert word in bench.ended.text
    assert bench.hold(20_000) != ""
    assert not bench.stimulating


def test_an_emergency_is_heard_as_an_event_and_its_release_resumes_nothing() -> None:
    bench = Bench().ready()
    bench.hold_for(20_000, renewed_ms=1_000)
    bench.device.emergency = True
    bench.run(300)
    bench.device.emergency = False
    bench.run(1_000)
    told = [one.text for one in bench.heard(Happened)]
    assert "emergency stop pressed" in told
    assert "emergency stop released" in told
    assert not bench.stimulating
    assert bench.hold(20_000) == ""


def test_a_cuff_that_does_not_follow_is_named() -> None:
    bench = Bench(Cpar(physics=(lambda target, now: 0, lag())))
    bench.ready()
    bench.hold_for(20_000, renewed_ms=6_000)
    assert bench.ended.stop_reason == wire.REASON_COMPLIANCE
    assert "hose" in bench.ended.text


def test_no_status_ends_it() -> None:
    bench = Bench().ready()
    bench.hold_for(20_000, renewed_ms=1_000)
    bench.device.faults.silent = True
    bench.run_until(lambda: not bench.host.holding, 700)
    assert bench.ended.ending is Ending.SILENT
    assert bench.sent[-1][1] == STOP


def test_a_device_that_talks_and_does_not_hear_ends_it() -> None:
    bench = Bench(Cpar(watchdog_ms=None)).ready()
    bench.hold_for(20_000, renewed_ms=1_000)
    bench.device.faults.deaf = True
    asked_ms = bench.now_ms
    while bench.host.holding:
        bench.run(100)
        bench.hold(10_000)
        assert bench.now_ms < asked_ms + 1_500
    assert bench.ended.ending is Ending.UNANSWERED


@pytest.mark.parametrize("code", [wire.SET_WAVEFORM, wire.START])
def test_a_refused_hold_says_why(code: int) -> None:
    bench = Bench().ready()
    bench.device.faults.refuses = code
    bench.hold(20_000)
    bench.run(200)
    assert bench.ended.ending is Ending.REFUSED
    assert "channel" in bench.ended.text


def test_a_start_without_an_answer_is_not_tried_again() -> None:
    bench = Bench().ready()
    bench.device.faults.no_answer_to = wire.START
    bench.sent.clear()
    bench.hold_for(20_000, renewed_ms=1_000)
    assert codes(bench.sent).count(wire.START) == 1
    assert RequestLost(wire.START, 1) in bench.events
    assert bench.ended.ending is Ending.UNANSWERED
    assert not bench.stimulating


def test_a_wrong_crc_is_never_started() -> None:
    bench = Bench().ready()
    bench.device.faults.crc_wrong = True
    bench.sent.clear()
    bench.hold_for(20_000, renewed_ms=1_000)
    assert codes(bench.sent).count(wire.SET_WAVEFORM) == 3
    assert wire.START not in codes(bench.sent)
    assert bench.ended.ending is Ending.UNANSWERED
