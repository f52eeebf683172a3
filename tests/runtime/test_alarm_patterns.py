"""Bursts and flashes against the ranges of IEC 60601-1-8 (standard from memory), edge by edge."""

from itertools import pairwise
from typing import NamedTuple

import pytest

from gateway.model import Priority
from gateway.runtime.alarm_patterns import BURSTS, FLASHES, SILENT, Signal, pattern
from gateway.runtime.core import STEP_MS

SINCE = 12_345
HIGH, MEDIUM, LOW = Priority.HIGH, Priority.MEDIUM, Priority.LOW


class Range(NamedTuple):
    lowest: float
    highest: float

    def holds(self, value: float) -> bool:
        return self.lowest <= value <= self.highest


PULSES = {HIGH: Range(10, 10), MEDIUM: Range(3, 3), LOW: Range(1, 2)}
PULSE_MS = {HIGH: Range(75, 200), MEDIUM: Range(125, 250), LOW: Range(125, 250)}
SILENCE_MS = {HIGH: Range(2_500, 15_000), MEDIUM: Range(2_500, 30_000), LOW: Range(15_001, 10**9)}
FLASH_HZ = {HIGH: Range(1.4, 2.8), MEDIUM: Range(0.4, 0.8)}
DUTY = Range(0.2, 0.6)


class On(NamedTuple):
    """A stretch of being on: its first and the first millisecond after it."""

    start: int
    end: int


def stretches(priority: Priority, part: str, length_ms: int) -> list[On]:
    """When a part of the signal is on, millisecond by millisecond, as somebody there would note it."""
    found: list[On] = []
    for ms in range(length_ms):
        if getattr(pattern(priority, SINCE, SINCE + ms), part):
            if found and found[-1].end == ms:
                found[-1] = On(found[-1].start, ms + 1)
            else:
                found.append(On(ms, ms + 1))
    return found


def bursts(priority: Priority) -> list[list[On]]:
    """The pulses of the first two bursts."""
    pulses = stretches(priority, "buzzer", 2 * BURSTS[priority].period_ms)
    half = len(pulses) // 2
    return [pulses[:half], pulses[half:]]


@pytest.mark.parametrize("priority", Priority)
def test_a_burst_has_its_pulses_of_their_length(priority: Priority) -> None:
    for burst in bursts(priority):
        assert PULSES[priority].holds(len(burst))
        assert all(PULSE_MS[priority].holds(pulse.end - pulse.start) for pulse in burst)


@pytest.mark.parametrize("priority", Priority)
def test_between_two_bursts_there_is_silence_of_its_length(priority: Priority) -> None:
    first, second = bursts(priority)
    assert SILENCE_MS[priority].holds(second[0].start - first[-1].end)
    assert second[0].start == BURSTS[priority].period_ms


@pytest.mark.parametrize("priority", Priority)
def test_every_burst_is_like_the_first(priority: Priority) -> None:
    first, second = bursts(priority)
    period = BURSTS[priority].period_ms
    assert [On(pulse.start + period, pulse.end + period) for pulse in first] == second


def test_the_ten_pulses_come_as_three_two_and_three_two() -> None:
    gaps = [after.start - before.end for before, after in pairwise(bursts(HIGH)[0])]
    assert gaps == [100, 100, 350, 100, 500, 100, 100, 350, 100]


@pytest.mark.parametrize("priority", Priority)
def test_sound_and_light_begin_at_once(priority: Priority) -> None:
    begun = pattern(priority, SINCE, SINCE)
    assert begun.buzzer
    assert begun.red or begun.yellow
    assert pattern(priority, SINCE, SINCE - 1) == begun  # a clock that ran backwards makes no silence


@pytest.mark.parametrize("priority", [HIGH, MEDIUM])
def test_a_lamp_flashes_in_its_range(priority: Priority) -> None:
    colour = "red" if priority is HIGH else "yellow"
    flashes = stretches(priority, colour, 20_000)
    period_ms = flashes[1].start - flashes[0].start
    assert {after.start - before.start for before, after in pairwise(flashes)} == {period_ms}
    assert FLASH_HZ[priority].holds(1000 / period_ms)
    assert DUTY.holds((flashes[0].end - flashes[0].start) / period_ms)


def test_the_lamp_of_a_low_priority_is_steady() -> None:
    assert stretches(LOW, "yellow", 5_000) == [On(0, 5_000)]


def test_red_is_for_high_and_for_nothing_else() -> None:
    assert stretches(HIGH, "yellow", 5_000) == []
    assert stretches(MEDIUM, "red", 5_000) == stretches(LOW, "red", 5_000) == []


@pytest.mark.parametrize("now", [SINCE - 1, SINCE, SINCE + 10**9])
def test_nothing_is_silent_and_dark(now: int) -> None:
    assert pattern(None, SINCE, now) == SILENT == Signal(red=False, yellow=False, buzzer=False)


def test_the_edges_of_a_pulse_and_of_a_flash() -> None:
    expected = {0: True, 149: True, 150: False, 249: False, 250: True, 3_299: True, 3_300: False, 6_000: True}
    assert {ms: pattern(HIGH, SINCE, SINCE + ms).buzzer for ms in expected} == expected
    expected = {0: True, 249: True, 250: False, 499: False, 500: True}
    assert {ms: pattern(HIGH, SINCE, SINCE + ms).red for ms in expected} == expected


@pytest.mark.parametrize("priority", Priority)
def test_every_time_is_a_whole_number_of_turns(priority: Priority) -> None:
    burst, flash = BURSTS[priority], FLASHES[priority]
    times = (burst.pulse_ms, *burst.gaps_ms, burst.silence_ms, flash.lit_ms, flash.period_ms)
    assert [ms % STEP_MS for ms in times] == [0] * len(times)
