"""The RehaStim2's host against the simulated device: words, order, answers, what is sent when."""

from itertools import pairwise

import pytest

from drivers import sciencemode2 as wire
from drivers.host import Line
from drivers.rehastim2 import ANSWER_MS, KEEP_ALIVE_MS, SILENCE_MS, Rehastim2Host
from drivers.rehastim2_pulses import deliverable
from drivers.stimulation import Pulses, PulsesRefused, Report
from gateway.simulation.muscle import SILENT, Train
from gateway.simulation.rehastim2 import RehaStim2
from tests.drivers.rehastim2_bench import THIRTY, TURN_MS, TWENTY, Bench, greeted, stimulating

# --- greeting and identity ---------------------------------------------------------------------------


def test_the_line_is_the_one_of_the_description() -> None:
    assert Rehastim2Host.line == Line(460800, "E", 1)


def test_a_device_is_greeted_and_known() -> None:
    bench = Bench()
    bench.turn()
    bench.turn()
    assert bench.host.identity is not None
    assert bench.host.identity.firmware == "protocol version 1"
    assert bench.host.refusal == ""
    assert bench.commands()[0] == wire.INIT_ACK
    assert bench.host.last_valid_ms == bench.now


def test_nothing_but_a_stop_is_sent_before_the_device_has_said_init() -> None:
    """It is in the middle of another conversation: its watchdog must end that, so nothing may feed it."""
    bench = Bench()
    bench.device.step(wire.encode_init_ack(0), 0)
    bench.device.step(
        wire.encode_channel_list(1, wire.ChannelList(0, 1, 0, 16, 40))
        + wire.encode_start(2, (wire.ChannelPulse(0, 300, 20),)),
        0,
    )
    assert bench.device.mode == wire.MODE_STARTED
    bench.host.stop()
    bench.run(100)
    assert bench.device.mode == wire.MODE_START
    assert bench.host.identity is None
    bench.run(1300)
    assert bench.host.identity is not None
    before_init = [packet.command for ms, packet in bench.sent if ms < 1200]
    assert set(before_init) == {wire.STOP_CHANNEL_LIST}


def test_another_version_is_refused_and_gets_nothing_but_the_refusal() -> None:
    bench = Bench(device=RehaStim2(version=2))
    bench.wanted = TWENTY
    bench.run(2000)
    assert "version 2" in bench.host.refusal
    assert set(bench.commands()) == {wire.INIT_ACK}
    bench.host.stop()
    bench.turn()
    assert bench.commands() == [wire.STOP_CHANNEL_LIST]
    assert bench.pulses == []


def test_the_refusal_of_a_version_is_said_in_the_protocol() -> None:
    bench = Bench(device=RehaStim2(version=2))
    bench.run(50)
    (packet,) = [packet for _, packet in bench.sent]
    assert wire.decode_result(packet, wire.INIT_ACK) == wire.INCOMPATIBLE_VERSION


def test_another_device_on_the_port_is_refused() -> None:
    host = Rehastim2Host()
    for ms in range(0, 600, 10):
        assert host.receive(b"Ch1= 70 Ch2= 71", ms) == []
    assert "Another device" in host.refusal
    assert host.identity is None
    assert host.last_valid_ms is None


def test_our_own_frames_echoed_are_no_sign_of_life() -> None:
    host = Rehastim2Host()
    host.stop()
    for ms in range(0, 2000, 10):
        assert host.receive(host.outgoing(ms), ms) == []
    assert host.last_valid_ms is None
    assert host.identity is None
    assert host.link.invalid > 10


# --- starting, updating, stopping --------------------------------------------------------------------


def test_a_start_sets_up_and_gives() -> None:
    bench = greeted()
    bench.want(TWENTY)
    bench.run(100)
    assert bench.commands() == [wire.INIT_CHANNEL_LIST, wire.START_CHANNEL_LIST]
    assert bench.last == Report(True, False, 0, 0, TWENTY, "")
    assert bench.device.train(1) == Train(20_000, 300, 50)
    assert bench.device.train(2) == SILENT


def test_pulses_come_at_the_interval_that_was_asked_for() -> None:
    bench = stimulating()
    at = [pulse.at_half_ms for pulse in bench.pulses]
    assert {after - before for before, after in pairwise(at)} == {40}
    assert {(pulse.channel, pulse.current_ma, pulse.width_us) for pulse in bench.pulses} == {(1, 20, 300)}


