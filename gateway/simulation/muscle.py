"""A stimulated quadriceps: electrodes, current, force and fatigue.

Theory of operation
-------------------
A stimulator drives a train (``Train``) of symmetric biphasic pulses into a lead.  The lead holds a
relay that the cuff controller closes; open, no current flows, whatever the stimulator says.  Skin and
tissue are a resistance: a peeling electrode keeps less skin in contact, so its resistance and its
current density rise, and an electrode that is off carries nothing.  The current is what was asked for,
or less where the stimulator's voltage ends.

What reaches the tissue recruits a share of the muscle by its charge per phase and fuses by its
frequency.  Force follows with a lag.  What the muscle can give sinks while it works and comes back with
the blood.

``step`` is called every ``body.STEP_MS``; currents and resistance are true at any instant.

Units: uA, us, Hz, uC per phase, ohm, N; r.m.s. values over time, densities per cm2 of electrode in
contact.
"""

from dataclasses import dataclass
from math import exp, sqrt

from gateway.simulation.body import STEP_MS
from gateway.simulation.models import Muscle

OPEN_OHM = 1_000_000
"""What a stimulator measures into an open lead: the end of its scale."""

_STEP_S = STEP_MS / 1000.0
_STILL = 1e-4
_APART_S = 0.5


@dataclass(frozen=True, slots=True)
class Train:
    """The pulses that a stimulator sends now: amplitude, width of one phase, frequency."""

    current_ua: int = 0
    pulse_width_us: int = 0
    frequency_hz: int = 0


SILENT = Train()


class Electrodes:
    """What of a train reaches the tissue."""

    __slots__ = ("_muscle",)

    def __init__(self, muscle: Muscle) -> None:
        self._muscle = muscle

    def ohm(self, closed: bool, peel: float) -> int:
        """The resistance that the stimulator sees; ``peel`` is the share of contact lost."""
        if not closed or peel >= 1.0:
            return OPEN_OHM
        return min(OPEN_OHM, round(self._muscle.tissue_ohm + self._muscle.skin_ohm / (1.0 - peel)))

    def current_ua(self, train: Train, closed: bool, peel: float) -> int:
        """The amplitude in the tissue."""
        if not closed or peel >= 1.0 or not train.pulse_width_us or not train.frequency_hz:
            return 0
        return min(train.current_ua, round(self._muscle.compliance_v * 1e6 / self.ohm(closed, peel)))

    def density_ua_cm2(self, rms_ua: int, peel: float) -> int:
        """R.m.s. current over the area that still has contact."""
        return round(rms_ua / (self._muscle.pad_area_cm2 * (1.0 - peel))) if rms_ua else 0


def rms_ua(train: Train, current_ua: int) -> int:
    """The r.m.s. of a train of biphasic pulses of this amplitude (IEC 60601-2-10 limits it)."""
    return round(current_ua * sqrt(2e-6 * train.pulse_width_us * train.frequency_hz))


def recruited(muscle: Muscle, train: Train, current_ua: int) -> float:
    """What share of the muscle one pulse of this amplitude in the tissue recruits, 0 to 1."""
    above_uc = current_ua * train.pulse_width_us * 1e-6 - muscle.threshold_uc
    if above_uc <= 0.0 or not train.frequency_hz:
        return 0.0
    return 1.0 - exp(-above_uc / muscle.recruitment_uc)


class Quadriceps:
    """Force and fatigue."""

    __slots__ = (
        *("_activation", "_follow", "_muscle", "_silent_s"),
        *("capacity", "contractions"),
    )

    def __init__(self, muscle: Muscle) -> None:
        self._muscle = muscle
        self._activation = 0.0
        self._follow = 1.0 - exp(-_STEP_S / muscle.force_lag_s)
        self._silent_s = _APART_S
        self.capacity = 1.0
        self.contractions = 0

    @property
    def activation(self) -> float:
        """What share of the fresh muscle contracts, 0 to 1."""
        return self._activation

    @property
    def force_n(self) -> float:
        """The evoked force."""
        return self._muscle.force_n * self._activation * self.capacity

    @property
    def bulge_mmhg(self) -> float:
        """What the contracted muscle adds to the pressure of a full cuff around it."""
        return self._muscle.bulge_mmhg * self._activation * self.capacity

    def step(self, train: Train, current_ua: int, share: float) -> None:
        """``STEP_MS`` of this train with this amplitude in the tissue; ``share`` is the arterial inflow."""
        wanted = self._contracting(train, current_ua)
        if wanted <= 0.0 and self._activation <= 0.0 and self.capacity >= 1.0:
            self._silent_s = _APART_S
            return
        self._count(wanted)
        self._activation += (wanted - self._activation) * self._follow
        if wanted <= 0.0 and self._activation < _STILL:
            self._activation = 0.0
        self._tire(share)

    def _contracting(self, train: Train, current_ua: int) -> float:
        share = recruited(self._muscle, train, current_ua)
        if share <= 0.0:
            return 0.0
        return share * train.frequency_hz**2 / (train.frequency_hz**2 + self._muscle.fusion_hz**2)

    def _count(self, wanted: float) -> None:
        """A contraction is one that follows at least half a second without any."""
        if wanted > 0.0:
            if self._silent_s >= _APART_S:
                self.contractions += 1
            self._silent_s = 0.0
        else:
            self._silent_s += _STEP_S

    def _tire(self, share: float) -> None:
        muscle = self._muscle
        loss = self._activation * (1.0 + muscle.fatigue_ischaemia * (1.0 - share)) / muscle.fatigue_s
        gain = (1.0 - self._activation) * share / muscle.recovery_s
        if gain + loss > 0.0:
            aim = (gain + loss * muscle.fatigue_floor) / (gain + loss)
            self.capacity += (aim - self.capacity) * (1.0 - exp(-(gain + loss) * _STEP_S))
        if self._activation <= 0.0 and self.capacity > 1.0 - _STILL:
            self.capacity = 1.0
