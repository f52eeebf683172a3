"""What can be said about the hub's RP2040 board without one: registers, ring arithmetic, what is told."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from firmware_bridge import aio, hub


class Pin:
    """A pin that remembers what it was set to."""

    OUT, IN, PULL_UP, PULL_DOWN = 1, 0, 2, 3
    made: ClassVar[dict[int, "Pin"]] = {}

    def __init__(self, number: int, *modes: int, value: int = 0) -> None:
        self.state = value
        Pin.made[number] = self

    def value(self, *new: int) -> int:
        if new:
            self.state = new[0]
        return self.state

    __call__ = value


class Dma:
    """A DMA channel whose progress the test makes."""

    def __init__(self) -> None:
        self.write = 0
        self.ctrl: dict[str, Any] = {}
        self.running = 0

    def pack_ctrl(self, **fields: Any) -> dict[str, Any]:
        return fields

    def config(self, *, read: int, write: int, count: int, ctrl: dict[str, Any], trigger: bool) -> None:
        self.read, self.write, self.count, self.ctrl, self.running = read, write, count, ctrl, int(trigger)

    def active(self, value: int) -> None:
        self.running = value


class Ticks:
    value = 0

    def __call__(self) -> int:
        return self.value


@pytest.fixture
def rp2040(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    registers: dict[int, int] = {}
    machine, rp2, uctypes = ModuleType("machine"), ModuleType("rp2"), ModuleType("uctypes")
    Pin.made.clear()
    vars(machine).update(
        Pin=Pin,
        ADC=lambda pin: None,
        mem32=registers,
        disable_irq=lambda: 1,
        enable_irq=lambda state: None,
        WDT=lambda timeout: SimpleNamespace(feed=lambda: None),
    )
    vars(rp2).update(DMA=Dma)
    vars(uctypes).update(addressof=lambda memory: 0x20001238)
    for module in (machine, rp2, uctypes):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "firmware_bridge.hub_mcu.board_rp2040", raising=False)
    module = importlib.import_module("firmware_bridge.hub_mcu.board_rp2040")
    module.registers = registers
    yield module
    sys.modules.pop("firmware_bridge.hub_mcu.board_rp2040", None)


def board_and_ticks(rp2040: Any) -> tuple[Any, Ticks]:
    ticks = Ticks()
    return rp2040.Rp2040Board(aio.Clock(ticks, lambda end, start: end - start)), ticks


def sample(ring: Any, data: bytes) -> None:
    """The DMA writes these bytes into its ring."""
    for byte in data:
        ring._memory[ring._offset + (ring._dma.write - ring._base)] = byte
        ring._dma.write = ring._base + (ring._dma.write - ring._base + 1) % len_of(ring)


def len_of(ring: Any) -> int:
    return len(ring._memory) // 2


def test_its_description_has_no_contradiction(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    assert hub.contradiction(board.period_us, board.streams) == ""
    assert board.period_us == 2000
    assert [hub.NAMES[stream.kind] for stream in board.streams] == ["emg", "force"]


def test_the_converter_goes_round_three_inputs_at_6_khz(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    board.start(1)
    base = 0x4004C000
    assert rp2040.registers[base + 0x10] >> 8 == 48_000_000 // 6000 - 1
    assert rp2040.registers[base + 0x00] == 0b111 << 16 | 1 << 3 | 1
    assert rp2040.registers[base + 0x08] & (1 | 1 << 3) == 1 | 1 << 3
    dma = board._emg._dma
    assert (dma.read, dma.running) == (base + 0x0C, 1)
    assert dma.write % len_of(board._emg) == 0
    wanted = {"size": 1, "inc_read": False, "inc_write": True, "ring_sel": True, "treq_sel": 36}
    assert dma.ctrl == {**wanted, "ring_size": 13}
    assert len_of(board._emg) == 1 << 13


def test_stopped_nothing_runs_and_the_cell_is_powered_down(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    board.start(3)
    assert (Pin.made[14].state, Pin.made[25].state) == (0, 1)
    board.stop()
    assert board._emg._dma.running == 0
    assert rp2040.registers[0x4004C000] & 1 << 3 == 0
    assert (Pin.made[14].state, Pin.made[25].state) == (1, 0)
    assert board.waiting(0) == board.waiting(1) == 0


def test_blocks_come_out_as_they_went_in_round_the_ring_and_beyond(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    board.start(1)
    blocks = [bytes([(7 * at + number) & 0xFF for at in range(24)]) for number in range(700)]
    for number in range(0, 700, 50):
        sample(board._emg, b"".join(blocks[number : number + 50]) + b"")
        assert board.waiting(0) == 50
        assert [board.take(0) for _ in range(50)] == blocks[number : number + 50]
    assert board.waiting(0) == 0


def test_part_of_a_block_waits_for_its_rest(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    board.start(1)
    sample(board._emg, bytes(47))
    assert board.waiting(0) == 1


def test_a_loop_that_is_later_than_the_ring_is_long_tells_what_it_lost(rp2040: Any) -> None:
    board, ticks = board_and_ticks(rp2040)
    trusted_bytes = rp2040.RING_MS * 12  # 3 channels of 16 bits at 2 kHz
    assert trusted_bytes == pytest.approx(8192 * 2 / 3, rel=0.01)
    board.start(1)
    sample(board._emg, bytes(480))
    ticks.value = rp2040.RING_MS
    board.poll()
    assert (board.waiting(0), board.lost(0)) == (20, 0)
    ticks.value += rp2040.RING_MS + 1
    board.poll()
    assert (board.waiting(0), board.lost(0)) == (0, (rp2040.RING_MS + 1) * 2)


def cell_says(board: Any, count: int) -> None:
    """The converter is ready with this result."""
    bits = [0, *[count >> place & 1 for place in range(23, -1, -1)], 1]
    board._cell._data = lambda: bits.pop(0) if len(bits) > 1 else bits[0]


def settle(board: Any) -> None:
    for _ in range(5):
        cell_says(board, 0)
        board.poll()


def test_a_result_is_a_block_and_its_end_of_scale_a_flag(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    board.start(2)
    settle(board)
    assert board.waiting(1) == 0
    cell_says(board, 0x123456)
    board.poll()
    assert (board.waiting(1), board.flags()) == (1, 0)
    assert board.take(1) == b"\x56\x34\x12"
    cell_says(board, 0x7FFFFF)
    board.poll()
    assert board.flags() == hub.FORCE_SATURATED


def test_results_that_nobody_takes_are_lost_from_the_oldest_on(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    board.start(2)
    settle(board)
    for count in range(20):
        cell_says(board, count)
        board.poll()
    assert (board.waiting(1), board.lost(1), board.take(1)) == (16, 4, b"\x04\x00\x00")


@pytest.mark.parametrize("level", [1, 0])
def test_a_cell_that_is_not_there_is_not_ready(rp2040: Any, level: int) -> None:
    """Neither a wire that nobody pulls down nor one to ground is a converter."""
    board, ticks = board_and_ticks(rp2040)
    board.start(2)
    board._cell._data = lambda: level
    for ticks.value in range(0, 87, 2):
        board.poll()
    assert board.flags() == 0
    ticks.value = 90
    board.poll()
    assert board.flags() == hub.FORCE_NOT_READY


def test_electrodes_are_told_by_their_pins(rp2040: Any) -> None:
    board, _ = board_and_ticks(rp2040)
    Pin.made[11].state = 1
    assert board.electrodes_off() == 2
