"""After a gap the P24 host resumes nothing by itself."""

from collections.abc import Callable

import pytest

from drivers import sciencemode4_messages as messages
from drivers.p24 import SILENCE_MS
from drivers.sciencemode4 import Packet, encode
from tests.drivers.p24_bench import ENERGISING, PULSES, Bench


def fall_silent(bench: Bench) -> None:
    """The caller says no more."""
    bench.renew = None
    bench.run(2_000)


def stall(bench: Bench) -> None:
    """Our own process stands still for longer than the watchdog of the device."""
    bench.let_only_the_device_live(3_000)
    assert bench.device.pauses == 1


def stall_shortly(bench: Bench) -> None:
    """Our own process stands still, the device does not even pause."""
    bench.let_only_the_device_live(1_000)


def lose_the_device(bench: Bench) -> None:
    bench.device.faults.silent = True
    bench.run(3_000)
    bench.device.faults.silent = False


def lose_the_device_shortly(bench: Bench) -> None:
    bench.device.faults.silent = True
    bench.run(800)
    bench.device.faults.silent = False


def cut_the_cable(bench: Bench) -> None:
    bench.cut = True
    bench.run(3_000)
    bench.cut = False


def restart_the_device(bench: Bench) -> None:
    bench.device.restart()


def deliver_late(bench: Bench) -> None:
    """What was sent into a stalled line arrives after the device has paused: an update among it."""
    bench.cut = bench.late = True
    bench.renew = PULSES._replace(current_ua=22_000)
    bench.run(3_000)
    bench.cut = bench.late = False
    bench.step()
    assert not bench.is_flowing


def fail_a_request(bench: Bench) -> None:
    bench.device.faults.fails[messages.ML_CURRENT_DATA] = messages.HIGH_VOLTAGE_ERROR
    bench.run(500)
    bench.device.faults.fails.clear()


def say_an_error_unasked(bench: Bench) -> None:
    frame = encode(Packet(0, messages.GENERAL_ERROR, bytes((messages.HIGH_VOLTAGE_ERROR,))))
    bench.host.receive(frame, bench.now_ms)


def not_reach_the_current(bench: Bench) -> None:
    bench.device._lead = lambda channel: 9_000
    bench.run(500)
    bench.device._lead = lambda channel: 1_000


def stop_it_at_the_device(bench: Bench) -> None:
    bench.device._trains = [None] * 8


def start_another_channel_at_the_device(bench: Bench) -> None:
    bench.device._trains[5] = bench.device._trains[0]


GAPS = [
    (fall_silent, "nobody asked"),
    (stall, "nobody asked"),
    (stall_shortly, "nobody asked"),
    (lose_the_device, "no answer"),
    (lose_the_device_shortly, "no answer"),
    (cut_the_cable, "no answer"),
    (restart_the_device, "not initialised"),
    (deliver_late, "no answer"),
    (fail_a_request, "high voltage"),
    (say_an_error_unasked, "high voltage"),
    (not_reach_the_current, "current is not reached"),
    (stop_it_at_the_device, "pulses ended"),
    (start_another_channel_at_the_device, "pulses flow"),
]


@pytest.mark.parametrize(("gap", "why"), GAPS, ids=[gap.__name__ for gap, _ in GAPS])
def test_after_a_gap_nothing_resumes_until_a_stop(gap: Callable[[Bench], None], why: str) -> None:
    bench = Bench(delay_ms=5).started()
    gap(bench)
    began_ms = bench.now_ms
    bench.renew = PULSES
    reports = bench.run(5_000)
    assert not any(flows for at, flows in bench.flowing if at > began_ms + 300)
    assert not set(ENERGISING) & set(bench.commands(began_ms + 1))
    assert {report.run for report in reports} == {2}
    assert why in reports[-1].result
    assert not reports[-1].stimulating
    bench.host.stop()
    bench.run(500)
    assert bench.is_flowing
    assert bench.reports[-1].result == ""
    assert bench.reports[-1].run == 2
    if gap is not deliver_late:
        assert bench.device.resumes == 0


def test_an_answered_ask_ends_a_gap_too() -> None:
    """In a pause the gate asks and says no stop."""
    bench = Bench()
    bench.run(500)
    bench.device.faults.silent = True
    bench.host.ask()
    bench.run(1_000)
    bench.device.faults.silent = False
    bench.run(500)
    bench.host.ask()
    report = bench.run(200)[-1]
    assert report.run == 2
    assert "no answer" in report.result
    bench.renew = PULSES
    bench.run(500)
    assert bench.is_flowing


def test_a_caller_that_falls_silent_is_not_served_any_longer() -> None:
    bench = Bench().started()
    bench.renew = None
    last_ms = bench._renewed_ms
    bench.run(2_000)
    ended_ms = max(at for at, flows in bench.flowing if flows)
    assert SILENCE_MS - 50 <= ended_ms - last_ms <= SILENCE_MS + 50
    assert bench.is_stopped


def test_pulses_that_flow_unasked_in_a_pause_are_stopped_and_told() -> None:
    bench = Bench().started()
    trains = list(bench.device._trains)
    bench.host.stop()
    bench.renew = None
    bench.run(500)
    bench.device._trains, bench.device._mode = trains, messages.MID_LEVEL
    assert bench.is_flowing
    bench.host.ask()
    reports = bench.run(500)
    assert reports[0].stimulating
    assert reports[0].run == 2
    assert bench.is_stopped
