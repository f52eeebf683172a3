"""The truth of the simulated bedside: air in a cuff, blood and oxygen in a thigh.

Theory of operation
-------------------
``Plant.step(now_ms, actuators)`` brings the physics to ``now_ms`` in fixed sub-steps of 5 ms, the
actuators held constant over them.  Because the sub-step is fixed and chance comes from one seeded
generator drawn once per sub-step, the trajectory does not depend on how often ``step`` is called,
as long as the actuators change at the same multiples of 5 ms.

Air.  The pump (first-order lag) blows through the inflate valve, against a back-pressure that
weakens it; the dump valve is normally open, so without ``dump_closed`` the cuff empties
exponentially whatever else is asked; a small leak always, a mechanical relief valve at the top.

Blood and oxygen.  See ``models.Limb``.  Three states: saturation, hyperaemia (0 none, 1 whole),
and the slow wander of the probe, which is redrawn once a second.

``OutputStage`` is the board's last hardware before the valves: a watchdog of its own that
de-energises everything when the board has been silent for a second.

Units: mmHg, percent and seconds as floats inside; 0.1 mmHg, per mille and milliseconds as
integers at the faces that sensors and devices read.
"""

import random
from dataclasses import dataclass

from gateway.simulation.models import Cuff, Limb

SUB_STEP_MS = 5
WATCHDOG_MS = 1000

_WANDER_SUB_STEPS = 1000 // SUB_STEP_MS
# a difference of two uniform draws has variance 1/6, one centred uniform draw 1/12
_TRIANGLE = 6.0**0.5
_UNIFORM = 12.0**0.5


@dataclass(frozen=True, slots=True)
class Actuators:
    """What the board drives. The default is everything de-energised: vented."""

    pump_permille: int = 0
    inflate_open: bool = False
    dump_closed: bool = False
    buzzer: bool = False
    indicator: int = 0


DE_ENERGISED = Actuators()


