"""What core does with what each device says.

Theory of operation
-------------------
One taker listens to one link (``drivers.link.Taker``).  All of them write down who the device is, once for
each port that was opened, what its driver says in words, and that it was lost.  ``equipment`` says which
taker belongs to which device.

Units: ms; mN.
"""

from collections.abc import Callable
from typing import Protocol

from drivers.host import Block, Host, Stream
from drivers.hub import HubHost
from drivers.hub_events import Condition as HubCondition
from drivers.hub_events import Restarted, Started, Stopped
from drivers.p24 import P24Host
from drivers.rehastim2 import Rehastim2Host
from drivers.sensor_events import Railed, Trouble
from drivers.stimulation import Report
from gateway.config import HubConfig, StimulatorConfig
from gateway.record.events import DeviceLost, DeviceNoticed
from gateway.runtime.core import Core
from gateway.runtime.devices import identified
from gateway.runtime.evoked import NEEDED, emg_in, misfit
from gateway.runtime.waveforms import Source, Waveforms
from gateway.runtime.wired_stimulator import StimulatorHost, WiredStimulator

_MN = 1_000


class SampledHost(Host, Protocol):
    """A host with streams."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What its blocks mean; empty before that is known."""


class Diary:
    """What every taker writes down."""

    def __init__(self, name: str, core: Core, description: str) -> None:
        self.name, self._core, self._description = name, core, description
        self._host: Host | None = None
        self._met = False

    def _opened(self, host: Host) -> None:
        self._host, self._met = host, False

    def _meet(self, now_ms: int) -> bool:
        """Write down who it is, once; whether that is known."""
        host = self._host
        if host is None:
            return False
        if not self._met and host.identity is not None:
            self._met = True
            self._core.note(identified(self.name, host.identity, self._description), now_ms)
        return self._met

    def notice(self, text: str, now_ms: int) -> None:
        """Write down what its driver says."""
        self._core.note(DeviceNoticed(device=self.name, text=text), now_ms)


