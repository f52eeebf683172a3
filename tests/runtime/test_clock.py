"""The machine's clocks: the one place that reads time, against the operating system's own word."""

import gc
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.record.row import ClockQuality, Stamp
from gateway.runtime import clock
from gateway.runtime.clock import SystemClock, clock_quality

CARELESS_MS = 2_000  # between two readings on a busy machine


def test_the_boot_is_the_machine_s() -> None:
    assert SystemClock().boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_now_counts_milliseconds_since_the_machine_started() -> None:
    uptime_ms = float(Path("/proc/uptime").read_text().split()[0]) * 1000
    now = SystemClock().now_ms()
    assert 0 <= now - uptime_ms + 10 < CARELESS_MS


def test_now_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock.now_ms() for _ in range(1_000)]
    assert readings == sorted(readings)


def test_two_processes_of_one_boot_read_the_same_clock() -> None:
    code = "from gateway.runtime.clock import SystemClock; print(SystemClock().now_ms())"
    before = SystemClock().now_ms()
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert before <= int(other.stdout) <= SystemClock().now_ms()


@pytest.mark.parametrize("ago_ms", [0, 5_000, 3_600_000])
def test_a_stamp_carries_wall_time_back_to_its_instant(ago_ms: int) -> None:
    clock = SystemClock()
    now = clock.now_ms()
    stamp = clock.stamp(7, now - ago_ms)
    assert isinstance(stamp, Stamp)
    assert (stamp.boot, stamp.mono_ms) == (7, now - ago_ms)
    wall_ms = time.time_ns() // 1_000_000
    assert 0 <= wall_ms - ago_ms - stamp.wall_ms < CARELESS_MS
    assert stamp.clock is clock_quality()


def test_the_quality_is_one_of_two_words_of_the_kernel() -> None:
    assert clock_quality() in (ClockQuality.SYNCHRONISED, ClockQuality.UNSYNCHRONISED)


class _Kernel:
    """libc with another word about the clock."""

    def __init__(self, state: int) -> None:
        self._state = state

    def adjtimex(self, _: object) -> int:
        return self._state


@pytest.mark.parametrize(
    ("state", "quality"),
    [
        (0, ClockQuality.SYNCHRONISED),
        (1, ClockQuality.SYNCHRONISED),  # a leap second is announced
        (5, ClockQuality.UNSYNCHRONISED),
        (-1, ClockQuality.UNSYNCHRONISED),  # not allowed to ask
    ],
)
def test_what_the_kernel_answers_is_what_the_rows_say(
    monkeypatch: pytest.MonkeyPatch, state: int, quality: ClockQuality
) -> None:
    monkeypatch.setattr(clock, "_libc", lambda: _Kernel(state))
    assert clock_quality() is quality


def test_a_libc_without_the_call_is_unsynchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_libc", object)
    assert clock_quality() is ClockQuality.UNSYNCHRONISED


def test_a_stamp_leaves_nothing_to_the_garbage_collector() -> None:
    clock_quality()
    gc.collect()
    for _ in range(10):
        clock_quality()
    assert gc.collect() == 0
