"""The truth of the simulated bedside: air, blood, muscle, and the sensors that look at them.

Theory of operation
-------------------
``Plant.step(now_ms, actuators)`` brings the physics to ``now_ms``, the actuators held constant over it:
the air (``air``) in sub-steps of 5 ms, blood, oxygen and muscle (``body``, ``muscle``) every 50 ms.  Both
grids begin at ``start_ms`` and chance is drawn only when a sensor is read (``sensors``), so the truth does
not depend on how often ``step`` is called, as long as actuators and defects change at the same multiples
of 5 ms.

A cuff presses on the *treated* limb, the one that the session names, unless a defect puts it on the
*other* one or beside the limb.  The controller's control sensor sees the manifold; the limit sensor sees
the cuff through a lumen of its own.  The heart beat, a contracting muscle, a moving limb and somebody who
leans on the cuff add to the pressure in it.

``Plant.defects`` is looked at on every step and every reading; change it whenever you like.  Stimulators
set ``Plant.train``; it reaches the tissue through the relay that ``Actuators.relay_closed`` drives.

``OutputStage`` is the board's last hardware before the valves: a watchdog of its own that
de-energises everything when the board has been silent for a second.

Units: mmHg, percent, N and seconds as floats inside; 0.1 mmHg, per mille, uA, mN and milliseconds as
integers at the faces that sensors and devices read.
"""

from dataclasses import dataclass

from gateway.simulation import body, muscle, sensors
from gateway.simulation.air import HOSE_KINKED, HOSE_OPEN, HOSE_UNPLUGGED, SUB_STEP_MS, Air
from gateway.simulation.defects import Defects
from gateway.simulation.evoked_emg import EvokedEmg
from gateway.simulation.models import QUADRICEPS, Cuff, Limb, Muscle

WATCHDOG_MS = 1000

_BODY_SUB_STEPS = body.STEP_MS // SUB_STEP_MS
_TAUT_MMHG = 60.0
"""From this pressure on a cuff gives what presses on it whole to its air, below in proportion: chosen."""


@dataclass(frozen=True, slots=True)
class Actuators:
    """What the board drives. The default is everything de-energised: vented, relay open."""

    pump_permille: int = 0
    inflate_open: bool = False
    dump_closed: bool = False
    buzzer: bool = False
    indicator: int = 0
    relay_closed: bool = False


DE_ENERGISED = Actuators()


