"""The shim: ticks that wrap, a clock that does not, a wire that makes nobody wait."""

import os
import tty
from collections.abc import Iterator

import pytest

from firmware_bridge import aio


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    source, sink = os.pipe()
    os.set_blocking(source, False)
    os.set_blocking(sink, False)
    yield source, sink
    os.close(source)
    os.close(sink)


class Ticks:
    def __init__(self, value: int) -> None:
        self.value = value

    def __call__(self) -> int:
        return self.value % aio.TICKS_PERIOD


def test_ticks_wrap_where_a_microcontrollers_do() -> None:
    assert 0 <= aio.ticks_ms() < 1 << 30
    assert aio.ticks_diff(5, (1 << 30) - 5) == 10
    assert aio.ticks_diff((1 << 30) - 5, 5) == -10
    assert aio.ticks_add((1 << 30) - 5, 10) == 5
    assert aio.ticks_add(5, -10) == (1 << 30) - 5


def test_a_clock_adds_up_across_many_wraps() -> None:
    ticks = Ticks((1 << 30) - 100)
    clock = aio.Clock(ticks, aio.ticks_diff)
    quarter = aio.TICKS_PERIOD // 4
    for turn in range(1, 20):
        ticks.value += quarter
        assert clock.now_ms() == turn * quarter


def test_a_clock_stands_still_when_its_counter_steps_back() -> None:
    ticks = Ticks(1000)
    clock = aio.Clock(ticks, aio.ticks_diff)
    ticks.value = 1050
    assert clock.now_ms() == 50
    ticks.value = 1020
    assert clock.now_ms() == 50
    ticks.value = 1060
    assert clock.now_ms() == 60


def test_the_real_clock_goes_forward() -> None:
    clock = aio.Clock()
    assert 0 <= clock.now_ms() <= clock.now_ms() < 1000


def test_reading_an_idle_wire_returns_nothing(pipe: tuple[int, int]) -> None:
    assert aio.ByteStream(*pipe).read() == b""


def test_reads_what_is_there_up_to_the_limit(pipe: tuple[int, int]) -> None:
    wire = aio.ByteStream(*pipe)
    assert wire.write(b"0123456789")
    assert wire.read(4) == b"0123"
    assert wire.read() == b"456789"


def test_a_far_side_that_closed_reads_as_nothing() -> None:
    source, sink = os.pipe()
    wire = aio.ByteStream(source, sink)
    os.close(sink)
    assert wire.read() == b""
    os.close(source)


def test_a_closed_pseudo_terminal_reads_as_nothing_and_works_again() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.set_blocking(master, False)
    wire = aio.ByteStream(master, master)
    os.close(slave)
    assert wire.read() == b""
    slave = os.open(name, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(slave)
    os.write(slave, b"hello")
    assert wire.read() == b"hello"
    os.close(slave)
    os.close(master)


def test_what_did_not_fit_goes_first_and_whole_writes_are_dropped(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    wire = aio.ByteStream(source, sink)
    filled = 0
    while wire.dropped == 0:
        filled += 1 if wire.write(bytes((filled % 256,)) * 100) else 0
    assert not wire.write(b"x" * 100)
    assert wire.dropped == 2
    received = b""
    while chunk := wire.read(65536):
        received += chunk
        wire.write(b"")
    assert received == b"".join(bytes((number % 256,)) * 100 for number in range(filled))
    assert wire.write(b"again")
    assert wire.read() == b"again"


def test_tasks_run_under_one_name_on_both_interpreters() -> None:
    async def answer() -> int:
        await aio.sleep_ms(0)
        return 42

    async def waits() -> bool:
        try:
            await aio.wait_for_ms(aio.Event().wait(), 1)
        except aio.TimeoutError:
            return True
        return False

    async def everything() -> list[object]:
        task = aio.create_task(answer())
        return await aio.gather(task, aio.wait_for_ms(answer(), 1000), waits())

    assert aio.run(everything()) == [42, 42, True]


def test_the_standard_wire_is_standard_input_and_output(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    saved = os.dup(0), os.dup(1)
    try:
        os.dup2(source, 0)
        os.dup2(sink, 1)
        wire = aio.open_standard_wire()
        assert wire.write(b"through")
        assert wire.read() == b"through"
        assert not os.get_blocking(0)
    finally:
        for descriptor, copy in enumerate(saved):
            os.dup2(copy, descriptor)
            os.close(copy)


def test_addresses_and_names_on_cpython() -> None:
    assert aio.unix_address("/run/plant") == "/run/plant"
    assert aio.platform_name().startswith(b"cpython-")
    assert aio.chip_serial() == b""
