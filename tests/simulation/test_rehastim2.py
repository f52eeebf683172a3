"""The simulated RehaStim2 by itself: modes, watchdog, what is refused, what is given."""

import pytest

from drivers import sciencemode2 as wire
from gateway.simulation.muscle import SILENT, Train
from gateway.simulation.rehastim2 import LENIENT_WATCHDOG_MS, WATCHDOG_MS, Pulse, RehaStim2

LIST = wire.ChannelList(0, 0b1, 0, 16, 40)
PULSES = (wire.ChannelPulse(wire.SINGLE, 300, 20),)


def say(device: RehaStim2, frame: bytes, now_ms: int = 0) -> list[wire.Packet]:
    """What it answers."""
    return wire.Decoder().feed(device.step(frame, now_ms))


def result(device: RehaStim2, frame: bytes, now_ms: int = 0) -> int:
    (packet,) = say(device, frame, now_ms)
    found = wire.decode_result(packet, packet.command)
    assert found is not None
    return found


def greeted(*, lenient: bool = False) -> RehaStim2:
    device = RehaStim2(lenient=lenient)
    assert say(device, wire.encode_init_ack(0))[0].command == wire.INIT
    return device


def started(channels: wire.ChannelList = LIST, pulses: tuple[wire.ChannelPulse, ...] = PULSES) -> RehaStim2:
    device = greeted()
    assert result(device, wire.encode_channel_list(1, channels)) == wire.OK
    assert result(device, wire.encode_start(2, pulses)) == wire.OK
    return device


def test_it_says_init_every_500_ms_until_it_is_answered() -> None:
    device = RehaStim2()
    said = [now_ms for now_ms in range(0, 2000, 10) if say(device, b"", now_ms)]
    assert said == [0, 500, 1000, 1500]
    say(device, wire.encode_init_ack(0), 2000)
    assert [now_ms for now_ms in range(2010, 3000, 10) if say(device, b"", now_ms)] == []


def test_it_listens_to_nobody_before_it_was_greeted() -> None:
    device = RehaStim2()
    say(device, b"")
    for frame in (wire.encode_get_mode(1), wire.encode_channel_list(1, LIST), wire.encode_init_ack(1, -5)):
        assert say(device, frame) == []
    assert say(device, wire.encode_get_mode(1)) == []


@pytest.mark.parametrize(("lenient", "watchdog_ms"), [(False, WATCHDOG_MS), (True, LENIENT_WATCHDOG_MS)])
def test_its_watchdog_ends_everything(lenient: bool, watchdog_ms: int) -> None:
    device = greeted(lenient=lenient)
    result(device, wire.encode_channel_list(1, LIST))
    result(device, wire.encode_start(2, PULSES))
    assert say(device, b"", watchdog_ms - 1) == []
    assert device.mode == wire.MODE_STARTED
    assert [packet.command for packet in say(device, b"", watchdog_ms)] == [wire.INIT]
    assert device.mode == wire.MODE_START


def test_its_watchdog_expires_at_its_own_instant_however_late_it_is_looked_at() -> None:
    device = started()
    say(device, b"", 10_000)
    assert max(pulse.at_half_ms for pulse in device.take_pulses()) <= 2 * WATCHDOG_MS


@pytest.mark.parametrize("frame", [wire.encode_watchdog(9), wire.encode_get_mode(9), wire.encode(9, 99)])
def test_any_valid_frame_feeds_the_watchdog(frame: bytes) -> None:
    device = started()
    for now_ms in range(1000, 6000, 1000):
        say(device, frame, now_ms)
    assert device.mode == wire.MODE_STARTED


def test_noise_feeds_no_watchdog() -> None:
    device = started()
    for now_ms in range(0, 1300, 100):
        device.step(b"\xf0\x81noise\x0f", now_ms)
    assert device.mode == wire.MODE_START


def test_modes_are_told() -> None:
    device = greeted()
    modes = []
    frames = (b"", wire.encode_channel_list(1, LIST), wire.encode_start(2, PULSES), wire.encode_stop(3))
    for frame in frames:
        device.step(frame, 0)
        (packet,) = say(device, wire.encode_get_mode(9))
        modes.append(wire.decode_mode(packet))
    assert modes == [wire.Mode(0, 0), wire.Mode(0, 1), wire.Mode(0, 2), wire.Mode(0, 0)]


def test_what_comes_in_the_wrong_mode_is_refused() -> None:
    device = greeted()
    assert result(device, wire.encode_start(1, PULSES)) == wire.WRONG_MODE
    assert result(device, wire.encode_stop(1)) == wire.OK
    device = started()
    assert result(device, wire.encode_channel_list(3, LIST)) == wire.WRONG_MODE
    assert result(device, wire.encode_single_pulse(3, wire.SinglePulse(0, 300, 20))) == wire.WRONG_MODE


@pytest.mark.parametrize(
    "frame",
    [
        wire.encode_channel_list(1, wire.ChannelList(0, 1, 0, 16, 15)),
        wire.encode_channel_list(1, wire.ChannelList(0, 0xFF, 0, 16, 39)),
        wire.encode(1, wire.INIT_CHANNEL_LIST, bytes(7)),
        wire.encode(1, wire.SINGLE_PULSE, b"\x08\x01\x2c\x14"),
        wire.encode(1, wire.SINGLE_PULSE, b"\x00\x01\xf5\x14"),
        wire.encode(1, wire.SINGLE_PULSE, b"\x00\x01\x2c\x83"),
    ],
)
def test_parameters_that_it_cannot_do_are_refused(frame: bytes) -> None:
    assert result(greeted(), frame) == wire.PARAMETER_ERROR


