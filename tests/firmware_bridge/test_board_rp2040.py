"""What can be said about the RP2040 board without one: its arithmetic and the order of its pins."""

import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from firmware_bridge import aio
from firmware_bridge.mcu import calibration


class Pin:
    """A pin or a PWM that remembers what it was set to."""

    OUT, IN, PULL_UP = 1, 0, 2
    log: list[tuple[int, str, int]] = []  # noqa: RUF012

    def __init__(self, number: Any, *modes: int, value: int = 1) -> None:
        self.number = number.number if isinstance(number, Pin) else number
        self.state = value

    def value(self, *new: int) -> int:
        if new:
            self.state = new[0]
            Pin.log.append((self.number, "value", self.state))
        return self.state


class Pwm(Pin):
    def __init__(self, pin: Pin, freq: int, duty_u16: int) -> None:
        super().__init__(pin, value=duty_u16)

    def duty_u16(self, duty: int) -> None:
        Pin.log.append((self.number, "duty", duty))


class Bus:
    """An I2C bus with one sensor, or none (OSError)."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.answer: bytes | None = b"\x06\x66"

    def readfrom_into(self, address: int, buffer: bytearray) -> None:
        assert address == 0x28
        if self.answer is None:
            raise OSError(5)
        buffer[:] = self.answer


@pytest.fixture
def rp2040(monkeypatch: pytest.MonkeyPatch) -> Any:
    machine = ModuleType("machine")
    watchdog = SimpleNamespace(fed=0)

    def wdt(timeout: int) -> Any:
        assert timeout <= 1000
        return SimpleNamespace(feed=lambda: setattr(watchdog, "fed", watchdog.fed + 1))

    vars(machine).update(Pin=Pin, PWM=Pwm, I2C=Bus, WDT=wdt, watchdog=watchdog)
    monkeypatch.setitem(sys.modules, "machine", machine)
    monkeypatch.delitem(sys.modules, "firmware_bridge.mcu.board_rp2040", raising=False)
    module = importlib.import_module("firmware_bridge.mcu.board_rp2040")
    yield module
    sys.modules.pop("firmware_bridge.mcu.board_rp2040", None)


class Ticks:
    value = 0

    def __call__(self) -> int:
        return self.value


def board_and_ticks(rp2040: Any) -> tuple[Any, Ticks]:
    ticks = Ticks()
    return rp2040.Rp2040Board(aio.Clock(ticks, lambda end, start: end - start)), ticks


def test_counts_of_the_data_sheet(rp2040: Any) -> None:
    assert rp2040.count_to_dmmhg(1638) == 0
    assert rp2040.count_to_dmmhg(14746) == 7757
    assert rp2040.count_to_dmmhg(8192) == pytest.approx(7757 // 2, abs=1)
    assert rp2040.count_to_dmmhg(1600) < 0
    assert (16383 - 1638) * 7757 < 1 << 30


def test_pressures_are_above_the_stored_zero(rp2040: Any) -> None:
    assert rp2040.count_to_dmmhg(1700, 1700) == 0
    assert rp2040.count_to_dmmhg(1638, 1700) == -37
    ticks = Ticks()
    clock = aio.Clock(ticks, lambda end, start: end - start)
    sensor = rp2040.HoneywellSensor(Bus(), clock, 1588)
    sensor.read()
    assert sensor.pressure_dmmhg() == 29
    for _ in range(50):  # nothing that it reads becomes its zero
        sensor.read()
    assert sensor.pressure_dmmhg() == 29


@pytest.mark.parametrize(
    ("zero_count", "known"),
    [(1638 + 196, True), (1638 - 196, True), (1638 + 197, False), (1638 - 197, False)],
)
def test_a_stored_zero_that_no_sound_sensor_has_gives_no_value(
    rp2040: Any, zero_count: int, known: bool
) -> None:
    clock = aio.Clock(Ticks(), lambda end, start: end - start)
    sensor = rp2040.HoneywellSensor(Bus(), clock, zero_count)
    sensor.read()
    assert (sensor.pressure_dmmhg() is not None) is known


def test_each_sensor_of_the_board_has_its_own_stored_zero(
    rp2040: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "CONTROL_ZERO_COUNT", 1638 - 50)
    monkeypatch.setattr(calibration, "LIMIT_ZERO_COUNT", 1638 + 50)
    board, _ = board_and_ticks(rp2040)
    board.read()
    assert (board.control_dmmhg(), board.limit_dmmhg()) == (29, -30)


def test_the_hello_says_the_stored_zeros() -> None:
    assert calibration.board_name("rp2040", 1600, 1700) == b"rp2040 zero 1600 1700"
    assert len(calibration.board_name("rp2040", 16383, 16383)) <= 24


def test_status_bits(rp2040: Any) -> None:
    assert rp2040.decode_count(b"\x06\x66") == (0, 1638)
    assert rp2040.decode_count(b"\xb9\x9a") == (2, 14746)
    assert rp2040.decode_count(b"\xff\xff") == (3, 16383)


def test_pressures_are_read_and_age(rp2040: Any) -> None:
    board, ticks = board_and_ticks(rp2040)
    board._control._bus.answer = (14746).to_bytes(2, "big")
    board.read()
    assert (board.control_dmmhg(), board.limit_dmmhg()) == (7757, 0)
    board._control._bus.answer = (0x8000 | 14746).to_bytes(2, "big")
    board._limit._bus.answer = None
    ticks.value = 100
    board.read()
    assert (board.control_dmmhg(), board.limit_dmmhg()) == (7757, 0)
    ticks.value = 101
    assert (board.control_dmmhg(), board.limit_dmmhg()) == (None, None)


def test_a_sensor_that_reports_a_fault_is_missing_at_once(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    board.read()
    board._limit._bus.answer = b"\xc6\x66"
    board.read()
    assert (board.control_dmmhg(), board.limit_dmmhg()) == (0, None)


def test_outputs_begin_with_dump_valve_and_relay(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    Pin.log.clear()
    board.write(500, True, True, True, 1, True)
    assert Pin.log == [
        (8, "value", 1),
        (11, "value", 1),
        (7, "value", 1),
        (6, "duty", 32767),
        (9, "value", 1),
        (25, "value", 1),
    ]
    Pin.log.clear()
    board.write(0, False, False, False, 0)
    assert Pin.log == [
        (8, "value", 0),
        (11, "value", 0),
        (7, "value", 0),
        (6, "duty", 0),
        (9, "value", 0),
        (25, "value", 0),
    ]


def test_button_pulls_to_ground_and_watchdog_is_fed(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    board._button.state = 1
    assert not board.button()
    board._button.state = 0
    assert board.button()
    board._patient_stop.state = 0
    assert not board.patient_stop()
    board._patient_stop.state = 1
    assert board.patient_stop(), "pressed, or its cable torn"
    board.feed_watchdog()
    assert sys.modules["machine"].watchdog.fed == 1
