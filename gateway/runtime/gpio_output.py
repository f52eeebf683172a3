"""A red lamp, a yellow lamp and a buzzer on GPIO lines, a Raspberry Pi's for instance.

Theory of operation
-------------------
The three lines are requested once, as outputs that are off, and held until the end: the kernel gives them
to nobody else.  A line that is high lights its lamp or sounds its buzzer (a buzzer with its own
oscillator).  The kernel's GPIO character device is reached through ``gpiod``, the bindings of libgpiod,
which is the optional extra ``pi`` of this package and is imported here only.

What is missing (the library, the chip, the right to open it, a line that somebody else holds) ends the
start of core with one sentence that says what to do.  A core without the signal that its configuration
promises does not run.

Lines that go on being written as well: ``TerminalOutput`` without its bell.
Source: libgpiod 2 (Linux GPIO character device, uAPI v2).
"""

import errno
from typing import TYPE_CHECKING, Protocol, Self

from gateway.config import AnnunciatorConfig
from gateway.runtime.alarm_patterns import Signal
from gateway.runtime.annunciator import TerminalOutput

if TYPE_CHECKING:
    from gpiod import LineRequest
    from gpiod.line import Value

CONSUMER = "rvos-core"
INSTALL = "install gpiod, which is the extra 'pi' of this package: pip install gpiod"


class AnnunciatorUnavailable(Exception):
    """The configured lamp and buzzer cannot be had; the message says why, and what to do."""


class Lines(Protocol):
    """The three lines, however they are driven."""

    def write(self, levels: tuple[bool, bool, bool]) -> None:
        """Red lamp, yellow lamp, buzzer. Raises ``OSError``."""

    def release(self) -> None:
        """Give the lines back."""


class GpioOutput:
    """Lamps and buzzer on three lines, and every line of text on the log."""

    def __init__(self, lines: Lines) -> None:
        self._lines, self._log = lines, TerminalOutput()

    @classmethod
    def open(cls, config: AnnunciatorConfig) -> Self:
        """Take the lines that the configuration names, all off. Raises ``AnnunciatorUnavailable``."""
        return cls(_KernelLines.request(config))

    def say(self, line: str, *, ring: bool) -> None:
        """The buzzer rings; the log only tells."""
        self._log.say(line, ring=False)

    def show(self, signal: Signal) -> None:
        """Lamps and buzzer as given. Raises ``OSError``."""
        self._lines.write((signal.red, signal.yellow, signal.buzzer))

    def close(self) -> None:
        """The lines given back; who closes has switched them off."""
        self._lines.release()


class _KernelLines:
    """Lines of a chip, held through ``gpiod``."""

    def __init__(
        self, request: "LineRequest", offsets: tuple[int, int, int], off: "Value", on: "Value"
    ) -> None:
        self._request, self._offsets, self._off, self._on = request, offsets, off, on

    @classmethod
    def request(cls, config: AnnunciatorConfig) -> Self:
        """Raises ``AnnunciatorUnavailable``."""
        offsets = _offsets(config)
        try:
            import gpiod
            from gpiod.line import Direction, Value
        except ImportError as error:
            raise AnnunciatorUnavailable(
                f'annunciator.output = "gpio" needs a library that cannot be loaded ({error}): {INSTALL}'
            ) from error
        settings = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
        try:
            request = gpiod.request_lines(config.chip, {offsets: settings}, CONSUMER)
        except (OSError, ValueError) as error:
            raise AnnunciatorUnavailable(_refused(config.chip, offsets, error)) from error
        return cls(request, offsets, Value.INACTIVE, Value.ACTIVE)

    def write(self, levels: tuple[bool, bool, bool]) -> None:
        """Raises ``OSError``."""
        pairs = zip(self._offsets, levels, strict=True)
        self._request.set_values({offset: self._on if level else self._off for offset, level in pairs})

    def release(self) -> None:
        self._request.release()


def _offsets(config: AnnunciatorConfig) -> tuple[int, int, int]:
    red, yellow, buzzer = config.red_line, config.yellow_line, config.buzzer_line
    if red is None or yellow is None or buzzer is None:
        raise AnnunciatorUnavailable(
            "annunciator: red_line, yellow_line and buzzer_line must all stand in the configuration"
        )
    return red, yellow, buzzer


def _refused(chip: str, offsets: tuple[int, int, int], error: OSError | ValueError) -> str:
    cures = {
        errno.ENOENT: "check annunciator.chip; `gpiodetect` lists the chips of this machine",
        errno.EACCES: "the service must be in the group that owns it, usually gpio (systemd/README.md)",
        errno.EPERM: "the service's unit needs DeviceAllow=char-gpiochip rw (systemd/README.md)",
        errno.EBUSY: "somebody else holds one of the lines; `gpioinfo` says who",
    }
    number = error.errno if isinstance(error, OSError) else None
    cure = cures.get(number or 0, "check annunciator.chip and its lines; `gpioinfo` lists them")
    return f"annunciator: lines {', '.join(map(str, offsets))} of {chip} cannot be had ({error}): {cure}"