def test_a_renewal_only_asks() -> None:
    """Whatever happened to the device meanwhile, the same pulses said again energise nothing."""
    bench = stimulating()
    bench.commands()
    bench.run(1000)
    assert set(bench.commands()) == {wire.GET_MODE}
    assert bench.last == Report(True, False, 0, 0, TWENTY, "")


def test_each_renewal_is_answered_within_two_turns() -> None:
    bench = stimulating()
    bench.reports.clear()
    bench.run(2000)
    assert len(bench.reports) == 10


def test_another_current_is_one_frame() -> None:
    bench = stimulating()
    bench.commands()
    bench.want(THIRTY)
    bench.turn()
    bench.turn()
    assert bench.commands() == [wire.START_CHANNEL_LIST]
    assert bench.last.given == THIRTY
    assert bench.device.train(1).current_ua == 30_000
    at = [pulse.at_half_ms for pulse in bench.pulses]
    assert {after - before for before, after in pairwise(at)} == {40}


def test_another_frequency_stops_sets_up_and_starts() -> None:
    bench = stimulating()
    bench.commands()
    bench.want(Pulses(20_000, 300, 250))
    bench.run(100)
    assert bench.commands() == [wire.STOP_CHANNEL_LIST, wire.INIT_CHANNEL_LIST, wire.START_CHANNEL_LIST]
    assert bench.device.train(1).frequency_hz == 25
    assert bench.last == Report(True, False, 0, 0, Pulses(20_000, 300, 250), "")


def test_the_newest_wish_wins_over_one_on_its_way() -> None:
    bench = greeted()
    bench.wanted, bench.said_ms = TWENTY, None
    bench.turn()
    bench.host.start(THIRTY)
    bench.wanted = THIRTY
    bench.run(100)
    assert {pulse.current_ma for pulse in bench.pulses} == {30}


def test_a_wish_taken_back_while_its_update_is_on_its_way() -> None:
    bench = stimulating()
    bench.to_host = False
    bench.want(THIRTY)
    bench.turn()
    bench.to_host = True
    bench.want(TWENTY)
    bench.host.start(TWENTY)
    held = bench.device.train(1)
    assert held.current_ua == 30_000
    bench.says = False
    bench.run(300)
    assert bench.device.train(1) == SILENT, "the update's answer was lost: a gap"


@pytest.mark.parametrize("channels", [0b1, 0b10001, 0b11111111, 0b10000000])
def test_each_channel_of_the_mask_is_given_the_same(channels: int) -> None:
    bench = stimulating(Pulses(20_000, 300, 300, channels))
    numbers = [number for number in range(1, 9) if channels >> (number - 1) & 1]
    assert {pulse.channel for pulse in bench.pulses} == set(numbers)
    for number in numbers:
        assert bench.device.train(number) == Train(20_000, 300, 30)


def test_a_stop_is_the_next_frame_whatever_is_pending() -> None:
    bench = greeted()
    for wait in range(6):
        bench.want(TWENTY)
        bench.run(wait * TURN_MS)
        bench.commands()
        bench.host.stop()
        assert bench.host.outgoing(bench.now)[6:7] == bytes((wire.STOP_CHANNEL_LIST,))
        bench.want(None)
        bench.run(500)


def test_a_stop_drops_the_update_that_waits() -> None:
    bench = stimulating()
    bench.commands()
    bench.host.start(THIRTY)
    bench.want(None)
    bench.run(1000)
    assert bench.commands()[0] == wire.STOP_CHANNEL_LIST
    assert wire.START_CHANNEL_LIST not in bench.commands()
    assert {pulse.current_ma for pulse in bench.pulses} == {20}
    assert bench.pulses_after(bench.now - 990) == []
    assert bench.last == Report(False, False, 0, 0, None, "")


def test_a_stop_is_said_until_it_is_answered() -> None:
    bench = stimulating()
    bench.to_device = False
    bench.want(None)
    bench.run(1000)
    stops = [ms for ms, packet in bench.sent if packet.command == wire.STOP_CHANNEL_LIST]
    assert len(stops) == 10
    bench.to_device = True
    bench.run(110)
    assert bench.device.train(1) == SILENT
    bench.commands()
    bench.run(1000)
    assert wire.STOP_CHANNEL_LIST not in bench.commands()


