"""Blood and oxygen in a limb under a cuff.

Theory of operation
-------------------
``Arteries`` are the whole patient's: blood pressure and heart beat.  They say what share of the resting
inflow a pressure around a limb lets through, and what the heart beat adds to the pressure in the cuff:
nothing below the venous pressure and from the limb occlusion pressure on, most at the mean arterial
pressure.

``Tissue`` is what lies under one probe.  Four states:

* saturation: rises with the inflow, falls with what the muscle takes up;
* hyperaemia, 0 to 1: built up while nothing flows, spent by what flows afterwards;
* filling: blood in the veins above what they hold when empty.  Inflow adds to it.  The veins let out what
  exceeds the volume to which the pressure around them can be withstood, so a pressure between venous
  and arterial fills them (congestion), and a whole occlusion keeps what is there;
* work: the muscle's oxygen uptake above rest, handed in.

Each is linear while pressure and work stay, and is solved exactly over a step of ``STEP_MS``.  A limb
at rest without a cuff is left alone.

Units: mmHg, percent, ml per 100 ml of tissue, seconds of the body (``Limb.speed`` times the clock's).
"""

from math import exp, pi, sin

from gateway.simulation.models import Limb

STEP_MS = 50

_STILL = 1e-3
_MEAN_SHARE = 1.0 / 3.0
_DIASTOLIC_SHARE = 0.5


class Arteries:
    """Blood pressure and heart beat of one patient. ``occlusion_mmhg`` is the limb occlusion pressure now."""

    __slots__ = (
        *("_beat", "_diastolic", "_mean", "_oscillation", "_venous"),
        *("change_mmhg", "limb", "occlusion_mmhg"),
    )

    def __init__(self, limb: Limb) -> None:
        self.limb = limb
        self._beat = 2.0 * pi * limb.heart_rate_hz / 1000.0
        self._oscillation = limb.oscillation_mmhg
        self._venous = limb.venous_mmhg
        self.change_systolic(0.0)

    def change_systolic(self, change_mmhg: float) -> None:
        """Shift the systolic pressure by this much from the limb's own, the diastolic by half of it."""
        limb = self.limb
        self.change_mmhg = change_mmhg
        self._diastolic = limb.diastolic_mmhg + _DIASTOLIC_SHARE * change_mmhg
        self.occlusion_mmhg = limb.occlusion_mmhg + change_mmhg
        pulse = limb.systolic_mmhg + change_mmhg - self._diastolic
        self._mean = self._diastolic + _MEAN_SHARE * pulse

    def share(self, pressure: float) -> float:
        """Inflow past this pressure as a share of the inflow without a cuff: 0 occluded, 1 free."""
        if pressure <= self._diastolic:
            return 1.0
        if pressure >= self.occlusion_mmhg:
            return 0.0
        return (self.occlusion_mmhg - pressure) / (self.occlusion_mmhg - self._diastolic)

    def oscillation_mmhg(self, pressure: float, now_ms: int) -> float:
        """What the heart beat adds to this pressure in a cuff around the limb, at this instant."""
        if pressure <= self._venous or pressure >= self.occlusion_mmhg:
            return 0.0
        if pressure < self._mean:
            envelope = (pressure - self._venous) / (self._mean - self._venous)
        else:
            envelope = (self.occlusion_mmhg - pressure) / (self.occlusion_mmhg - self._mean)
        return self._oscillation * envelope * sin(self._beat * now_ms)


class Tissue:
    """Muscle and blood under one probe of one limb."""

    __slots__ = (
        *("_drain", "_filling", "_hyperaemia", "_rested_ml", "_rise", "_step_s"),
        *("arteries", "at_rest", "limb", "sto2_percent"),
    )

    def __init__(self, limb: Limb, arteries: Arteries) -> None:
        self.limb = limb
        self.arteries = arteries
        self._step_s = STEP_MS / 1000.0 * limb.speed
        self._rise = 1.0 - exp(-self._step_s / limb.hyperaemia_rise_s)
        self._drain = 1.0 - exp(-self._step_s / limb.vein_drain_s)
        self._rested_ml = limb.inflow_ml_s * limb.vein_drain_s
        self._rest()

    def _rest(self) -> None:
        self.sto2_percent = self.limb.sto2_baseline_percent
        self._hyperaemia = 0.0
        self._filling = self._rested_ml
        self.at_rest = True

    @property
    def blood_rise_percent(self) -> float:
        """Total haemoglobin above its value at rest."""
        return 100.0 * (self._filling - self._rested_ml) / self.limb.blood_ml

    def step(self, pressure: float, work: float) -> None:
        """``STEP_MS`` under this pressure around the limb, the muscle working so hard (0 to 1)."""
        if self.at_rest and pressure <= 0.0 and work <= 0.0:
            return
        self.at_rest = False
        share = self.arteries.share(pressure)
        self._fill(share, pressure)
        self._breathe(share, work)
        self._flush(share)
        if pressure <= 0.0 and work <= 0.0 and self._is_still():
            self._rest()

    def _fill(self, share: float, pressure: float) -> None:
        limb = self.limb
        inflow = limb.inflow_ml_s * share * (1.0 + limb.hyperaemia_inflow * self._hyperaemia)
        held = limb.vein_ml_mmhg * max(0.0, pressure - limb.venous_mmhg)
        if self._filling > held:
            self._filling += (held + inflow * limb.vein_drain_s - self._filling) * self._drain
        else:
            self._filling += inflow * self._step_s

    def _breathe(self, share: float, work: float) -> None:
        limb = self.limb
        gain = share / limb.reperfusion_s
        loss = (1.0 - share + limb.work_oxygen * work) / limb.desaturation_s
        filled = limb.sto2_baseline_percent + limb.hyperaemia_gain_percent * self._hyperaemia
        aim = (gain * filled + loss * limb.sto2_floor_percent) / (gain + loss)
        self.sto2_percent += (aim - self.sto2_percent) * (1.0 - exp(-(gain + loss) * self._step_s))

    def _flush(self, share: float) -> None:
        if share <= 0.0:
            self._hyperaemia += (1.0 - self._hyperaemia) * self._rise
        else:
            self._hyperaemia *= exp(-share * self._step_s / self.limb.hyperaemia_decay_s)

    def _is_still(self) -> bool:
        away = abs(self.sto2_percent - self.limb.sto2_baseline_percent)
        return away < _STILL and self._hyperaemia < _STILL and abs(self._filling - self._rested_ml) < _STILL
