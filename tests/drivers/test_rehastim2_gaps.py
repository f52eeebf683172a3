"""What stops a RehaStim2 and keeps it stopped: silence, restarts, lost answers, electrodes, errors."""

import pytest

from drivers import sciencemode2 as wire
from drivers.rehastim2 import SILENCE_MS
from drivers.stimulation import Pulses, Report
from gateway.simulation.muscle import SILENT
from gateway.simulation.rehastim2 import WATCHDOG_MS
from tests.drivers.rehastim2_bench import THIRTY, TURN_MS, TWENTY, greeted, stimulating

# --- our own silence ---------------------------------------------------------------------------------


def test_a_caller_that_falls_silent_ends_its_pulses() -> None:
    bench = stimulating()
    bench.says = False
    silent_from = bench.said_ms
    assert silent_from is not None
    bench.run(3000)
    assert bench.pulses_after(silent_from + SILENCE_MS + 2 * TURN_MS) == []
    assert bench.pulses_after(silent_from + SILENCE_MS - 50), "it was not cut short either"
    assert bench.last == Report(False, False, 1, 0, None, "nobody asked for pulses for 600 ms")


def test_asking_keeps_no_pulses_alive() -> None:
    bench = stimulating()
    bench.wanted = None  # it asks every 250 ms and has said neither start nor stop
    bench.run(SILENCE_MS + 2 * TURN_MS)
    assert bench.device.train(1) == SILENT


def test_who_comes_back_after_its_silence_resumes_nothing() -> None:
    bench = stimulating()
    bench.says = False
    bench.run(1000)
    count = len(bench.pulses)
    bench.says = True
    bench.run(3000)
    assert len(bench.pulses) == count
    assert not bench.last.stimulating
    bench.want(None)
    bench.run(300)
    bench.want(TWENTY)
    bench.run(300)
    assert bench.last == Report(True, False, 1, 0, TWENTY, "")


def test_a_shell_that_stood_still_finds_its_words_old() -> None:
    """It wakes after 5 s and the first thing it hears is a start: that start was meant for another time."""
    bench = stimulating()
    count = len(bench.pulses)
    bench.now += 5000
    bench.host.start(TWENTY)
    bench.says = False
    bench.run(2000)
    late = [pulse for pulse in bench.pulses[count:] if pulse.at_half_ms > 2 * (bench.now - 2000)]
    assert late == []
    assert bench.last.run > 0


def test_a_wish_that_grew_old_before_it_could_be_sent_is_dropped() -> None:
    bench = greeted()
    bench.says = False
    bench.to_device = False
    bench.host.stop()
    bench.host.start(TWENTY)
    bench.run(700)
    bench.to_device = True
    bench.run(2000)
    assert bench.pulses == []


# --- the device's own gaps ---------------------------------------------------------------------------


def test_a_device_that_restarts_resumes_nothing() -> None:
    bench = stimulating()
    bench.device.restart(bench.now)
    at = bench.now
    bench.run(5000)
    assert bench.pulses_after(at) == []
    assert bench.last.run == 1
    assert "restarted" in bench.last.result
    assert wire.START_CHANNEL_LIST not in [packet.command for ms, packet in bench.sent if ms > at]


def test_a_device_that_restarts_while_idle_is_another_run() -> None:
    bench = greeted()
    bench.device.restart(bench.now)
    bench.run(400)
    assert bench.last.run == 1
    bench.run(600)
    assert bench.last.result == ""
    bench.want(TWENTY)
    bench.run(200)
    assert bench.last.stimulating, "an ask was answered, so the caller knows"


@pytest.mark.parametrize("word", ["stop", "ask"])
@pytest.mark.parametrize("turns", [0, 1, 2])
def test_what_was_said_before_the_gap_was_told_is_no_consent(word: str, turns: int) -> None:
    """It cannot have been an answer to what the caller did not know."""
    bench = stimulating()
    bench.says = False
    bench.device.restart(bench.now)
    bench.run(turns * TURN_MS)
    at = bench.now
    getattr(bench.host, word)()
    assert bench.last.run == 0
    for _ in range(300):
        bench.host.start(TWENTY)
        bench.turn()
    assert bench.pulses_after(at) == []
    assert bench.last.run == 1
    getattr(bench.host, word)()
    bench.run(50)
    bench.host.start(TWENTY)
    bench.run(50)
    assert bench.last.stimulating


