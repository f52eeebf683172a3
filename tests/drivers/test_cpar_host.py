"""The link to a CPAR+ against the simulated one: identity, pings, straying, readings, garbage."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import cpar, cpar_hold, cpar_texts
from drivers import cpar_messages as wire
from drivers.cpar import CparHost
from drivers.cpar_events import (
    DeviceReset,
    Ending,
    HoldEnded,
    Identified,
    Refused,
    RequestLost,
    Status,
    Strayed,
)
from drivers.host import Block, Host
from gateway.simulation.cpar import IDENTITY, Cpar, Faults
from tests.drivers.conformance import thorough
from tests.drivers.cpar_bench import TARGET_DMMHG, Bench, codes

STOP = wire.encode_stop()


def test_it_is_a_host() -> None:
    host: Host = CparHost()
    assert (host.line.baudrate, host.line.parity, host.line.stop_bits) == (38400, "N", 1)
    assert "research" in cpar_texts.NOTICE
    assert "unconfirmed" in cpar_texts.NOTICE


# --- identity and setting up -----------------------------------------------------------------------


def test_identity_comes_first_then_a_stop_then_the_settings() -> None:
    bench = Bench()
    bench.run(1_000)
    assert codes(bench.sent)[:2] == [wire.IDENTIFY, wire.STOP]
    assert {wire.OPERATING_MODE, wire.CLEAR} <= set(codes(bench.sent))
    assert bench.host.identity == ("CPAR+", "1042", "1.2.3")
    assert bench.heard(Identified) == [Identified(bench.host.identity, "")]
    assert bench.device.mode == wire.RATING_NOT_IN_USE
    assert bench.host.ready


def test_an_engineering_version_is_told() -> None:
    bench = Bench(Cpar(IDENTITY._replace(engineering=7)))
    bench.run(100)
    assert bench.host.identity is not None
    assert bench.host.identity.firmware == "1.2.3.r7"


@pytest.mark.parametrize("change", [{"manufacturer": 2}, {"device": 3}])
def test_another_device_is_refused_and_left_alone(change: dict[str, int]) -> None:
    bench = Bench(Cpar(IDENTITY._replace(name="Other", **change)))
    bench.run(2_000)
    assert codes(bench.sent) == [wire.IDENTIFY]
    assert "'Other'" in bench.host.refusal
    assert bench.hold(10_000) == bench.host.refusal
    bench.host.stop()
    assert bench.host.outgoing(bench.now_ms) == STOP


def test_a_silent_device_is_asked_again_and_told() -> None:
    bench = Bench()
    bench.device.faults.silent = True
    bench.run(2_400)
    assert codes(bench.sent) == [wire.IDENTIFY] * 3
    assert bench.heard(RequestLost) == [RequestLost(wire.IDENTIFY, 3)]
    assert bench.host.last_valid_ms is None
    bench.device.faults.silent = False
    bench.ready()
    assert bench.host.retries == 2


def test_a_device_that_is_found_running_is_stopped() -> None:
    bench = Bench()
    bench.device.step(wire.encode_set_waveform(cpar_hold.program(0, TARGET_DMMHG, 60_000)), 0)
    bench.device.step(wire.encode_start(wire.Start(1, 0, 2, 1, 0)), 0)
    assert bench.stimulating
    bench.ready()
    assert bench.device.stop_reason == wire.REASON_SOFTWARE
    assert bench.heard(Strayed) == []


def test_a_refused_setting_is_told_and_tried_again_later() -> None:
    bench = Bench()
    bench.device.faults.refuses = wire.CLEAR
    bench.run(2_500)
    assert not bench.host.ready
    assert 2 <= len(bench.heard(Refused)) <= 3
    assert bench.heard(Refused)[0].code == wire.CLEAR
    bench.device.faults.refuses = None
    bench.ready()


# --- pings ------------------------------------------------------------------------------------------


def test_it_is_pinged_every_400_ms() -> None:
    bench = Bench().ready()
    bench.sent.clear()
    bench.run(10_000)
    at = [when for when, data in bench.sent if data == wire.encode_ping()]
    assert len(at) == 25
    assert {later - earlier for earlier, later in pairwise(at)} == {400}
    assert bench.host.counters.round_trip_ms == 10


def test_one_lost_ping_is_no_gap_and_does_not_end_a_hold() -> None:
    bench = Bench().ready()
    bench.hold(20_000)
    bench.run(500)
    lost: list[bytes] = []

    def lose_one(data: bytes) -> bytes:
        if data == wire.encode_ping() and not lost:
            lost.append(data)
            return b""
        return data

    bench.to_device = lose_one
    for _ in range(20):
        bench.run(200)
        bench.hold(15_000)
    assert bench.host.pings_lost == 1
    assert bench.stimulating


def test_our_own_writes_and_echoes_are_no_life() -> None:
    bench = Bench().ready()
    bench.device.faults.silent = True
    last_ms = bench.host.last_valid_ms
    bench.host.stop()
    bench.to_device = lambda data: b""
    for _ in range(100):
        bench.step()
        bench.host.receive(STOP + wire.encode_clear() + wire.encode_ping(), bench.now_ms)
    assert bench.host.last_valid_ms == last_ms


def test_a_restart_is_noticed_and_nothing_resumes() -> None:
    bench = Bench().ready()
    bench.run(1_000)
    bench.hold_for(30_000, renewed_ms=2_000)
    bench.device.restart()
    bench.run_until(lambda: bench.heard(DeviceReset) != [])
    assert bench.ended.ending is Ending.DEVICE
    bench.ready()
    assert bench.device.mode == wire.RATING_NOT_IN_USE
    bench.run(2_000)
    assert not bench.stimulating
    assert len(bench.heard(Identified)) == 2


# --- straying: what the device says that it does ----------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "word"),
    [
        (Faults(target_added_pa=1_000), "above"),
        (Faults(both_outlets=True), "outlet"),
        (Faults(runs_on=True), "longer"),
    ],
)
def test_a_device_that_strays_is_stopped_and_refused(faults: Faults, word: str) -> None:
    bench = Bench().ready()
    bench.device.faults = faults
    bench.hold_for(5_000)
    bench.run(700)
    assert bench.ended.ending is (Ending.COMPLETED if faults.runs_on else Ending.STRAYED)
    if not faults.runs_on:
        assert word in bench.ended.text
        assert word in bench.hold(5_000)
        assert len(bench.heard(Strayed)) == 1
    assert not bench.stimulating


def test_a_program_that_runs_on_within_the_time_asked_strays() -> None:
    bench = Bench().ready()
    bench.device.faults.runs_on = True
    bench.hold_for(30_000, renewed_ms=12_000)
    assert "longer" in bench.ended.text
    assert bench.ended.ending is Ending.STRAYED
    assert not bench.stimulating


def test_a_damaged_repeat_ends_with_the_time_asked() -> None:
    """The CRC-8 does not cover it: 255 repeats of 5 s, unless somebody looks at the clock."""
    bench = Bench().ready()

    def repeat(data: bytes) -> bytes:
        return data.replace(b"\x10\x0e\x00\x01", b"\x10\x0e\x00\x21")

    bench.to_device = repeat
    asked_ms = bench.hold_for(5_000)
    assert bench.device.programs[0].repeat == 0x21
    bench.run(200)
    assert not bench.stimulating
    assert bench.now_ms <= asked_ms + 5_400


def test_stimulation_that_nobody_asked_for_is_stopped_and_named() -> None:
    bench = Bench().ready()
    bench.device.step(wire.encode_set_waveform(cpar_hold.program(0, TARGET_DMMHG, 60_000)), bench.now_ms)
    bench.device.step(wire.encode_start(wire.Start(1, 0, 2, 1, 0)), bench.now_ms)
    bench.run(200)
    assert not bench.stimulating
    assert "nobody asked" in bench.heard(Strayed)[0].text
    assert "nobody asked" in bench.hold(5_000)


def test_a_start_that_waits_for_a_trigger_strays() -> None:
    bench = Bench().ready()

    def trigger(data: bytes) -> bytes:
        return data.replace(b"\x11\x05\x01\x00\x02\x01\x00", b"\x11\x05\x01\x00\x02\x01\x01")

    bench.to_device = trigger
    bench.hold_for(5_000, renewed_ms=800)
    assert "trigger" in bench.ended.text
    assert bench.device.state == wire.IDLE


# --- readings ---------------------------------------------------------------------------------------


def test_a_status_is_an_event_and_a_frame_of_the_stream() -> None:
    bench = Bench().ready()
    bench.hold_for(5_000, renewed_ms=3_000)
    status, block = bench.heard(Status)[-1], bench.heard(Block)[-1]
    assert status.actual_dmmhg[0] == pytest.approx(TARGET_DMMHG, abs=5)
    assert status.target_dmmhg == (pytest.approx(TARGET_DMMHG, abs=1), 0)
    raw = struct.unpack("<6h", block.data)
    shown = [count * channel.scale for count, channel in zip(raw, cpar.STREAM.channels, strict=True)]
    assert shown[0] * 10 == pytest.approx(status.actual_dmmhg[0], abs=1)
    assert shown[4] == pytest.approx(800, abs=1)
    assert (block.stream, block.frames, block.missing) == ("cpar", 1, 0)
    assert len(bench.heard(Status)) == len(bench.heard(Block))


def test_a_hold_needs_a_fresh_status_and_an_answered_ping() -> None:
    bench = Bench().ready()
    bench.to_host = lambda data: b""
    bench.run(300)
    assert "no status" in bench.hold(10_000)
    host = CparHost()
    for data in (wire.encode_identity(IDENTITY), wire.encode_status(bench.device._status())):
        host.outgoing(0)
        host.receive(data, 0)
    assert "not identified, set up and idle" in host.hold(1, TARGET_DMMHG, 10_000, 0)


def test_garbage_is_counted_and_harmless() -> None:
    bench = Bench().ready()
    bench.to_host = lambda data: b"\xff\xf1garbage" + data
    bench.run(1_000)
    assert bench.host.ready
    assert bench.host.counters.resyncs > 50
    assert bench.host.unexpected == 0


@given(pieces=st.lists(st.binary(max_size=30), max_size=20))
@thorough
def test_it_never_raises_and_never_energises_on_garbage(pieces: list[bytes]) -> None:
    host = CparHost()
    sent = b""
    for at, piece in enumerate(pieces):
        host.receive(piece, at * 50)
        sent += host.outgoing(at * 50)
    assert wire.START not in codes([(0, sent)])


def test_nothing_is_told_twice_when_nothing_is_held() -> None:
    bench = Bench().ready()
    for _ in range(10):
        bench.host.stop()
        bench.run(50)
    assert bench.heard(HoldEnded) == []