class OximeterTaker:
    """StO2 and haemoglobin; core writes its rows itself."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._host: Host | None = None

    def connected(self, host: Host, now_ms: int) -> None:
        """The port is open."""
        self._host = host
        self._core.oximeter_connected(now_ms)

    def heard(self, events: list[object], now_ms: int) -> None:
        """Readings and notices."""
        if self._host is not None:
            self._core.oximeter_heard(self._host, events, now_ms)

    def lost(self, why: str, now_ms: int) -> None:
        """Gone; its values age by themselves."""
        self._core.oximeter_lost(why, now_ms)


class StimulatorTaker(Diary):
    """A stimulator, known to the gate only once it has said who it is and nothing speaks against it.

    ``send`` and ``refusal`` are its link's; whoever has the links writes refusals down.
    """

    def __init__(self, core: Core, config: StimulatorConfig) -> None:
        super().__init__("stimulator", core, config.description)
        self._config = config
        self._joined = False
        self._told = ""
        self._refused = ""
        self._stimulator: StimulatorHost | None = None
        self.send: Callable[[], None] = lambda: None
        self.refusal: Callable[[], str] = lambda: ""

    def make_host(self) -> StimulatorHost:
        """Our end of the one that is configured."""
        return P24Host() if self._config.driver == "p24" else Rehastim2Host()

    def connected(self, host: StimulatorHost, now_ms: int) -> None:
        """The port is open; the gate does not know of it yet."""
        self._opened(host)
        self._stimulator, self._joined, self._told, self._refused = host, False, "", ""

    def heard(self, events: list[object], now_ms: int) -> None:
        """Reports, and who it is."""
        self._join(now_ms)
        self._say(self._refused, now_ms)
        for event in events:
            if isinstance(event, Report):
                self._take(event, now_ms)

    def lost(self, why: str, now_ms: int) -> None:
        """Gone: a trip, to a session that has used it."""
        self._host, self._stimulator, self._joined = None, None, False
        self._core.stimulator_lost(why, now_ms)

    def _join(self, now_ms: int) -> None:
        host = self._stimulator
        if self._joined or host is None or not self._meet(now_ms) or self.refusal():
            return
        self._joined = True
        outputs = 1 << (self._config.output - 1)
        self._core.stimulator.connected(WiredStimulator(host, outputs, self.send, self._refuse))

    def _refuse(self, text: str) -> None:
        """Pulses that the device cannot give: said with the next thing that it says."""
        self._refused = text

    def _take(self, report: Report, now_ms: int) -> None:
        if self._joined:
            self._core.stimulator.report(report, now_ms)
        self._say(report.result, now_ms)

    def _say(self, text: str, now_ms: int) -> None:
        if text and text != self._told:
            self._told = text
            self.notice(text, now_ms)


class Sampled(Diary):
    """A device with streams, recorded as they come."""

    def __init__(self, name: str, core: Core, waveforms: Waveforms, description: str) -> None:
        super().__init__(name, core, description)
        self._waveforms = waveforms
        self._sampled: SampledHost | None = None

    def connected(self, host: SampledHost, now_ms: int) -> None:
        """The port is open."""
        self._opened(host)
        self._sampled = host

    def heard(self, events: list[object], now_ms: int) -> None:
        """Blocks to the file, words to the journal."""
        self._meet(now_ms)
        for event in events:
            if isinstance(event, Block):
                self._waveforms.block(event)
            else:
                self._hear_word(event, now_ms)

    def lost(self, why: str, now_ms: int) -> None:
        """Gone; it returns by itself."""
        self._host = self._sampled = None
        self._core.note(DeviceLost(device=self.name, reason=why), now_ms)

    def sources(self) -> list[Source]:
        """What it measures now."""
        host = self._sampled
        if host is None or host.identity is None:
            return []
        return [Source(host.identity.model, host.identity.serial, stream) for stream in host.streams]

    def _hear_word(self, event: object, now_ms: int) -> None:
        """What else its driver says."""


class SensorTaker(Sampled):
    """An amplifier or a pulse oximeter."""

    def _hear_word(self, event: object, now_ms: int) -> None:
        if isinstance(event, Trouble):
            self.notice(event.text, now_ms)
        elif isinstance(event, Railed) and event.channels:
            numbers = ", ".join(map(str, event.channels))
            self.notice(f"at the end of their range (electrode off?): channels {numbers}", now_ms)


class HubTaker(Sampled):
    """The force and EMG hub: its force, or the EMG of the stimulated muscle, is what a loop answers."""

    def __init__(self, core: Core, waveforms: Waveforms, config: HubConfig) -> None:
        super().__init__("hub", core, waveforms, config.description)
        self._scale = self._offset = 0.0
        self._bytes = 0
        self._evoked_channel, self._artifact_uv = config.evoked_channel, config.artifact_uv
        self._electrode_off = False

    def make_host(self) -> HubHost:
        """Our end of it."""
        return HubHost()

    def connected(self, host: SampledHost, now_ms: int) -> None:
        """The port is open; how its force and its EMG are told is not known yet."""
        super().connected(host, now_ms)
        self._bytes = 0
        self._electrode_off = False
        self._core.senses.emg_told(None)

    def heard(self, events: list[object], now_ms: int) -> None:
        """The newest force first, and all EMG: a decision waits for them; then what is recorded."""
        for event in reversed(events):
            if isinstance(event, Block) and event.stream == "force":
                self._feel(event, now_ms)
                break
        if self._evoked_channel is not None:
            self._feel_emg(self._evoked_channel, events, now_ms)
        super().heard(events, now_ms)

    def _feel_emg(self, channel: int, events: list[object], now_ms: int) -> None:
        for event in events:
            if isinstance(event, HubCondition):  # before the samples that it is about
                self._touch(channel in event.electrodes_off)
        for event in events:
            if isinstance(event, Started):
                self._learn_emg(channel, now_ms)
            elif isinstance(event, Block) and event.stream == "emg" and not self._electrode_off:
                self._core.senses.emg_read(event, now_ms)

    def _touch(self, off: bool) -> None:
        if off != self._electrode_off:
            self._electrode_off = off
            self._core.senses.emg_interrupted()

    def _learn_emg(self, channel: int, now_ms: int) -> None:
        """How the hub tells the EMG over the stimulated muscle."""
        streams = self._sampled.streams if self._sampled else ()
        found = [emg_in(stream, channel - 1) for stream in streams if stream.name == "emg"]
        emg = found[0] if found else None
        self._core.senses.emg_told(emg)
        if emg is None:
            self.notice(
                f"no evoked responses and no pulses from channel {channel} of its EMG: {NEEDED}", now_ms
            )
        elif self._artifact_uv is not None and (why := misfit(emg, self._artifact_uv)):
            self.notice(f"pulses are not counted outside a loop: {why}", now_ms)

    def _feel(self, block: Block, now_ms: int) -> None:
        if self._bytes or self._learn():
            raw = int.from_bytes(block.data[-self._bytes :], "little", signed=True)
            self._core.senses.force_read(round((raw * self._scale + self._offset) * _MN), now_ms)

    def _learn(self) -> bool:
        """How the hub tells force; only in newtons is it a force that a loop may use."""
        for stream in self._sampled.streams if self._sampled else ():
            if stream.name == "force" and stream.channels[0].unit == "N":
                channel = stream.channels[0]
                self._scale, self._offset = channel.scale, channel.offset
                self._bytes = int(stream.sample.removeprefix("int")) // 8
        return bool(self._bytes)

    def _hear_word(self, event: object, now_ms: int) -> None:
        if isinstance(event, HubCondition) and (event.words or event.electrodes_off):
            off = "".join(f", electrode {number} off" for number in event.electrodes_off)
            self.notice(", ".join(event.words) + off, now_ms)
        elif isinstance(event, Started):
            self._bytes = 0
        elif isinstance(event, Restarted):
            self.notice("the hub was reset", now_ms)
        elif isinstance(event, Stopped) and event.silent:
            self.notice("the hub fell silent", now_ms)
