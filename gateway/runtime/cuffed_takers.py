"""What core does with what devices with a cuff of their own say: the blood pressure module, the algometer.

Theory of operation
-------------------
The takers of two more links (``takers`` has the rules of all).  The module is given to ``FreeLimb`` only once
it has said who it is and nothing speaks against it; each word to it leaves at once, an abort is the next
thing on its wire.

The CPAR+ is a research algometer: it is identified, its statuses are recorded with the session, and why it
stopped is written down.  Nothing here can ask it for pressure, and a pressure that nobody asked for is
stopped by its driver and alarmed for until its port is opened again
(docs/decisions/algometer-never-inflates.md).

Units: ms.
"""

from collections.abc import Callable

from drivers import cpar_texts as texts
from drivers.cpar_events import DeviceReset, Happened, Refused, RequestLost, Status, Strayed
from drivers.host import Identity
from drivers.nibp import KNOWN_FIRMWARE, NibpHost
from gateway.config import BloodPressureConfig
from gateway.record.events import DeviceLost
from gateway.runtime.core import Core
from gateway.runtime.free_limb import DEVICE
from gateway.runtime.takers import Diary, Sampled, SampledHost
from gateway.runtime.waveforms import Waveforms

MODULE_SILENT_MS = 2_000
"""Four of the questions that the module is asked; its own driver lets the air out after as long a silence."""

_STATUS_WAS_DUE = 1
"""The one event that says nothing (``drivers.cpar_texts.EVENTS``)."""


class WiredModule:
    """The blood pressure module on its serial port, as ``FreeLimb`` sees it."""

    def __init__(self, host: NibpHost, send: Callable[[], None]) -> None:
        self._host, self._send = host, send

    @property
    def serial(self) -> str:
        """Its serial number."""
        return self._host.identity.serial if self._host.identity is not None else ""

    @property
    def measuring(self) -> bool:
        """Whether a blood pressure is being taken, or its result read."""
        return self._host.measuring

    def answers(self, now_ms: int) -> bool:
        """Whether something valid has come of late."""
        last_ms = self._host.last_valid_ms
        return last_ms is not None and now_ms - last_ms <= MODULE_SILENT_MS

    def use_refusal(self, now_ms: int) -> str:
        """Why its cuff cannot be used now; empty where it can."""
        return self._host.use_refusal(now_ms)

    def measure(self, now_ms: int) -> str:
        """Take a blood pressure; why not, or an empty text."""
        why = self._host.measure(now_ms)
        self._send()
        return why

    def abort(self) -> None:
        """Let the air out: the next thing on the wire."""
        self._host.abort()
        self._send()


class ModuleTaker(Diary):
    """The blood pressure module. ``send`` and ``refusal`` are its link's."""

    def __init__(self, core: Core, config: BloodPressureConfig) -> None:
        super().__init__(DEVICE, core, config.description)
        self._config = config
        self._module: NibpHost | None = None
        self._joined = False
        self._joined_as: Identity | None = None
        self.send: Callable[[], None] = lambda: None
        self.refusal: Callable[[], str] = lambda: ""

    def make_host(self) -> NibpHost:
        """Our end of it."""
        config = self._config
        known = (*KNOWN_FIRMWARE, *(config.further_firmware or ()))
        return NibpHost(config.confirmed_time_unit_ms, known)

    def connected(self, host: NibpHost, now_ms: int) -> None:
        """The port is open; ``FreeLimb`` does not know of it yet."""
        self._opened(host)
        self._module, self._joined = host, False

    def heard(self, events: list[object], now_ms: int) -> None:
        """Who it is, and what it measured."""
        host = self._module
        if self._joined and host is not None and host.identity != self._joined_as:
            self._leave(now_ms)
        if not self._joined and host is not None and self._meet(now_ms) and not self.refusal():
            self._joined, self._joined_as = True, host.identity
            self._core.free_limb.connected(WiredModule(host, self.send))
        if self._joined:
            for event in events:
                self._core.free_limb.heard(event, now_ms)

    def _leave(self, now_ms: int) -> None:
        """It fell silent for so long that it may be another one: met anew when it says who it is."""
        self._joined = self._met = False
        self._core.free_limb.disconnected(now_ms)

    def lost(self, why: str, now_ms: int) -> None:
        """Gone: it returns by itself, what was being measured does not."""
        self._host = self._module = None
        self._joined = False
        self._core.note(DeviceLost(device=self.name, reason=why), now_ms)
        self._core.free_limb.disconnected(now_ms)


class AlgometerTaker(Sampled):
    """A CPAR+: its statuses to the file, why it stopped to the journal."""

    def __init__(self, core: Core, waveforms: Waveforms, description: str) -> None:
        super().__init__("algometer", core, waveforms, description)
        self._stop_reason = 0

    def connected(self, host: SampledHost, now_ms: int) -> None:
        """The port is open: whatever strayed was stopped when it was closed."""
        super().connected(host, now_ms)
        self._stop_reason = 0
        self._core.algometer_strayed = False

    def _hear_word(self, event: object, now_ms: int) -> None:
        match event:
            case Status(frame=frame):
                self._look(frame.stop_reason, now_ms)
            case Happened(code=code, text=text) if code != _STATUS_WAS_DUE:
                self.notice(text, now_ms)
            case Strayed(text=text):
                self._core.algometer_strayed = True
                self.notice(text, now_ms)
            case Refused(text=text):
                self.notice(f"it refused: {text}", now_ms)
            case RequestLost(code=code):
                self.notice(f"it did not answer function {code:02X} hex", now_ms)
            case DeviceReset():
                self.notice("it restarted", now_ms)
            case _:
                pass

    def _look(self, stop_reason: int, now_ms: int) -> None:
        if stop_reason != self._stop_reason:
            self._stop_reason = stop_reason
            self.notice(f"its last pressure ended: {texts.stop_reason(stop_reason)}", now_ms)
