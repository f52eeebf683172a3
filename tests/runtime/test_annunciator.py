"""The gateway's own alarm signals in virtual time: when lamp, buzzer and line come, and when they stop."""

import io
from typing import NamedTuple

import pytest

from gateway.config import AnnunciatorConfig
from gateway.model import Priority
from gateway.runtime import annunciator
from gateway.runtime.alarm_patterns import SILENT, Signal, pattern
from gateway.runtime.annunciator import Announcement, Annunciator, TerminalOutput, open_output
from gateway.safety.texts import Language

STEP_MS = 50
HIGH, MEDIUM, LOW = Priority.HIGH, Priority.MEDIUM, Priority.LOW


class Said(NamedTuple):
    at: int
    line: str
    ring: bool


class Bedside:
    """Somebody who writes down what the output was asked for, and when."""

    def __init__(self) -> None:
        self.now = 1_000
        self.said: list[Said] = []
        self.shown: list[tuple[int, Signal]] = []
        self.closed = False
        self.broken = ""

    def say(self, line: str, *, ring: bool) -> None:
        self.said.append(Said(self.now - 1_000, line, ring))

    def show(self, signal: Signal) -> None:
        if self.broken:
            raise OSError(self.broken)
        self.shown.append((self.now - 1_000, signal))

    def close(self) -> None:
        self.closed = True