def test_the_answer_to_an_older_stop_proves_nothing() -> None:
    bench = stimulating()
    bench.want(None)
    bench.run(50)
    (old,) = {packet.number for _, packet in bench.sent if packet.command == wire.STOP_CHANNEL_LIST}
    bench.says = False
    bench.to_device = False
    bench.host.stop()
    bench.run(20)
    stale = wire.encode_ack(old, wire.STOP_CHANNEL_LIST_ACK, wire.OK)
    bench.host.receive(stale, bench.now)
    assert bench.host.link.unexpected == 1
    bench.run(100)
    assert bench.commands()[-1] == wire.STOP_CHANNEL_LIST


def test_a_stop_that_is_refused_is_said_again() -> None:
    host = Rehastim2Host()
    host.receive(wire.encode_init(0), 0)
    host.stop()
    first = wire.Decoder().feed(host.outgoing(0))[0]
    host.receive(wire.encode_ack(first.number, wire.STOP_CHANNEL_LIST_ACK, wire.TRANSFER_ERROR), 10)
    again = wire.Decoder().feed(host.outgoing(100))[0]
    assert (first.command, again.command) == (wire.STOP_CHANNEL_LIST, wire.STOP_CHANNEL_LIST)


# --- steps and limits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_ua", "given_ua"), [(20_999, 20_000), (20_000, 20_000), (999, 0), (130_000, 130_000), (0, 0)]
)
def test_currents_are_rounded_down_and_told(asked_ua: int, given_ua: int) -> None:
    bench = stimulating(Pulses(asked_ua, 300, 500))
    assert {pulse.current_ma * 1000 for pulse in bench.pulses} == {given_ua}
    assert bench.last.given == Pulses(given_ua, 300, 500)


@pytest.mark.parametrize(
    ("asked_dhz", "half_ms", "given_dhz"),
    [(500, 40, 500), (350, 58, 344), (300, 67, 298), (10, 2000, 10), (1250, 16, 1250), (1249, 17, 1176)],
)
def test_frequencies_are_rounded_down_and_told(asked_dhz: int, half_ms: int, given_dhz: int) -> None:
    setting = deliverable(Pulses(20_000, 300, asked_dhz))
    assert (setting.main_half_ms, setting.given.frequency_dhz) == (half_ms, given_dhz)


def test_no_frequency_is_ever_above_the_one_asked_for() -> None:
    for asked_dhz in range(10, 1251):
        half_ms = deliverable(Pulses(20_000, 300, asked_dhz)).main_half_ms
        assert half_ms * asked_dhz >= 20_000 > (half_ms - 1) * asked_dhz


def test_a_frequency_between_two_steps_is_renewed_without_a_new_start() -> None:
    bench = stimulating(Pulses(20_000, 300, 333))
    bench.commands()
    bench.run(1000)
    assert set(bench.commands()) == {wire.GET_MODE}


@pytest.mark.parametrize(
    ("pulses", "quantity", "lowest", "highest"),
    [
        (Pulses(131_000, 300, 500), "current_ua", 0, 130_000),
        (Pulses(130_001, 300, 500), "current_ua", 0, 130_000),
        (Pulses(-1, 300, 500), "current_ua", 0, 130_000),
        (Pulses(20_000, 19, 500), "pulse_width_us", 20, 500),
        (Pulses(20_000, 501, 500), "pulse_width_us", 20, 500),
        (Pulses(20_000, 300, 9), "frequency_dhz", 10, 1250),
        (Pulses(20_000, 300, 1251), "frequency_dhz", 10, 1250),
        (Pulses(20_000, 300, 501, 0xFF), "frequency_dhz", 10, 500),
        (Pulses(20_000, 300, 500, 0), "channels", 1, 255),
        (Pulses(20_000, 300, 500, 256), "channels", 1, 255),
    ],
)
def test_what_the_device_cannot_do_is_refused_and_stops(
    pulses: Pulses, quantity: str, lowest: int, highest: int
) -> None:
    bench = stimulating()
    bench.says = False
    bench.commands()
    with pytest.raises(PulsesRefused, match=quantity) as refused:
        bench.host.start(pulses)
    assert (refused.value.lowest, refused.value.highest) == (lowest, highest)
    bench.turn()
    assert bench.commands() == [wire.STOP_CHANNEL_LIST]
    assert bench.device.train(1) == SILENT