class Plant:
    """One cuff on one patient, from ``start_ms`` on, at atmospheric pressure and at rest.

    ``movement_mmhg`` is what a moving limb adds to a full cuff, ``leaning_mmhg`` the least pressure that
    somebody who leans on the cuff leaves in it; ``train`` is what the stimulator sends.
    """

    __slots__ = (
        *("_air", "_arteries", "_body_due", "_electrodes", "_lumen_blocked", "_muscle"),
        *("_control", "_force", "_emg", "_haemoglobin", "_limit", "_other_saturation", "_saturation"),
        *("_other", "_squeeze", "_trapped_mmhg", "_treated", "_venous_mmhg"),
        *("actuators", "cuff", "defects", "leaning_mmhg", "limb", "movement_mmhg", "now_ms", "train"),
    )

    def __init__(
        self, cuff: Cuff, limb: Limb, seed: int, start_ms: int = 0, muscle_model: Muscle = QUADRICEPS
    ) -> None:
        self.cuff = cuff
        self.limb = limb
        self.now_ms = start_ms
        self.actuators = DE_ENERGISED
        self.defects = Defects()
        self.train = muscle.SILENT
        self.movement_mmhg = 0.0
        self.leaning_mmhg = 0.0
        self._air = Air(cuff)
        self._lumen_blocked = False
        self._trapped_mmhg = 0.0
        self._squeeze = 0.0
        self._prepare_body(limb, muscle_model)
        self._prepare_sensors(cuff, limb, muscle_model, seed)

    def _prepare_body(self, limb: Limb, model: Muscle) -> None:
        self._arteries = body.Arteries(limb)
        self._treated = body.Tissue(limb, self._arteries)
        self._other = body.Tissue(limb, self._arteries)
        self._muscle = muscle.Quadriceps(model)
        self._electrodes = muscle.Electrodes(model)
        self._body_due = _BODY_SUB_STEPS
        self._venous_mmhg = limb.venous_mmhg

    def _prepare_sensors(self, cuff: Cuff, limb: Limb, model: Muscle, seed: int) -> None:
        self._control = sensors.PressureSensor(f"{seed} control", cuff.sensor_noise_mmhg)
        self._limit = sensors.PressureSensor(f"{seed} limit", cuff.sensor_noise_mmhg)
        self._saturation = sensors.saturation_channel(f"{seed} saturation", limb, self.now_ms)
        self._other_saturation = sensors.saturation_channel(f"{seed} other saturation", limb, self.now_ms)
        self._haemoglobin = sensors.haemoglobin_channel(f"{seed} haemoglobin", limb, self.now_ms)
        self._force = sensors.LoadCell(f"{seed} force", model.force_noise_n)
        self._emg = EvokedEmg(model, f"{seed} emg")

    def step(self, now_ms: int, actuators: Actuators) -> None:
        """Hold ``actuators`` until ``now_ms``. An earlier ``now_ms`` changes nothing.

        A remainder below one sub-step is left for the next call.
        """
        self.actuators = actuators
        left = (now_ms - self.now_ms) // SUB_STEP_MS
        if left <= 0:
            return
        self.now_ms += left * SUB_STEP_MS
        self._set_paths(actuators)
        while left >= self._body_due:
            left -= self._body_due
            self._air.blow(self._body_due)
            self._live()
            self._body_due = _BODY_SUB_STEPS
        if left:
            self._air.blow(left)
            self._body_due -= left

    def _set_paths(self, actuators: Actuators) -> None:
        """What the pump, the valves and the hose really do."""
        defects = self.defects
        air = self._air
        air.drive = 1.0 if defects.pump_stuck_on else actuators.pump_permille * 0.001
        air.inflate_open = actuators.inflate_open or defects.inflate_stuck_open
        dump_open = defects.dump_stuck_open or not (actuators.dump_closed or defects.dump_stuck_closed)
        hose = HOSE_OPEN
        if defects.hose_unplugged:
            hose = HOSE_UNPLUGGED
        elif defects.hose_kinked:
            hose = HOSE_KINKED
        if dump_open != air.dump_open or hose != air.hose or defects.leak_factor != air.leak_factor:
            air.set_paths(dump_open, hose, defects.leak_factor)
        if defects.lumen_blocked != self._lumen_blocked:
            self._lumen_blocked = defects.lumen_blocked
            self._trapped_mmhg = air.cuff_mmhg

    def _live(self) -> None:
        """``body.STEP_MS`` of blood, oxygen and muscle."""
        defects = self.defects
        arteries = self._arteries
        if defects.systolic_change_mmhg != arteries.change_mmhg:
            arteries.change_systolic(defects.systolic_change_mmhg)
        self._air.settle()
        treated = self.treated_limb_mmhg
        current_ua = 0 if self.train is muscle.SILENT else self.tissue_current_ua
        self._muscle.step(self.train, current_ua, arteries.share(treated))
        self._treated.step(treated, self._muscle.activation)
        self._other.step(self.other_limb_mmhg, 0.0)
        if self._muscle.activation or self.movement_mmhg or self._squeeze or self.leaning_mmhg:
            self._press()

    def _press(self) -> None:
        """A moving limb and a contracting muscle squeeze the cuff around them; somebody leans on it."""
        air = self._air
        squeeze = 0.0
        if not self.defects.cuff_off:
            bulge = 0.0 if self.defects.cuff_on_other_limb else self._muscle.bulge_mmhg
            squeeze = (self.movement_mmhg + bulge) * min(1.0, air.cuff_mmhg / _TAUT_MMHG)
        air.cuff_mmhg = max(self.leaning_mmhg, air.cuff_mmhg + squeeze - self._squeeze)
        self._squeeze = squeeze

    @property
    def pressure_mmhg(self) -> float:
        """The true pressure in the cuff, without the heart beat."""
        return self._air.cuff_mmhg

    @property
    def manifold_mmhg(self) -> float:
        """The true pressure on the controller's side of the hose."""
        return self._air.manifold_mmhg

    @property
    def treated_limb_mmhg(self) -> float:
        """The pressure around the limb that the session names."""
        away = self.defects.cuff_off or self.defects.cuff_on_other_limb
        return 0.0 if away else self._air.cuff_mmhg

    @property
    def other_limb_mmhg(self) -> float:
        """The pressure around the opposite limb."""
        here = self.defects.cuff_on_other_limb and not self.defects.cuff_off
        return self._air.cuff_mmhg if here else 0.0

    @property
    def _around_mmhg(self) -> float:
        """The pressure around whichever limb is in the cuff."""
        return 0.0 if self.defects.cuff_off else self._air.cuff_mmhg

    @property
    def oscillation_mmhg(self) -> float:
        """What the heart beat adds to the pressure in the cuff at this instant."""
        return self._arteries.oscillation_mmhg(self._around_mmhg, self.now_ms)

    @property
    def control_dmmhg(self) -> int | None:
        """What the control sensor reads, on the controller's side; ``None`` when it is missing."""
        truth = self._air.manifold_mmhg
        if self._venous_mmhg < truth < self._arteries.occlusion_mmhg and self._air.hose == HOSE_OPEN:
            truth += self.oscillation_mmhg
        return self._control.read(self.now_ms, truth, self.defects.control)

    @property
    def limit_dmmhg(self) -> int | None:
        """What the limit sensor reads through its own lumen to the cuff; ``None`` when it is missing."""
        truth = self._air.cuff_mmhg
        if self._lumen_blocked:
            truth = self._trapped_mmhg
        elif self._venous_mmhg < truth < self._arteries.occlusion_mmhg:
            truth += self.oscillation_mmhg
        return self._limit.read(self.now_ms, truth, self.defects.limit)

    @property
    def true_flow(self) -> float:
        """Arterial inflow past the cuff as a share of the inflow without one: 0 occluded, 1 free."""
        return self._arteries.share(self._around_mmhg)

    @property
    def occlusion_mmhg(self) -> float:
        """The patient's limb occlusion pressure now."""
        return self._arteries.occlusion_mmhg

    @property
    def congested(self) -> bool:
        """Blood flows in while the veins are shut: the partial occlusion that nobody wants."""
        around = self._around_mmhg
        return around > self.limb.venous_mmhg and self._arteries.share(around) > 0.0

    @property
    def sto2_percent(self) -> float:
        """The true saturation of the treated limb's muscle below the cuff."""
        return self._treated.sto2_percent

    @property
    def blood_rise_percent(self) -> float:
        """The treated limb's true total haemoglobin above its value at rest."""
        return self._treated.blood_rise_percent

    @property
    def other_blood_rise_percent(self) -> float:
        """The other limb's true total haemoglobin above its value at rest."""
        return self._other.blood_rise_percent

    @property
    def sto2_permille(self) -> int | None:
        """What the probe of the treated limb measures, with its wander and noise; ``None`` off the skin."""
        if self.defects.probe_off:
            return None
        tissue = self._under_the_probe
        truth = self.limb.sto2_baseline_percent if tissue is None else tissue.sto2_percent
        return self._saturation.read(self.now_ms, truth)

    @property
    def haemoglobin_permille(self) -> int | None:
        """Total haemoglobin by the same probe; 1000 is the value at rest; ``None`` off the skin."""
        if self.defects.probe_off:
            return None
        tissue = self._under_the_probe
        rise = 0.0 if tissue is None else tissue.blood_rise_percent
        return self._haemoglobin.read(self.now_ms, 100.0 + rise)

    @property
    def other_sto2_permille(self) -> int:
        """What the probe of the other limb measures; it hangs on the treated one when the two are swapped."""
        tissue = self._treated if self.defects.probe_on_other_limb else self._other
        return self._other_saturation.read(self.now_ms, tissue.sto2_percent)

    @property
    def _under_the_probe(self) -> body.Tissue | None:
        """The tissue that the treated limb's probe sees; ``None`` above the cuff, where nothing changes."""
        if self.defects.probe_on_other_limb:
            return self._other
        return None if self.defects.probe_above_cuff else self._treated

    @property
    def distal_pulse_permille(self) -> int:
        """Amplitude of the pulse beyond the cuff on the treated limb; 0 is none, 1000 that without a cuff."""
        return round(1000.0 * self._arteries.share(self.treated_limb_mmhg))

    @property
    def relay_closed(self) -> bool:
        """Whether the stimulator's lead is closed."""
        return self.actuators.relay_closed

    @property
    def tissue_current_ua(self) -> int:
        """The amplitude of the pulses that reach the tissue now."""
        return self._electrodes.current_ua(self.train, self.relay_closed, self.defects.electrode_peel)

    @property
    def tissue_current_rms_ua(self) -> int:
        """The r.m.s. of the current in the tissue."""
        return muscle.rms_ua(self.train, self.tissue_current_ua)

    @property
    def current_density_ua_cm2(self) -> int:
        """The r.m.s. current over the area of electrode that still has contact."""
        return self._electrodes.density_ua_cm2(self.tissue_current_rms_ua, self.defects.electrode_peel)

    @property
    def electrode_ohm(self) -> int:
        """The resistance that the stimulator measures; ``muscle.OPEN_OHM`` for an open lead."""
        return self._electrodes.ohm(self.relay_closed, self.defects.electrode_peel)

    @property
    def force_mn(self) -> int:
        """What the load cell at the ankle reads."""
        return self._force.read(self.now_ms, self._muscle.force_n)

    def emg_uv(self, samples: int) -> list[float]:
        """The next samples between two electrodes over the muscle, ``evoked_emg.RATE_HZ`` a second."""
        return self._emg.samples(samples, self.train, self.tissue_current_ua, self._muscle.capacity)

    @property
    def muscle_capacity(self) -> float:
        """What share of its fresh force the muscle can still give: 1 is fresh."""
        return self._muscle.capacity

    @property
    def contractions(self) -> int:
        """Evoked contractions so far."""
        return self._muscle.contractions


class OutputStage:
    """The board's outputs to a plant, behind a hardware watchdog.

    ``command`` sets what is driven from the instant of the last ``advance`` on, ``feed`` keeps the
    watchdog quiet.  A watchdog that is not fed for ``WATCHDOG_MS`` drops every output at exactly
    that instant, however late ``advance`` is called; the next ``command`` drives again.
    """

    __slots__ = ("_fed_ms", "actuators", "plant")

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.actuators = DE_ENERGISED
        self._fed_ms = plant.now_ms

    def command(self, actuators: Actuators) -> None:
        """Drive these outputs from now on."""
        self.actuators = actuators

    def feed(self, now_ms: int) -> None:
        """The board is alive."""
        self._fed_ms = now_ms

    def drop(self) -> None:
        """De-energise everything: the watchdog fired or the board is gone."""
        self.actuators = DE_ENERGISED

    def advance(self, now_ms: int) -> None:
        """Bring the plant to ``now_ms``."""
        deadline_ms = self._fed_ms + WATCHDOG_MS
        if now_ms >= deadline_ms and self.actuators is not DE_ENERGISED:
            self.plant.step(deadline_ms, self.actuators)
            self.drop()
        self.plant.step(now_ms, self.actuators)