class Plant:
    """One cuff on one limb, from ``start_ms`` on, at atmospheric pressure and at rest."""

    __slots__ = (
        "_control_noise",
        "_dump",
        "_hyperaemia",
        "_hyperaemia_decay",
        "_hyperaemia_gain",
        "_hyperaemia_rise",
        "_inverse_flow_span",
        "_inverse_stall",
        "_leak",
        "_limit_noise",
        "_occluded_mmhg",
        "_pressure",
        "_probe_noise",
        "_pump",
        "_pump_fill",
        "_pump_lag",
        "_random",
        "_relief",
        "_sensor_scale",
        "_sto2",
        "_sto2_fall",
        "_sto2_rise",
        "_wander",
        "_wander_due",
        "_wander_keep",
        "_wander_scale",
        "actuators",
        "cuff",
        "limb",
        "now_ms",
    )

    def __init__(self, cuff: Cuff, limb: Limb, seed: int, start_ms: int = 0) -> None:
        self.cuff = cuff
        self.limb = limb
        self.now_ms = start_ms
        self.actuators = DE_ENERGISED
        self._random = random.Random(seed).random
        self._prepare_air(cuff)
        self._prepare_limb(limb)
        self._prepare_probe(limb)

    def _prepare_air(self, cuff: Cuff) -> None:
        per_sub_step = SUB_STEP_MS / 1000.0 / cuff.compliance_ml_mmhg
        self._pressure = 0.0
        self._pump = 0.0
        self._pump_lag = SUB_STEP_MS / 1000.0 / cuff.pump_lag_s
        self._pump_fill = cuff.pump_flow_ml_s * per_sub_step
        self._inverse_stall = 1.0 / cuff.pump_stall_mmhg
        self._dump = cuff.dump_ml_s_mmhg * per_sub_step
        self._leak = cuff.leak_ml_s_mmhg * per_sub_step
        self._relief = cuff.relief_ml_s_mmhg * per_sub_step
        self._control_noise = 0.0
        self._limit_noise = 0.0
        self._sensor_scale = cuff.sensor_noise_mmhg * _TRIANGLE

    def _prepare_limb(self, limb: Limb) -> None:
        sub_step_s = SUB_STEP_MS / 1000.0 * limb.speed
        self._occluded_mmhg = limb.systolic_mmhg + limb.occlusion_margin_mmhg
        self._inverse_flow_span = 1.0 / (self._occluded_mmhg - limb.diastolic_mmhg)
        self._sto2 = limb.sto2_baseline_percent
        self._sto2_fall = sub_step_s / limb.desaturation_s
        self._sto2_rise = sub_step_s / limb.reperfusion_s
        self._hyperaemia = 0.0
        self._hyperaemia_rise = sub_step_s / limb.hyperaemia_rise_s
        self._hyperaemia_decay = sub_step_s / limb.hyperaemia_decay_s
        self._hyperaemia_gain = limb.hyperaemia_gain_percent

    def _prepare_probe(self, limb: Limb) -> None:
        keep = 1.0 - 1.0 / limb.probe_wander_s
        self._probe_noise = 0.0
        self._wander = 0.0
        self._wander_due = _WANDER_SUB_STEPS
        self._wander_keep = keep
        self._wander_scale = limb.probe_wander_percent * (1.0 - keep * keep) ** 0.5 * _UNIFORM

    # One body and local names on purpose: it runs hundreds of thousands of times in a session of
    # virtual time, and attribute look-ups and calls would be most of its cost.
    def step(self, now_ms: int, actuators: Actuators) -> None:
        """Hold ``actuators`` until ``now_ms``. An earlier ``now_ms`` changes nothing.

        A remainder below one sub-step is left for the next call.
        """
        self.actuators = actuators
        sub_steps = (now_ms - self.now_ms) // SUB_STEP_MS
        if sub_steps <= 0:
            return
        self.now_ms += sub_steps * SUB_STEP_MS
        pump_drive = actuators.pump_permille * 0.001
        pump_fill = self._pump_fill if actuators.inflate_open else 0.0
        escape = self._leak if actuators.dump_closed else self._leak + self._dump
        limb = self.limb
        diastolic = limb.diastolic_mmhg
        baseline = limb.sto2_baseline_percent
        floor = limb.sto2_floor_percent
        relief_opens = self.cuff.relief_opens_mmhg
        pressure = self._pressure
        pump = self._pump
        sto2 = self._sto2
        hyperaemia = self._hyperaemia
        draw = self._random
        for _ in range(sub_steps):
            pump += (pump_drive - pump) * self._pump_lag
            change = pump * pump_fill * (1.0 - pressure * self._inverse_stall) - escape * pressure
            if pressure > relief_opens:
                change -= (pressure - relief_opens) * self._relief
            pressure += change

            if pressure <= diastolic:
                sto2 += (baseline + self._hyperaemia_gain * hyperaemia - sto2) * self._sto2_rise
                hyperaemia -= hyperaemia * self._hyperaemia_decay
            elif pressure >= self._occluded_mmhg:
                sto2 -= (sto2 - floor) * self._sto2_fall
                hyperaemia += (1.0 - hyperaemia) * self._hyperaemia_rise
            else:
                flow = (self._occluded_mmhg - pressure) * self._inverse_flow_span
                sto2 += (baseline + self._hyperaemia_gain * hyperaemia - sto2) * self._sto2_rise * flow
                sto2 -= (sto2 - floor) * self._sto2_fall * (1.0 - flow)
                hyperaemia -= hyperaemia * self._hyperaemia_decay * flow

            self._control_noise = draw() - draw()
            self._limit_noise = draw() - draw()
            self._probe_noise = draw() - draw()
            self._wander_due -= 1
            if not self._wander_due:
                self._wander_due = _WANDER_SUB_STEPS
                self._wander = self._wander * self._wander_keep + (draw() - 0.5) * self._wander_scale
        self._pressure = pressure
        self._pump = pump
        self._sto2 = sto2
        self._hyperaemia = hyperaemia

    @property
    def pressure_mmhg(self) -> float:
        """The true pressure in the cuff."""
        return self._pressure

    @property
    def control_dmmhg(self) -> int:
        """What the control sensor reads."""
        return round(10.0 * (self._pressure + self._control_noise * self._sensor_scale))

    @property
    def limit_dmmhg(self) -> int:
        """What the second, independent sensor reads."""
        return round(10.0 * (self._pressure + self._limit_noise * self._sensor_scale))

    @property
    def true_flow(self) -> float:
        """Arterial inflow as a share of the inflow without a cuff: 0 occluded, 1 free."""
        share = (self._occluded_mmhg - self._pressure) * self._inverse_flow_span
        return min(1.0, max(0.0, share))

    @property
    def congested(self) -> bool:
        """Blood flows in while the veins are shut: the partial occlusion that nobody wants."""
        return self._pressure > self.limb.venous_mmhg and self.true_flow > 0.0

    @property
    def sto2_percent(self) -> float:
        """The true tissue saturation under the probe, without the probe's wander and noise."""
        return self._sto2

    @property
    def sto2_permille(self) -> int:
        """What the probe measures: the truth with its wander and noise."""
        noise = self._probe_noise * self.limb.probe_noise_percent * _TRIANGLE
        measured = round(10.0 * (self._sto2 + self._wander + noise))
        return min(1000, max(0, measured))


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