def test_a_cut_wire_ends_the_pulses_by_the_devices_watchdog() -> None:
    bench = stimulating()
    bench.to_device = bench.to_host = False
    at = bench.now
    bench.run(3000)
    assert bench.pulses_after(at + WATCHDOG_MS) == []
    bench.to_device = bench.to_host = True
    bench.run(3000)
    assert bench.pulses_after(at + WATCHDOG_MS) == []
    assert bench.last.run >= 1


@pytest.mark.parametrize("cut_ms", [200, 400, 600, 800, 1000, 1200, 1400, 2000])
@pytest.mark.parametrize("way", ["to_device", "to_host", "both"])
def test_a_wire_that_is_cut_for_a_while_resumes_nothing(cut_ms: int, way: str) -> None:
    bench = stimulating()
    bench.to_device = way == "to_host"
    bench.to_host = way == "to_device"
    bench.run(cut_ms)
    bench.to_device = bench.to_host = True
    gap_told = bench.last.run > 0
    bench.run(200)
    back_ms = bench.now
    bench.run(3000)
    if bench.last.run == 0:
        assert cut_ms <= 400, "so long a silence is a gap"
        assert bench.last.stimulating
    else:
        assert bench.pulses_after(back_ms + 3 * TURN_MS) == []
        assert not bench.last.stimulating
    assert not gap_told


@pytest.mark.parametrize("command", [wire.INIT_CHANNEL_LIST, wire.START_CHANNEL_LIST])
def test_a_request_that_could_energise_is_never_said_twice(command: int) -> None:
    bench = greeted()
    bench.lost = {command + 1}
    bench.want(TWENTY)
    bench.run(3000)
    assert [packet.command for _, packet in bench.sent].count(command) == 1
    assert bench.last.run == 1
    assert "no answer to" in bench.last.result
    assert bench.device.train(1) == SILENT


def test_an_update_whose_answer_is_lost_stops() -> None:
    bench = stimulating()
    bench.lost = {wire.START_CHANNEL_LIST_ACK}
    bench.want(THIRTY)
    bench.run(3000)
    assert bench.last.run == 1
    assert bench.pulses_after(bench.now - 2700) == []


def test_a_change_of_frequency_whose_stop_is_lost_stops() -> None:
    bench = stimulating()
    bench.lost = {wire.STOP_CHANNEL_LIST_ACK}
    bench.want(Pulses(20_000, 300, 250))
    bench.run(1000)
    assert bench.pulses_after(bench.now - 900) == []
    bench.lost = set()
    bench.run(200)
    assert bench.last.result == "no answer to StopChannelListMode"


def test_a_start_whose_answer_is_lost_stops() -> None:
    bench = greeted()
    bench.want(TWENTY)
    bench.turn()
    bench.to_host = False
    bench.turn()
    assert bench.device.mode == wire.MODE_STARTED
    at = bench.now
    bench.run(160)
    assert bench.device.mode == wire.MODE_START
    bench.to_host = True
    bench.run(2000)
    assert bench.pulses_after(at + 160) == []
    assert bench.last.result == "no answer to StartChannelListMode"
    assert bench.last.run == 1
    assert [packet.command for _, packet in bench.sent].count(wire.START_CHANNEL_LIST) == 1


def test_a_change_of_frequency_whose_stop_is_refused_stops() -> None:
    bench = stimulating()
    bench.says = False
    bench.host.start(Pulses(20_000, 300, 250))
    (sent,) = wire.Decoder().feed(bench.host.outgoing(bench.now))
    bench.host.receive(wire.encode_ack(sent.number, wire.STOP_CHANNEL_LIST_ACK, -1), bench.now)
    bench.run(100)
    assert bench.device.train(1) == SILENT
    assert "StopChannelListMode was refused: transfer error (-1)" in bench.last.result


