"""The simulated P24 by its own wire: modes, the pause that the next update ends, queue, electrodes."""

import pytest

from drivers import sciencemode4_messages as messages
from drivers.sciencemode4 import Decoder, Packet, encode
from drivers.sciencemode4_messages import Point, Pulse, Train, biphasic
from gateway.simulation import muscle
from gateway.simulation.p24 import INIT_MS, OPEN_OHM, P24, STOP_MS, WAITING, WATCHDOG_MS

UPDATE = messages.encode_ml_update((Train(20_000, 0, biphasic(40_000, 300)),))
TWO = messages.encode_ml_update((Train(20_000, 0, biphasic(40_000, 300)),) * 2)
POLL = messages.encode_current_data_request()
OK = bytes((messages.OK,))


def say(device: P24, command: int, data: bytes = b"", now_ms: int = 0) -> bytes:
    """The reply's data, however long the device takes for it."""
    said = device.step(encode(Packet(5, command, data)), now_ms) + device.step(b"", now_ms + INIT_MS)
    [reply] = Decoder().feed(said)
    assert (reply.number, reply.command) in ((5, command + 1), (5, messages.UNKNOWN_COMMAND))
    content: bytes = reply.data
    return content


def running(data: bytes = UPDATE, stop_all: bool = False, **options: object) -> P24:
    device = P24(**options)  # type: ignore[arg-type]
    assert say(device, messages.ML_INIT, messages.encode_ml_init(stop_all)) == OK
    assert say(device, messages.ML_UPDATE, data) == OK
    return device


def active(device: P24, now_ms: int) -> int:
    current = messages.decode_current_data(say(device, messages.ML_CURRENT_DATA, POLL, now_ms))
    assert current is not None
    mask: int = current.active
    return mask


def test_what_it_gives_is_what_the_muscle_gets() -> None:
    device = running()
    assert device.trains == (muscle.Train(40_000, 300, 50), *[muscle.SILENT] * 7)
    device.faults.idle = True
    assert device.trains == (muscle.SILENT,) * 8
    assert device.active == 1


@pytest.mark.parametrize("word", [(messages.ML_CURRENT_DATA, POLL), (messages.ML_UPDATE, UPDATE)])
def test_polls_and_updates_keep_it_going(word: tuple[int, bytes]) -> None:
    device = running()
    for now_ms in range(0, 20_000, WATCHDOG_MS - 100):
        assert say(device, *word, now_ms)
        assert device.active
    assert device.pauses == 0


def test_other_words_do_not() -> None:
    device = running()
    for now_ms in range(0, WATCHDOG_MS + 200, 100):
        say(device, messages.STIMULATION_STATUS, b"", now_ms)
    assert device.pauses == 1


def test_it_pauses_after_two_seconds_and_the_next_update_makes_it_go_on() -> None:
    """The trap: nothing tells the device that a gap has been."""
    device = running()
    now_ms = INIT_MS
    device.step(b"", WATCHDOG_MS - 1)
    assert device.active
    device.step(b"", WATCHDOG_MS)
    assert not device.active
    assert active(device, WATCHDOG_MS + now_ms) == 0
    assert (device.pauses, device.resumes) == (1, 0)
    say(device, messages.ML_UPDATE, UPDATE, WATCHDOG_MS + 200)
    assert device.active == 1
    assert (device.pauses, device.resumes) == (1, 1)


def test_a_stop_ends_the_pulses_at_once_and_is_answered_later() -> None:
    device = running()
    stop = encode(Packet(1, messages.ML_STOP, b""))
    assert device.step(stop, 1_000) == b""
    assert not device.active
    assert device.high_voltage == messages.HIGH_VOLTAGE_OFF
    assert device.step(b"", 1_000 + STOP_MS - 1) == b""
    assert device.step(b"", 1_000 + STOP_MS) == encode(Packet(1, messages.ML_STOP + 1, OK))


@pytest.mark.parametrize(
    "command", [messages.ML_UPDATE, messages.ML_STOP, messages.ML_CURRENT_DATA, messages.LL_STOP]
)
def test_requests_of_a_mode_that_is_not_begun_are_refused(command: int) -> None:
    assert say(P24(), command, UPDATE) == bytes((messages.NOT_INITIALISED,))


def test_one_mode_at_a_time() -> None:
    device = running()
    low = messages.encode_ll_init()
    assert say(device, messages.LL_INIT, low) == bytes((messages.NOT_INITIALISED,))
    assert device.active
    assert say(device, messages.ML_STOP) == OK
    assert say(device, messages.LL_INIT, low) == OK
    assert say(device, messages.STIMULATION_STATUS) == messages.encode_stimulation_status(1, 6)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        UPDATE[:-1],
        messages.encode_ml_update((Train(500, 0, biphasic(40_000, 300)),)),
    ],
)
def test_updates_that_make_no_sense_change_nothing(data: bytes) -> None:
    device = running()
    assert say(device, messages.ML_UPDATE, data) == bytes((messages.PARAMETER_ERROR,))
    assert device.active == 1


