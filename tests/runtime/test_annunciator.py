"""The gateway's own alarm line in virtual time: when it comes, how often, and when it falls silent."""

import pytest

from gateway.model import Priority
from gateway.runtime.annunciator import Annunciator

STEP_MS = 50


class Ward:
    """Somebody who writes down when a line came."""

    def __init__(self) -> None:
        self.now = 1_000
        self.heard: list[tuple[int, str]] = []
        self._annunciator = Annunciator(lambda line: self.heard.append((self.now, line)))

    def run(self, duration_ms: int, loudest: Priority | None, text: str = "The cuff.") -> None:
        for _ in range(duration_ms // STEP_MS):
            self._annunciator.step(loudest, text, self.now)
            self.now += STEP_MS

    def times(self) -> list[int]:
        return [at - 1_000 for at, _ in self.heard]


@pytest.mark.parametrize(
    ("priority", "interval_ms"),
    [(Priority.HIGH, 5_000), (Priority.MEDIUM, 15_000), (Priority.LOW, 30_000)],
)
def test_an_alarm_is_said_at_once_and_again_at_its_interval(priority: Priority, interval_ms: int) -> None:
    ward = Ward()
    ward.run(65_000, priority)
    assert ward.times() == list(range(0, 65_000, interval_ms))
    assert {line for _, line in ward.heard} == {f"{priority.value.upper()} ALARM: The cuff."}


def test_silence_says_nothing() -> None:
    ward = Ward()
    ward.run(60_000, None)
    assert ward.heard == []


def test_another_alarm_or_priority_is_said_at_once_and_starts_its_own_interval() -> None:
    ward = Ward()
    ward.run(1_000, Priority.LOW, "one")
    ward.run(1_000, Priority.HIGH, "one")
    ward.run(6_000, Priority.HIGH, "two")
    assert ward.heard == [
        (1_000, "LOW ALARM: one"),
        (2_000, "HIGH ALARM: one"),
        (3_000, "HIGH ALARM: two"),
        (8_000, "HIGH ALARM: two"),
    ]


def test_an_alarm_that_returns_after_silence_is_said_at_once() -> None:
    ward = Ward()
    ward.run(1_000, Priority.LOW)
    ward.run(1_000, None)
    ward.run(1_000, Priority.LOW)
    assert ward.times() == [0, 2_000]