class Ward:
    """An annunciator and the turns of its clock."""

    def __init__(self, language: Language = Language.ENGLISH) -> None:
        self.bedside = Bedside()
        self.annunciator = Annunciator(self.bedside, language)

    def run(
        self,
        duration_ms: int,
        priority: Priority | None,
        text: str = "The cuff.",
        *,
        audible: bool = True,
        escalated: bool = False,
    ) -> None:
        said = None if priority is None else Announcement(priority, text, audible, escalated)
        for _ in range(duration_ms // STEP_MS):
            self.annunciator.step(said, self.bedside.now)
            self.bedside.now += STEP_MS

    def times(self) -> list[int]:
        return [said.at for said in self.bedside.said]

    def lines(self) -> list[str]:
        return [said.line for said in self.bedside.said]


@pytest.fixture
def ward() -> Ward:
    return Ward()


# lines


@pytest.mark.parametrize(("priority", "interval_ms"), [(HIGH, 6_000), (MEDIUM, 15_000), (LOW, 30_000)])
def test_an_alarm_is_said_at_once_and_again_with_each_burst(
    ward: Ward, priority: Priority, interval_ms: int
) -> None:
    ward.run(65_000, priority)
    assert ward.times() == list(range(0, 65_000, interval_ms))
    assert set(ward.lines()) == {f"{priority.value.upper()} ALARM: The cuff."}
    assert all(said.ring for said in ward.bedside.said)


def test_silence_says_and_shows_nothing(ward: Ward) -> None:
    ward.run(60_000, None)
    assert ward.bedside.said == []
    assert ward.bedside.shown == []


def test_another_alarm_or_priority_is_said_at_once_and_starts_its_own_interval(ward: Ward) -> None:
    ward.run(1_000, LOW, "one")
    ward.run(1_000, HIGH, "one")
    ward.run(7_000, HIGH, "two")
    assert [(said.at, said.line) for said in ward.bedside.said] == [
        (0, "LOW ALARM: one"),
        (1_000, "HIGH ALARM: one"),
        (2_000, "HIGH ALARM: two"),
        (8_000, "HIGH ALARM: two"),
    ]


def test_an_alarm_that_returns_after_silence_is_said_at_once(ward: Ward) -> None:
    ward.run(1_000, LOW)
    ward.run(1_000, None)
    ward.run(1_000, LOW)
    assert ward.times() == [0, 2_000]


def test_an_alarm_that_nobody_answered_says_so(ward: Ward) -> None:
    ward.run(1_000, MEDIUM)
    ward.run(1_000, HIGH, escalated=True)
    assert ward.lines() == ["MEDIUM ALARM: The cuff.", "HIGH ALARM (nobody has answered): The cuff."]


def test_the_words_are_those_of_the_site() -> None:
    ward = Ward(Language.FRENCH)
    for priority in (LOW, MEDIUM, HIGH):
        ward.run(50, priority, "Le brassard.", escalated=True, audible=False)
    notes = "(personne n'a répondu, son en pause)"
    assert ward.lines() == [f"ALARME {word} {notes}: Le brassard." for word in ("BASSE", "MOYENNE", "HAUTE")]


# lamp and buzzer


@pytest.mark.parametrize("priority", Priority)
def test_lamp_and_buzzer_follow_the_pattern_from_the_first_turn(ward: Ward, priority: Priority) -> None:
    ward.run(20_000, priority)
    expected, last = [], SILENT
    for at in range(0, 20_000, STEP_MS):
        signal = pattern(priority, 0, at)
        if signal != last:
            expected.append((at, signal))
        last = signal
    assert ward.bedside.shown == expected


def test_a_pause_stops_the_buzzer_and_the_bell_and_leaves_lamp_and_line(ward: Ward) -> None:
    ward.run(10_000, HIGH, audible=False)
    assert {signal.buzzer for _, signal in ward.bedside.shown} == {False}
    assert {signal.red for _, signal in ward.bedside.shown} == {True, False}
    assert ward.bedside.said == [Said(at, "HIGH ALARM (sound paused): The cuff.", False) for at in (0, 6_000)]


def test_when_the_pause_is_over_a_burst_begins_at_once(ward: Ward) -> None:
    ward.run(3_400, MEDIUM)
    ward.run(2_050, MEDIUM, audible=False)
    ward.bedside.shown.clear()
    ward.run(600, MEDIUM)
    assert ward.bedside.shown[0] == (5_450, Signal(yellow=True, buzzer=True))
    assert ward.bedside.said[-1] == Said(5_450, "MEDIUM ALARM: The cuff.", True)


def test_another_text_of_the_same_priority_does_not_cut_the_burst(ward: Ward) -> None:
    other = Ward()
    for index in range(200):
        ward.run(STEP_MS, HIGH, f"alarm {index}")
    other.run(200 * STEP_MS, HIGH)
    assert ward.bedside.shown == other.bedside.shown


def test_what_was_acknowledged_goes_dark_and_silent_in_the_same_turn(ward: Ward) -> None:
    ward.run(100, HIGH)
    ward.run(100, None)
    assert ward.bedside.shown == [(0, Signal(red=True, buzzer=True)), (100, SILENT)]


def test_closing_leaves_nothing_on(ward: Ward) -> None:
    ward.run(100, HIGH)
    ward.annunciator.close()
    assert ward.bedside.shown[-1][1] == SILENT
    assert ward.bedside.closed


# what fails


def test_an_output_that_fails_is_told_and_the_terminal_takes_over(
    ward: Ward, capsys: pytest.CaptureFixture[str]
) -> None:
    ward.run(100, HIGH)
    ward.bedside.broken = "No such device"
    ward.run(7_000, HIGH)
    assert ward.annunciator.failure == "No such device"
    written = capsys.readouterr().err.splitlines()
    assert written == [
        "rvos core: lamp and buzzer cannot be driven: No such device",
        "HIGH ALARM: The cuff.",
    ]
    ward.annunciator.close()
    assert not ward.bedside.closed


def test_an_output_that_works_has_not_failed(ward: Ward) -> None:
    ward.run(1_000, HIGH)
    assert ward.annunciator.failure == ""


# the terminal


class Screen(io.StringIO):
    """A stderr that is a terminal, or a log."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "ring", "written"),
    [(True, True, "\alost\n"), (True, False, "lost\n"), (False, True, "lost\n"), (False, False, "lost\n")],
)
def test_the_bell_rings_on_a_terminal_only(
    is_terminal: bool, ring: bool, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setattr(annunciator.sys, "stderr", screen)
    output = open_output(AnnunciatorConfig())
    assert isinstance(output, TerminalOutput)
    output.say("lost", ring=ring)
    output.show(Signal(red=True, buzzer=True))
    output.close()
    assert screen.getvalue() == written


def test_a_log_that_nobody_takes_any_more_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Screen):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(annunciator.sys, "stderr", Gone(is_terminal=False))
    TerminalOutput().say("lost", ring=True)
