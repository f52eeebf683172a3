"""The P24 host with electrodes off, a busy or lying device, a bad line, and a long rough life."""

import random

import pytest

from drivers import sciencemode4_messages as messages
from drivers.p24 import SILENCE_MS, P24Host
from drivers.sciencemode4 import Packet, encode
from gateway.simulation.p24 import P24, WATCHDOG_MS
from tests.drivers.p24_bench import ENERGISING, OFF_OHM, PULSES, Bench

# --- electrodes ----------------------------------------------------------------------------------------


def test_an_electrode_that_is_off_is_named_and_stops_all_channels() -> None:
    off: set[int] = set()
    bench = Bench(device=P24(lead=lambda channel: OFF_OHM if channel in off else 1_000))
    bench.run(500)
    bench.renew = PULSES._replace(channels=0b0010_0001)
    bench.run(500)
    off.add(5)
    begun_ms = bench.now_ms
    reports = bench.run(1_000)
    assert all(report.electrode_fault and report.channel_faults == 0b0010_0000 for report in reports[1:])
    assert "channel 6" in reports[-1].result
    assert {report.run for report in reports} == {1}
    assert bench.is_stopped
    assert messages.ML_UPDATE not in bench.commands(begun_ms)
    off.clear()
    bench.host.stop()
    bench.run(500)
    assert bench.is_flowing
    assert bench.reports[-1].channel_faults == 0


def test_an_electrode_error_without_a_channel_is_one_of_all_in_use() -> None:
    bench = Bench().started()
    data = messages.encode_current_data(messages.CurrentData(0, (0,) * 8, messages.ELECTRODE_ERROR))
    bench.device._doing[messages.ML_CURRENT_DATA] = lambda request: data
    bench.run(300)
    assert bench.reports[-1].channel_faults == 1


def test_an_error_of_a_channel_without_a_channel_ends_the_run() -> None:
    bench = Bench().started()
    data = messages.encode_current_data(messages.CurrentData(1, (0,) * 8, messages.LOW_CURRENT))
    bench.device._doing[messages.ML_CURRENT_DATA] = lambda request: data
    bench.run(300)
    assert (bench.reports[-1].run, bench.reports[-1].result) == (2, "the current is not reached")
    assert bench.is_stopped


def test_below_15_ma_the_device_notices_nothing() -> None:
    """So the half of the pad that may be lost is reckoned elsewhere; this is what the device is like."""
    bench = Bench(device=P24(lead=lambda channel: OFF_OHM))
    bench.run(500)
    bench.renew = PULSES._replace(current_ua=14_500)
    bench.run(1_000)
    assert bench.is_flowing
    assert not bench.reports[-1].electrode_fault
    bench.renew = PULSES._replace(current_ua=15_000)
    bench.run(300)
    assert bench.reports[-1].electrode_fault


# --- a device that is busy, or wrong, or a line that is -------------------------------------------------


def test_a_device_that_is_busy_for_a_moment_is_asked_again() -> None:
    bench = Bench()
    bench.run(500)
    bench.device.faults.busy = True
    bench.renew = PULSES
    bench.run(60)
    bench.device.faults.busy = False
    bench.run(500)
    assert bench.is_flowing
    assert bench.reports[-1].run == 1


def test_a_device_that_stays_busy_gives_nothing() -> None:
    bench = Bench()
    bench.run(500)
    bench.device.faults.busy = True
    bench.renew = PULSES
    bench.run(1_000)
    assert not bench.is_flowing
    assert bench.reports[-1].run == 2
    assert bench.commands().count(messages.ML_INIT) == 3


@pytest.mark.parametrize("command", [messages.ML_INIT, messages.ML_UPDATE])
def test_a_refused_request_is_not_repeated(command: int) -> None:
    bench = Bench()
    bench.run(500)
    bench.device.faults.fails[command] = messages.HIGH_VOLTAGE_ERROR
    bench.renew = PULSES
    bench.run(2_000)
    assert bench.commands().count(command) == 1
    assert bench.is_stopped
    assert "high voltage faulty" in bench.reports[-1].result


def test_an_update_that_is_not_answered_is_not_repeated() -> None:
    bench = Bench().started()
    bench.run(100)
    updates = bench.commands().count(messages.ML_UPDATE)
    bench.cut = True
    bench.renew = PULSES._replace(current_ua=21_000)
    bench.host.start(bench.renew)
    bench.run(2_000)
    assert bench.commands().count(messages.ML_UPDATE) <= updates + 1


