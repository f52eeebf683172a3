"""Lamps and buzzer on GPIO lines: which line is what, and what is said when they cannot be had.

No machine of the tests has a GPIO chip, so the lines themselves are noted down by a stand-in; that the
library refuses what is no chip is asked of the real one.
"""

import builtins
import errno
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.exits import EXIT_CODES
from gateway.config import AnnunciatorConfig
from gateway.model import Priority
from gateway.runtime import gpio_output
from gateway.runtime.alarm_patterns import Signal
from gateway.runtime.annunciator import Announcement, Annunciator, open_output
from gateway.runtime.gpio_output import AnnunciatorUnavailable, GpioOutput

LINES = AnnunciatorConfig(output="gpio", red_line=17, yellow_line=27, buzzer_line=22)


class Noted:
    """Three lines that note what was written to them."""

    def __init__(self) -> None:
        self.written: list[tuple[bool, bool, bool]] = []
        self.released = False

    def write(self, levels: tuple[bool, bool, bool]) -> None:
        assert not self.released
        self.written.append(levels)

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize(
    ("signal", "levels"),
    [
        (Signal(), (False, False, False)),
        (Signal(red=True), (True, False, False)),
        (Signal(yellow=True), (False, True, False)),
        (Signal(buzzer=True), (False, False, True)),
        (Signal(red=True, buzzer=True), (True, False, True)),
    ],
)
def test_each_part_of_the_signal_has_its_line(signal: Signal, levels: tuple[bool, bool, bool]) -> None:
    lines = Noted()
    GpioOutput(lines).show(signal)
    assert lines.written == [levels]


def test_the_log_tells_as_well_and_rings_no_bell(capsys: pytest.CaptureFixture[str]) -> None:
    GpioOutput(Noted()).say("HIGH ALARM: lost", ring=True)
    assert capsys.readouterr().err == "HIGH ALARM: lost\n"


def test_when_core_ends_the_lines_are_off_and_given_back() -> None:
    lines = Noted()
    annunciator = Annunciator(GpioOutput(lines))
    annunciator.step(Announcement(Priority.HIGH, "lost"), 0)
    annunciator.close()
    assert lines.written == [(True, False, True), (False, False, False)]
    assert lines.released


# the library


class Request:
    """What ``gpiod`` gives for requested lines."""

    def __init__(self) -> None:
        self.values: list[dict[int, bool]] = []
        self.released = False

    def set_values(self, values: dict[int, Any]) -> None:
        self.values.append({offset: bool(value) for offset, value in values.items()})

    def release(self) -> None:
        self.released = True


def test_the_configured_lines_are_requested_once_off_and_driven_by_their_offsets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpiod = pytest.importorskip("gpiod")
    asked: list[tuple[Any, ...]] = []
    request = Request()

    def request_lines(*arguments: Any) -> Request:
        asked.append(arguments)
        return request

    monkeypatch.setattr(gpiod, "request_lines", request_lines)
    output = open_output(LINES)
    ((chip, lines, consumer),) = asked
    assert (chip, consumer) == ("/dev/gpiochip0", "rvos-core")
    ((offsets, settings),) = lines.items()
    assert offsets == (17, 27, 22)
    assert settings.direction is gpiod.line.Direction.OUTPUT
    assert settings.output_value is gpiod.line.Value.INACTIVE
    output.show(Signal(yellow=True, buzzer=True))
    assert request.values == [{17: False, 27: True, 22: True}]
    output.close()
    assert request.released


def refused(config: AnnunciatorConfig) -> str:
    with pytest.raises(AnnunciatorUnavailable) as caught:
        open_output(config)
    return str(caught.value)


def with_chip(chip: str) -> AnnunciatorConfig:
    return AnnunciatorConfig(output="gpio", chip=chip, red_line=17, yellow_line=27, buzzer_line=22)


def test_a_chip_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("gpiod")
    said = refused(with_chip(str(tmp_path / "gpiochip9")))
    assert f"lines 17, 27, 22 of {tmp_path}/gpiochip9 cannot be had" in said
    assert "`gpiodetect` lists the chips" in said


@pytest.mark.parametrize("chip", ["/dev/null", "/dev", __file__, "/dev/x\0y"])
def test_what_is_no_chip_is_refused_in_one_sentence(chip: str) -> None:
    pytest.importorskip("gpiod")
    assert "check annunciator.chip" in refused(with_chip(chip))


@pytest.mark.parametrize(
    ("number", "cure"),
    [(errno.EACCES, "usually gpio"), (errno.EPERM, "DeviceAllow"), (errno.EBUSY, "somebody else")],
)
def test_each_refusal_of_the_kernel_says_what_to_do(
    number: int, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpiod = pytest.importorskip("gpiod")

    def request_lines(*arguments: Any) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(gpiod, "request_lines", request_lines)
    assert cure in refused(LINES)


def test_without_the_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    assert "pip install gpiod" in refused(LINES)


def test_the_library_is_loaded_only_where_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without_gpiod(name: str, *rest: Any) -> Any:
        assert not name.startswith("gpiod")
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_gpiod)
    open_output(AnnunciatorConfig())


@pytest.mark.parametrize("missing", ["red_line", "yellow_line", "buzzer_line"])
def test_half_an_annunciator_is_refused(missing: str) -> None:
    lines = {"red_line": 1, "yellow_line": 2, "buzzer_line": 3}
    lines.pop(missing)
    assert "must all stand" in refused(AnnunciatorConfig(output="gpio", **lines))


def test_the_command_line_knows_the_error() -> None:
    name = f"{gpio_output.__name__}.{AnnunciatorUnavailable.__qualname__}"
    assert EXIT_CODES[name] == 69