# --- single pulses -----------------------------------------------------------------------------------


def test_a_single_pulse_is_given_once() -> None:
    bench = greeted()
    bench.host.single_pulse(3, 25_900, 200)
    bench.run(500)
    assert [(pulse.channel, pulse.current_ma, pulse.width_us) for pulse in bench.pulses] == [(3, 25, 200)]
    assert bench.commands().count(wire.SINGLE_PULSE) == 1


def test_a_single_pulse_is_never_said_twice() -> None:
    bench = greeted()
    bench.to_host = False
    bench.host.single_pulse(3, 25_000, 200)
    bench.run(500)
    assert bench.commands().count(wire.SINGLE_PULSE) == 1
    bench.to_host = True
    bench.run(500)
    assert len(bench.pulses) == 1
    assert any("no answer to SinglePulse" in report.result for report in bench.reports)


def test_a_single_pulse_into_a_train_is_refused_and_the_train_goes_on() -> None:
    bench = stimulating()
    bench.host.single_pulse(3, 25_000, 200)
    bench.run(20)
    assert "a single pulse is refused" in bench.last.result
    bench.run(400)
    assert {pulse.channel for pulse in bench.pulses} == {1}
    assert bench.last == Report(True, False, 0, 0, TWENTY, "")


def test_a_single_pulse_that_waits_is_dropped_by_a_stop() -> None:
    bench = greeted()
    bench.host.single_pulse(3, 25_000, 200)
    bench.host.stop()
    bench.run(500)
    assert bench.pulses == []


@pytest.mark.parametrize(
    "pulse", [(0, 20_000, 300), (9, 20_000, 300), (1, 131_000, 300), (1, 20_000, 19), (1, 20_000, 501)]
)
def test_a_single_pulse_that_cannot_be_is_refused(pulse: tuple[int, int, int]) -> None:
    bench = greeted()
    with pytest.raises(PulsesRefused):
        bench.host.single_pulse(*pulse)


# --- keep-alive --------------------------------------------------------------------------------------


def test_an_idle_device_is_kept_alive_without_the_caller() -> None:
    bench = greeted()
    bench.says = False
    bench.run(10_000)
    assert bench.device.frames > 20
    assert bench.last.run == 0
    gaps = [after - before for (before, _), (after, _) in pairwise(bench.sent)]
    assert max(gaps) <= KEEP_ALIVE_MS + TURN_MS


def test_no_keep_alive_is_sent_while_pulses_are_given() -> None:
    bench = stimulating()
    bench.sent.clear()
    bench.run(2000)
    assert wire.WATCHDOG not in [packet.command for _, packet in bench.sent]


def test_no_keep_alive_is_sent_while_the_caller_is_silent_and_pulses_flow() -> None:
    bench = stimulating()
    bench.says = False
    assert bench.said_ms is not None
    bench.sent.clear()
    bench.run(bench.said_ms + SILENCE_MS - TURN_MS - bench.now)
    assert bench.device.train(1) != SILENT
    assert wire.WATCHDOG not in [packet.command for _, packet in bench.sent]


def test_the_round_trip_is_measured() -> None:
    host = Rehastim2Host()
    host.receive(wire.encode_init(0), 0)
    acknowledged, asked = wire.Decoder().feed(host.outgoing(20))
    assert (acknowledged.command, asked.command) == (wire.INIT_ACK, wire.GET_MODE)
    host.receive(wire.encode_mode(asked.number, wire.OK, wire.MODE_START), 37)
    assert host.counters.round_trip_ms == 17
    assert host.counters.frames == 2


def test_a_lost_question_is_asked_again() -> None:
    bench = greeted()
    bench.to_host = False
    bench.run(ANSWER_MS)
    bench.run(20)
    bench.to_host = True
    bench.run(500)
    assert bench.host.link.retries >= 1
    assert bench.last == Report(False, False, 0, 0, None, "")