def test_noise_before_every_reply_costs_nothing() -> None:
    bench = Bench()
    bench.device.faults.garbage = b"\xf0\x81\x0f\xf0noise\x81"
    bench.started()
    bench.run(5_000)
    assert bench.is_flowing
    assert bench.host.counters.gaps == 0
    assert bench.host.counters.resyncs > 10


def test_our_own_frames_that_come_back_are_no_life() -> None:
    host = P24Host()
    sent = b""
    for now_ms in range(0, 5_000, 50):
        sent = host.outgoing(now_ms)
        assert host.receive(sent, now_ms) == []
    assert host.last_valid_ms is None
    assert host.identity is None
    assert host.unexpected > 10


def test_replies_that_nobody_waited_for_change_nothing() -> None:
    bench = Bench().started()
    for command in (messages.ML_UPDATE, messages.ML_STOP, messages.STIMULATION_STATUS):
        frame = encode(Packet(40, command + 1, bytes((0, 0, 1))))
        assert bench.host.receive(frame, bench.now_ms) == []
    assert bench.host.unexpected == 3
    bench.run(1_000)
    assert bench.is_flowing


@pytest.mark.parametrize("data", [b"", b"\x00\x00", b"\x00\x04\x01"])
def test_replies_with_the_wrong_content_are_no_answer(data: bytes) -> None:
    bench = Bench().started()
    bench.device._doing[messages.ML_CURRENT_DATA] = lambda request: data
    bench.run(2_000)
    assert bench.host.invalid > 0
    assert bench.is_stopped
    assert bench.reports[-1].run == 2


def test_a_status_that_makes_no_sense_confirms_no_stop() -> None:
    bench = Bench()
    bench.device._doing[messages.STIMULATION_STATUS] = lambda request: b"\x00\x09\x01"
    bench.renew = PULSES
    bench.run(2_000)
    assert bench.host.invalid > 0
    assert not set(ENERGISING) & set(bench.commands())


def test_a_general_error_to_the_battery_is_no_matter() -> None:
    bench = Bench()
    bench.device.faults.fails[messages.BATTERY] = messages.HIGH_VOLTAGE_ERROR
    bench.run(2_000)
    assert bench.host.battery is None
    bench.renew = PULSES
    bench.run(500)
    assert bench.is_flowing
    assert bench.reports[-1].run == 1


def test_the_round_trip_is_told() -> None:
    bench = Bench(delay_ms=20).started()
    round_trip_ms = bench.host.counters.round_trip_ms
    assert round_trip_ms is not None
    assert 40 <= round_trip_ms <= 50


# --- a long and rough life -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_no_pulse_flows_unasked(seed: int) -> None:
    """Words and faults at random: pulses only after a start, never long after it, and never resumed."""
    dice = random.Random(seed)
    lead_ohm = [1_000]
    bench = Bench(device=P24(lead=lambda channel: lead_ohm[0]), delay_ms=dice.choice([0, 5, 30]))
    wished_ms = -10_000
    for _ in range(200):
        bench.cut = dice.random() < 0.1
        bench.device.faults.silent = dice.random() < 0.1
        bench.device.faults.busy = dice.random() < 0.05
        bench.device.faults.garbage = dice.randbytes(dice.choice([0, 0, 0, 7]))
        lead_ohm[0] = dice.choice([1_000] * 9 + [OFF_OHM])
        if dice.random() < 0.02:
            bench.device.restart()
        word = dice.choice(["start", "start", "start", "stop", "ask", "nothing"])
        if word == "start":
            bench.renew = PULSES._replace(current_ua=dice.randrange(500, 60_000, 250))
            bench._renewed_ms = -1_000
        elif word == "stop":
            bench.renew = None
            bench.host.stop()
        elif word == "ask":
            bench.host.ask()
        else:
            bench.renew = None
        for _ in range(dice.randrange(1, 120)):
            bench.step()
            wished_ms = bench.now_ms if bench.renew is not None else wished_ms
            assert not bench.is_flowing or bench.now_ms - wished_ms <= SILENCE_MS + WATCHDOG_MS + 600
    assert bench.device.resumes == 0
    assert any(flows for _, flows in bench.flowing)
