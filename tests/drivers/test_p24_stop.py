"""A stop of the P24 host: the next frame, until the device shows it."""

import pytest

from drivers import sciencemode4_messages as messages
from drivers.p24 import P24Host
from drivers.sciencemode4 import Decoder, Packet, encode
from tests.drivers.p24_bench import ENERGISING, PULSES, STEP_MS, Bench, command_of


@pytest.mark.parametrize("after_ms", range(0, 900, STEP_MS))
def test_a_stop_is_the_next_frame_whatever_is_pending(after_ms: int) -> None:
    bench = Bench(delay_ms=20)
    bench.run(300)
    bench.renew = PULSES
    bench.run(after_ms)
    bench.renew = None
    bench.host.start(PULSES._replace(current_ua=30_000))
    bench.host.stop()
    assert command_of(bench.host.outgoing(bench.now_ms)) == messages.ML_STOP
    asked_ms = bench.now_ms
    bench.run(1_000)
    assert not set(ENERGISING) & set(bench.commands(asked_ms + 1))
    assert bench.is_stopped
    assert bench.reports[-1] == (False, False, 1, 0, None, "")


def test_a_stop_ends_the_pulses_and_the_high_voltage() -> None:
    bench = Bench().started()
    bench.renew = None
    bench.host.stop()
    bench.step()
    assert bench.is_stopped
    assert not bench.run(100)[-1].stimulating


def test_a_stop_is_said_again_until_it_is_answered() -> None:
    bench = Bench().started()
    bench.renew = None
    bench.cut = True
    bench.host.stop()
    cut_ms = bench.now_ms
    bench.run(1_000)
    said = [at for at, packet in bench.sent if at > cut_ms and packet.command == messages.ML_STOP]
    assert len(said) == 10
    assert set(bench.commands(cut_ms + 1)) == {messages.ML_STOP, messages.STIMULATION_STATUS}
    bench.cut = False
    bench.run(300)
    assert bench.is_stopped


def test_a_stop_that_is_not_answered_ends_the_run() -> None:
    bench = Bench().started()
    bench.renew = None
    bench.cut = True
    bench.host.stop()
    bench.run(1_000)
    bench.cut = False
    bench.renew = PULSES
    report = bench.run(1_000)[-1]
    assert (report.run, report.result) == (2, "no answer to a stop")
    assert bench.is_stopped


@pytest.mark.parametrize("delay_ms", [0, 5, 60])
def test_a_caller_that_says_stop_all_the_time_hears_how_the_device_is(delay_ms: int) -> None:
    """The gate says it every turn until a report shows that nothing is given."""
    bench = Bench(delay_ms=delay_ms).started()
    bench.renew = None
    begun_ms = bench.now_ms
    for _ in range(1_000 // STEP_MS):
        bench.host.stop()
        bench.step()
    assert len([report for report in bench.reports[-5:] if not report.stimulating]) == 5
    assert bench.commands(begun_ms + 1).count(messages.ML_STOP) <= 25


def test_a_status_from_before_a_stop_is_no_answer_to_it() -> None:
    bench = Bench()
    bench.run(1_000)
    host = bench.host
    host.ask()
    [question] = Decoder().feed(host.outgoing(2_000))
    host.stop()
    assert command_of(host.outgoing(2_000)) == messages.ML_STOP
    at_rest = messages.encode_stimulation_status(messages.UNINITIALISED, messages.HIGH_VOLTAGE_OFF)
    answer = encode(Packet(question.number, messages.STIMULATION_STATUS + 1, at_rest))
    assert len(host.receive(answer, 2_010)) == 1
    assert command_of(host.outgoing(2_100)) == messages.ML_STOP


def test_a_device_that_obeys_no_stop_is_told_again_and_reported() -> None:
    bench = Bench().started()
    bench.renew = None
    bench.device.faults.runs_on = True
    bench.host.stop()
    reports = bench.run(3_000)
    assert len(reports) > 5
    assert all(report.stimulating for report in reports)
    assert bench.commands(bench.now_ms - 500).count(messages.ML_STOP) >= 3


def test_what_a_former_owner_left_running_is_stopped_first() -> None:
    bench = Bench().started()
    bench.host = P24Host()
    bench.renew = None
    bench.step()
    assert bench.is_stopped
    bench.run(500)
    assert bench.reports[-1].run == 1


def test_a_device_left_in_low_level_is_stopped_too() -> None:
    bench = Bench()
    init = encode(Packet(1, messages.LL_INIT, messages.encode_ll_init()))
    bench.device.step(init, 0)
    bench.run(1_000)
    assert messages.LL_STOP in bench.commands()
    assert bench.is_stopped
    bench.renew = PULSES
    bench.run(500)
    assert bench.is_flowing


def test_after_a_stop_the_next_start_is_a_start() -> None:
    bench = Bench().started()
    for _ in range(5):
        bench.host.stop()
        bench.renew = None
        bench.run(500)
        assert bench.is_stopped
        bench.renew = PULSES
        bench.run(500)
        assert bench.is_flowing
    assert {report.run for report in bench.reports} == {1}
    assert bench.device.resumes == 0