def test_a_stop_that_stays_unanswered_is_a_gap() -> None:
    bench = greeted()
    bench.to_device = False
    bench.host.stop()
    bench.run(450)
    bench.to_device = True
    bench.run(500)
    assert bench.last.run == 1


def test_pulses_that_end_by_themselves_are_a_gap() -> None:
    bench = stimulating()
    bench.device.step(wire.encode_stop(99), bench.now)
    at = bench.now
    bench.run(2000)
    assert bench.pulses_after(at) == []
    assert bench.last == Report(False, False, 1, 0, None, "the pulses ended by themselves")


def test_pulses_that_nobody_asked_for_are_told_and_stopped() -> None:
    bench = greeted()
    entry = wire.encode_start(2, (wire.ChannelPulse(0, 300, 20),))
    bench.device.step(wire.encode_channel_list(1, wire.ChannelList(0, 1, 0, 16, 40)) + entry, bench.now)
    bench.run(300)
    assert any(report.stimulating for report in bench.reports)
    assert bench.device.mode == wire.MODE_START
    assert bench.last.run == 1


def test_a_device_that_runs_on_is_told_to_stop_for_ever_and_never_believed_idle() -> None:
    """It answers the stop with ok and goes on: its mode says otherwise."""
    bench = stimulating()
    bench.device.runs_on = True
    bench.want(None)
    bench.run(300)
    bench.reports.clear()
    bench.run(5000)
    assert sum(report.stimulating for report in bench.reports) >= 5
    stops = [packet for _, packet in bench.sent if packet.command == wire.STOP_CHANNEL_LIST]
    assert len(stops) >= 5


@pytest.mark.parametrize(
    ("command", "result", "text"),
    [
        (wire.INIT_CHANNEL_LIST, wire.PARAMETER_ERROR, "parameter error"),
        (wire.START_CHANNEL_LIST, wire.WRONG_MODE, "wrong mode"),
        (wire.START_CHANNEL_LIST, wire.TRANSFER_ERROR, "transfer error"),
        (wire.START_CHANNEL_LIST, wire.BUSY, "busy"),
        (wire.START_CHANNEL_LIST, -77, "unknown result (-77)"),
    ],
)
def test_a_start_that_is_refused_is_a_gap(command: int, result: int, text: str) -> None:
    bench = greeted()
    bench.host.start(TWENTY)
    frames = wire.Decoder()
    answer = b""
    for _ in range(3):
        bench.now += TURN_MS
        bench.host.receive(answer, bench.now)
        sent = frames.feed(bench.host.outgoing(bench.now))
        answer = b"".join(
            wire.encode_ack(packet.number, packet.command + 1, result if packet.command == command else 0)
            for packet in sent
        )
        if sent and sent[-1].command == command:
            break
    reports = bench.host.receive(answer, bench.now)
    stopped = frames.feed(bench.host.outgoing(bench.now))
    assert [packet.command for packet in stopped] == [wire.STOP_CHANNEL_LIST]
    reports += bench.host.receive(wire.encode_ack(stopped[0].number, 35, 0), bench.now)
    (report,) = reports
    assert isinstance(report, Report)
    assert text in report.result
    assert (report.stimulating, report.run) == (False, 1)


def test_a_command_that_the_device_does_not_know_is_a_gap() -> None:
    bench = greeted()
    bench.host.start(TWENTY)
    bench.host.outgoing(bench.now)
    bench.host.receive(wire.encode_unknown(5, wire.INIT_CHANNEL_LIST), bench.now)
    bench.run(50)
    assert bench.last.result == "the device does not know InitChannelListMode"


def test_a_question_that_is_answered_with_busy_is_asked_again() -> None:
    bench = stimulating()
    bench.host.ask()
    (asked,) = wire.Decoder().feed(bench.host.outgoing(bench.now))
    bench.host.receive(wire.encode_mode(asked.number, wire.BUSY, None), bench.now)
    bench.run(1000)
    assert bench.last == Report(True, False, 0, 0, TWENTY, "")