def test_other_content_that_makes_no_sense() -> None:
    wrong = bytes((messages.PARAMETER_ERROR,))
    assert say(P24(), messages.ML_INIT, b"\x02") == wrong
    assert say(P24(), messages.LL_INIT, b"\x81") == wrong
    assert say(P24(), messages.LL_CHANNEL_CONFIG, b"\x80") == wrong
    assert say(running(), messages.ML_CURRENT_DATA, b"\x03") == wrong


@pytest.mark.parametrize(("stop_all", "left"), [(False, 0b01), (True, 0)])
def test_a_bad_channel_ends_alone_or_with_all(stop_all: bool, left: int) -> None:
    ohm = [1_000, 1_000]
    device = running(TWO, stop_all, lead=lambda channel: ohm[channel])
    assert device.active == 0b11
    ohm[1] = OPEN_OHM + 1
    device.step(b"", 100)
    assert device.active == left
    current = messages.decode_current_data(say(device, messages.ML_CURRENT_DATA, POLL, 200))
    assert current == (left, (0, messages.CHANNEL_ELECTRODE_OFF, 0, 0, 0, 0, 0, 0), 0)


@pytest.mark.parametrize(
    ("current_ua", "ohm", "state"),
    [
        (14_500, OPEN_OHM + 1, messages.CHANNEL_OK),
        (15_000, OPEN_OHM + 1, messages.CHANNEL_ELECTRODE_OFF),
        (15_000, OPEN_OHM, messages.CHANNEL_OK),
        (20_000, 7_501, messages.CHANNEL_LOW_CURRENT),
        (20_000, 7_500, messages.CHANNEL_OK),
    ],
)
def test_what_a_channel_is_found_to_be(current_ua: int, ohm: int, state: int) -> None:
    update = messages.encode_ml_update((Train(20_000, 0, biphasic(current_ua, 300)),))
    device = running(update, lead=lambda channel: ohm)
    current = messages.decode_current_data(say(device, messages.ML_CURRENT_DATA, POLL, 200))
    assert current is not None
    assert current.states[0] == state
    assert bool(current.active) is (state == messages.CHANNEL_OK)


def test_single_pulses_need_low_level_and_an_electrode() -> None:
    pulse = messages.encode_ll_channel_config(Pulse(True, 2, 1, (Point(200, 20_000), Point(200, -20_000))))
    device = P24(lead=lambda channel: OPEN_OHM + (channel != 6))
    assert say(device, messages.LL_CHANNEL_CONFIG, pulse)[0] == messages.NOT_INITIALISED
    say(device, messages.LL_INIT, messages.encode_ll_init())
    assert say(device, messages.LL_CHANNEL_CONFIG, pulse) == bytes((messages.OK, 0x12, 0))
    assert device.single_pulses == 1
    elsewhere = messages.encode_ll_channel_config(Pulse(True, 0, 0, biphasic(20_000, 200)))
    assert say(device, messages.LL_CHANNEL_CONFIG, elsewhere)[0] == messages.ELECTRODE_ERROR
    quiet = messages.encode_ll_channel_config(Pulse(False, 2, 1, biphasic(20_000, 200)))
    assert say(device, messages.LL_CHANNEL_CONFIG, quiet)[0] == messages.OK
    assert device.single_pulses == 1


def test_ten_requests_wait_and_no_more() -> None:
    device = P24()
    init = encode(Packet(1, messages.ML_INIT, messages.encode_ml_init(False)))
    asks = b"".join(encode(Packet(number, messages.BATTERY, b"")) for number in range(2, 2 + WAITING + 3))
    assert device.step(init, 0) == b""
    assert device.step(asks, 1) == b""
    assert device.dropped == 3
    assert [packet.number for packet in Decoder().feed(device.step(b"", INIT_MS))] == list(range(1, 12))


def test_commands_that_it_does_not_know() -> None:
    unknown = bytes((messages.INVALID_COMMAND,))
    assert say(P24(), messages.VERSION_MAIN) == unknown
    assert say(P24(), 110) == unknown
    measuring = P24()
    measuring.faults.measures_only = True
    assert say(measuring, messages.ML_INIT, messages.encode_ml_init(False)) == unknown
    assert say(measuring, messages.DEVICE_ID) == messages.encode_device_id("P24-SIM-01")


def test_a_reset_and_a_restart_forget_everything() -> None:
    device = running()
    assert say(device, messages.RESET) == OK
    assert not device.active
    device = running()
    device.step(encode(Packet(1, messages.ML_STOP, b"")), 0)
    device.restart()
    assert device.step(b"", 1_000) == b""
    assert say(device, messages.STIMULATION_STATUS) == messages.encode_stimulation_status(0, 1)


def test_a_silent_device_hears_nothing_and_its_watchdog_works_on() -> None:
    device = running()
    device.faults.silent = True
    for now_ms in range(0, WATCHDOG_MS, 100):
        assert device.step(encode(Packet(1, messages.ML_CURRENT_DATA, POLL)), now_ms) == b""
    device.step(b"", WATCHDOG_MS)
    assert not device.active


def test_one_that_runs_on_confirms_a_stop_and_obeys_none() -> None:
    device = running()
    device.faults.runs_on = True
    assert say(device, messages.ML_STOP) == OK
    device.step(b"", 10 * WATCHDOG_MS)
    assert device.active == 1