@pytest.mark.parametrize(
    "pulses",
    [
        PULSES * 2,
        (wire.ChannelPulse(wire.TRIPLET, 300, 20),),
        (wire.ChannelPulse(wire.SINGLE, 300, 20), wire.ChannelPulse(wire.SINGLE, 300, 20)),
    ],
)
def test_pulses_that_do_not_fit_the_channel_list_are_refused(pulses: tuple[wire.ChannelPulse, ...]) -> None:
    device = greeted()
    result(device, wire.encode_channel_list(1, LIST))
    assert result(device, wire.encode_start(2, pulses)) == wire.PARAMETER_ERROR
    assert device.mode == wire.MODE_INITIALISED


def test_an_unknown_command_is_named() -> None:
    (packet,) = say(greeted(), wire.encode(1, 99))
    assert wire.decode_unknown(packet) == 99


def test_pulses_have_their_instants() -> None:
    device = started()
    device.step(b"", 61)
    assert device.take_pulses() == [Pulse(at, 1, 20, 300) for at in (0, 40, 80, 120)]
    assert device.take_pulses() == []
    assert device.train(1) == Train(20_000, 300, 50)
    assert device.train(2) == SILENT


def test_an_update_keeps_the_rhythm() -> None:
    device = started()
    device.step(wire.encode_start(3, (wire.ChannelPulse(wire.SINGLE, 200, 10),)), 30)
    device.step(b"", 60)
    assert [(pulse.at_half_ms, pulse.current_ma) for pulse in device.take_pulses()] == [
        *[(0, 20), (40, 20)],
        *[(80, 10), (120, 10)],
    ]


def test_short_widths_are_raised() -> None:
    device = started(pulses=(wire.ChannelPulse(wire.SINGLE, 5, 20),))
    assert device.take_pulses()[0].width_us == 20
    assert device.train(1).pulse_width_us == 20


def test_doublets_and_low_frequency_channels() -> None:
    channels = wire.ChannelList(1, 0b11, 0b10, 16, 100)
    doublet, single = wire.ChannelPulse(wire.DOUBLET, 300, 20), wire.ChannelPulse(wire.SINGLE, 300, 10)
    device = started(channels, (doublet, single))
    device.step(b"", 149)
    at = [(pulse.channel, pulse.at_half_ms) for pulse in device.take_pulses()]
    assert at == [(1, 0), (1, 16), (2, 0), (1, 100), (1, 116), (1, 200), (1, 216), (2, 200)]
    assert (device.train(1).frequency_hz, device.train(2).frequency_hz) == (20, 10)


def test_a_one_shot_has_room_for_a_triplet() -> None:
    triplet = (wire.ChannelPulse(wire.TRIPLET, 300, 20),)
    device = started(wire.ChannelList(0, 1, 0, 20, wire.ONE_SHOT), triplet)
    assert [pulse.at_half_ms for pulse in device.take_pulses()] == [0, 20, 40]


def test_a_one_shot_gives_one_group_for_each_start() -> None:
    device = started(wire.ChannelList(0, 1, 0, 16, wire.ONE_SHOT))
    device.step(wire.encode_start(3, PULSES), 500)
    device.step(b"", 1000)
    assert [pulse.at_half_ms for pulse in device.take_pulses()] == [0, 1000]


@pytest.mark.parametrize(
    ("fault", "value", "code"),
    [
        ("open_electrodes", 0b1, wire.ELECTRODE_ERROR),
        ("emergency_pressed", True, wire.EMERGENCY_SWITCH),
        ("module_failed", True, wire.MODULE_ERROR),
    ],
)
def test_an_error_ends_all_channels(fault: str, value: int, code: int) -> None:
    device = started(wire.ChannelList(0, 0b11, 0, 16, 40), PULSES * 2)
    device.take_pulses()
    setattr(device, fault, value)
    (packet,) = say(device, b"", 20)
    assert wire.decode_result(packet, wire.STIMULATION_ERROR) == code
    assert device.mode == wire.MODE_START
    setattr(device, fault, 0)
    device.step(b"", 1000)
    assert device.take_pulses() == []


def test_the_answer_to_a_single_pulse_comes_before_its_error() -> None:
    device = greeted()
    device.open_electrodes = 0b1
    packets = say(device, wire.encode_single_pulse(1, wire.SinglePulse(0, 300, 20)))
    assert [packet.command for packet in packets] == [wire.SINGLE_PULSE_ACK, wire.STIMULATION_ERROR]
    assert device.take_pulses() == []


def test_one_that_gives_nothing_reports_success() -> None:
    device = greeted()
    device.gives_nothing = True
    assert result(device, wire.encode_channel_list(1, LIST)) == wire.OK
    assert result(device, wire.encode_start(2, PULSES)) == wire.OK
    device.step(b"", 500)
    assert device.take_pulses() == []
    assert device.train(1) == SILENT


def test_one_that_is_deaf_or_mute() -> None:
    device = started()
    device.is_deaf = True
    assert say(device, wire.encode_get_mode(3), 100) == []
    device.is_deaf, device.is_mute = False, True
    assert say(device, wire.encode_stop(3), 200) == []
    assert device.mode == wire.MODE_START