def test_a_question_that_is_refused_is_a_gap() -> None:
    bench = stimulating()
    bench.host.ask()
    (asked,) = wire.Decoder().feed(bench.host.outgoing(bench.now))
    bench.host.receive(wire.encode_mode(asked.number, wire.WRONG_MODE, None), bench.now)
    bench.run(100)
    assert bench.device.train(1) == SILENT
    assert bench.last.run == 1


# --- electrodes, switch, module ----------------------------------------------------------------------


def test_an_electrode_that_is_off_is_told_until_a_stop() -> None:
    bench = stimulating(Pulses(20_000, 300, 500, 0b11))
    bench.device.open_electrodes = 0b10
    bench.run(100)
    assert bench.last.electrode_fault
    assert not bench.last.stimulating
    assert bench.last.channel_faults == 0, "the protocol names no channel"
    assert bench.last.run == 0
    bench.run(1000)
    assert bench.last.electrode_fault
    bench.device.open_electrodes = 0
    bench.run(1000)
    assert bench.last.electrode_fault, "nobody said stop"
    bench.wanted = None
    bench.run(1000)
    assert bench.last.electrode_fault, "asking clears nothing"
    at, bench.wanted = bench.now, TWENTY
    bench.run(1000)
    assert bench.pulses_after(at) == [], "nor does it allow anything"
    bench.want(None)
    bench.run(300)
    assert bench.last == Report(False, False, 0, 0, None, "")
    bench.want(TWENTY)
    bench.run(300)
    assert bench.last.stimulating


def test_a_start_onto_an_electrode_that_is_off_gives_no_pulse() -> None:
    bench = greeted()
    bench.device.open_electrodes = 0b1
    bench.want(TWENTY)
    bench.run(500)
    assert bench.pulses == []
    assert bench.last.electrode_fault


@pytest.mark.parametrize(("fault", "text"), [("emergency_pressed", "emergency"), ("module_failed", "module")])
def test_the_switch_and_the_module_end_the_run(fault: str, text: str) -> None:
    bench = stimulating()
    setattr(bench.device, fault, True)
    bench.run(100)
    setattr(bench.device, fault, False)
    at = bench.now
    bench.run(3000)
    assert bench.pulses_after(at) == []
    assert text in bench.last.result
    assert (bench.last.electrode_fault, bench.last.run) == (False, 1)


# --- bad input ---------------------------------------------------------------------------------------


def test_answers_of_another_layout_change_nothing_and_are_no_sign_of_life() -> None:
    bench = stimulating()
    bench.turn()
    seen_ms = bench.host.last_valid_ms
    for command in (1, 3, 11, 31, 33, 35, 37, 38):
        bench.host.receive(wire.encode(0, command, bytes(9)), bench.now + 5)
    assert bench.host.last_valid_ms == seen_ms
    assert bench.host.link.invalid == 8
    bench.run(1000)
    assert bench.last == Report(True, False, 0, 0, TWENTY, "")


def test_answers_that_nobody_waited_for_change_nothing() -> None:
    bench = greeted()
    for command in (wire.INIT_CHANNEL_LIST_ACK, wire.START_CHANNEL_LIST_ACK, wire.SINGLE_PULSE_ACK):
        bench.host.receive(wire.encode_ack(200, command, wire.OK), bench.now)
    bench.host.receive(wire.encode_ack(200, wire.STOP_CHANNEL_LIST_ACK, wire.OK), bench.now)
    bench.host.receive(wire.encode_mode(200, wire.OK, wire.MODE_STARTED), bench.now)
    assert bench.host.link.unexpected == 5
    bench.run(500)
    assert bench.last == Report(False, False, 0, 0, None, "")


def test_noise_between_the_frames_costs_nothing_but_counters() -> None:
    bench = stimulating()
    for value in range(40):
        bench.host.receive(bytes((value * 7 & 0xFF, 0xF0, 0x81, value)), bench.now)
        bench.run(50)
    assert bench.host.counters.resyncs > 0
    assert bench.last.stimulating
