"""What the oximeter says, from its bytes to the values that the supervisor looks at.

Theory of operation
-------------------
The configuration names the channel of the probe on the treated limb and, where there is one, that on the
other limb.  Each line gives StO2 and haemoglobin index of the first and StO2 of the second.  A value ages by
itself; a device that falls silent changes nothing here.  What the checksum covers stays learnt when the port
is lost.

No oximeter sees a pulse or oscillations, and none says that a limb moves: ``Tissue.flow_seen`` stays
``None`` and ``Observations.moving`` False, which judge nothing.

Units: per mille, tenths of the haemoglobin index, ms.
"""

from drivers import nonin
from gateway.config import OximeterConfig
from gateway.model import Sample
from gateway.record.events import DeviceIdentified
from gateway.runtime.devices import oximeter_identified
from gateway.runtime.recorder import Recorder
from gateway.safety.observations import Tissue


class Oximetry:
    """One oximeter, or none where the configuration has none."""

    def __init__(self, config: OximeterConfig | None, recorder: Recorder) -> None:
        self._config, self._recorder = config, recorder
        self._lines = nonin.LineDecoder()
        self.tissue = Tissue()

    def connected(self) -> None:
        """Its port was opened; what the checksum covers stays learnt."""
        self._lines = nonin.LineDecoder(coverage=self._lines.coverage)

    def feed(self, data: bytes, now: int) -> DeviceIdentified | None:
        """Bytes from it; who it is, when that has just become known."""
        config = self._config
        if config is None:
            return None
        known = self._lines.coverage
        for reading in self._lines.feed(data, now):
            self._take(reading, config, now)
        learnt = self._lines.coverage
        news = learnt is not None and learnt != known
        return oximeter_identified(learnt, config.description) if news and learnt is not None else None

    def _take(self, reading: nonin.Reading, config: OximeterConfig, now: int) -> None:
        treated, other = config.channel - 1, config.other_channel
        saturation = Sample(reading.channels[treated], now)
        self.tissue = Tissue(
            saturation,
            Sample(reading.haemoglobin[treated], now),
            None if other is None else Sample(reading.channels[other - 1], now),
        )
        self._recorder.saturation(saturation)
