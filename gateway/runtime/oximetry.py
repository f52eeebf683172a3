"""What the oximeter says, from its events to the values that the supervisor looks at.

Theory of operation
-------------------
The configuration names the device, the channel of the probe on the treated limb and, where there is one,
that on the other limb.  Each reading gives StO2 and haemoglobin of the first and StO2 of the second.  A value
ages by itself; a device that falls silent changes nothing here.  What a Nonin's checksum covers stays learnt
when the port is lost.

No oximeter sees a pulse or oscillations, and none says that a limb moves: ``Tissue.flow_seen`` stays
``None`` and ``Observations.moving`` False, which judge nothing.

Units: per mille, hundredths of the device's unit of haemoglobin, ms.
"""

from drivers.host import Host
from drivers.invos_host import InvosHost
from drivers.moxy_host import MoxyHost
from drivers.nonin_host import NoninHost
from drivers.oximetry_events import OximeterNotice
from drivers.oximetry_events import Oximetry as Reading
from gateway.config import OximeterConfig
from gateway.model import Sample
from gateway.record.events import DeviceNoticed, Event
from gateway.runtime.devices import identified, oximeter_identified
from gateway.runtime.recorder import Recorder
from gateway.safety.observations import Tissue

NAME = "oximeter"


class Oximetry:
    """One oximeter, or none where the configuration has none."""

    def __init__(self, config: OximeterConfig | None, recorder: Recorder) -> None:
        self._config, self._recorder = config, recorder
        self._coverage = None if config is None else config.checksum_end
        self._host: Host | None = None if config is None else self.new_host(config)
        self._met = False
        self.tissue = Tissue()

    def new_host(self, config: OximeterConfig) -> Host:
        """Our end of the device that is configured, for a port that was opened."""
        self._met = False
        match config.driver:
            case "invos":
                return InvosHost(config.columns or ())
            case "moxy":
                return MoxyHost(config.address)
            case "nonin":
                return NoninHost(self._coverage, unchecked=config.accept_unchecked)

    def connected(self) -> None:
        """Its port was opened; what the checksum covers stays learnt."""
        if self._config is not None:
            self._host = self.new_host(self._config)

    def feed(self, data: bytes, now: int) -> list[Event]:
        """Bytes from it; what the journal has to know."""
        host = self._host
        return [] if host is None else self.hear(host, host.receive(data, now), now)

    def hear(self, host: Host, events: list[object], now: int) -> list[Event]:
        """What its host said; what the journal has to know."""
        config = self._config
        if config is None:
            return []
        notes: list[Event] = []
        for event in events:
            if isinstance(event, Reading):
                self._take(event, config)
            elif isinstance(event, OximeterNotice):
                notes.append(DeviceNoticed(device=NAME, text=event.text))
        return [*notes, *self._news(host, config)]

    def _news(self, host: Host, config: OximeterConfig) -> list[Event]:
        """Who it is, when that has just become known."""
        learnt = host.coverage if isinstance(host, NoninHost) else None
        if learnt is not None and learnt != self._coverage:
            self._coverage, self._met = learnt, True
            return [oximeter_identified(learnt, config.description)]
        if self._met or host.identity is None:
            return []
        self._met = True
        if learnt is not None:
            return [oximeter_identified(learnt, config.description)]
        return [identified(NAME, host.identity, config.description)]

    def _take(self, reading: Reading, config: OximeterConfig) -> None:
        treated = reading.channels[config.channel - 1] if config.channel <= len(reading.channels) else None
        saturation = Sample(treated.saturation_permille if treated else None, reading.arrived_ms)
        haemoglobin = Sample(treated.haemoglobin_hundredths if treated else None, reading.arrived_ms)
        other = self._other(reading, config)
        self.tissue = Tissue(saturation, haemoglobin, other)
        self._recorder.saturation(saturation, other)

    def _other(self, reading: Reading, config: OximeterConfig) -> Sample | None:
        number = config.other_channel
        if number is None:
            return None
        there = number <= len(reading.channels)
        return Sample(reading.channels[number - 1].saturation_permille if there else None, reading.arrived_ms)
