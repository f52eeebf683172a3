"""The named cuffs and limbs that the simulated bedside can be made of.

Theory of operation
-------------------
A model is a frozen set of numbers; the physics that use them stand in ``plant``.  Each model has a
``name`` (command line), a ``description`` (summaries, pictures: whoever reads a result sees that
the bedside was simulated, and how) and ``sources``: where each number comes from.  A number
without a source fails the tests.

Two pairs exist.  ``thigh_cuff`` with ``limb`` behaves like a thigh under a diaphragm-pump cuff, in
real proportions.  ``fast_cuff`` with ``fast_limb`` lets a person see a whole session in a minute.

Units
-----
Pressures in mmHg above the air, air in ml at room pressure, times in seconds, saturation in
percentage points.  A limb's times are those of the body; ``speed`` divides them all.

Words used in ``sources``: "chosen" is an engineering proposal, not a clinical source; "fitted" is
an engineering proposal computed so that the behaviour named follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Cuff:
    """A cuff with its pump, valves and two pressure sensors.

    ``pump_flow_ml_s`` is the flow at full drive into an empty cuff; it falls linearly to nothing
    at ``pump_stall_mmhg``.  ``dump_ml_s_mmhg`` and ``leak_ml_s_mmhg`` are conductances to the air,
    ``relief_ml_s_mmhg`` that of the mechanical relief valve above ``relief_opens_mmhg``.
    """

    name: str
    description: str
    compliance_ml_mmhg: float
    pump_flow_ml_s: float
    pump_stall_mmhg: float
    pump_lag_s: float
    dump_ml_s_mmhg: float
    leak_ml_s_mmhg: float
    relief_opens_mmhg: float
    relief_ml_s_mmhg: float
    sensor_noise_mmhg: float
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Limb:
    """A resting thigh: what its arteries, veins and muscle do under a cuff pressure.

    Arterial inflow is whole up to ``diastolic_mmhg``, nothing from ``systolic_mmhg`` +
    ``occlusion_margin_mmhg`` on, and falls linearly between.  Veins are shut above
    ``venous_mmhg``.  Without inflow the saturation decays towards ``sto2_floor_percent``; with
    inflow it returns to the baseline plus an overshoot in proportion to the hyperaemia that the
    ischaemia built up.  Probe noise and wander are no physiology: ``speed`` leaves them alone.
    """

    name: str
    description: str
    speed: float
    systolic_mmhg: float
    diastolic_mmhg: float
    occlusion_margin_mmhg: float
    venous_mmhg: float
    sto2_baseline_percent: float
    sto2_floor_percent: float
    desaturation_s: float
    reperfusion_s: float
    hyperaemia_rise_s: float
    hyperaemia_decay_s: float
    hyperaemia_gain_percent: float
    probe_noise_percent: float
    probe_wander_percent: float
    probe_wander_s: float
    sources: Mapping[str, str]


_CUFF_SOURCES = MappingProxyType(
    {
        "compliance_ml_mmhg": "chosen: 0.6 l of cuff at 170 mmHg holds 730 ml of room air, over 170 mmHg",
        "pump_flow_ml_s": "fitted: 0 to 170 mmHg in the time that the description names",
        "pump_stall_mmhg": "chosen: a small diaphragm pump stalls near 60 kPa",
        "pump_lag_s": "chosen: time constant of a small motor",
        "dump_ml_s_mmhg": "fitted: 170 to 15 mmHg, exponentially, in the time that the description names",
        "leak_ml_s_mmhg": "fitted: 6 mmHg a minute at 170 mmHg, the most that blood pressure cuffs are "
        "allowed (IEC 80601-2-30, from memory)",
        "relief_opens_mmhg": "chosen: so that 330 mmHg, the single-fault limit of IEC 80601-2-30 (from "
        "memory), is not passed at full pump flow",
        "relief_ml_s_mmhg": "chosen: carries the full flow of the fast pump within 5 mmHg of opening",
        "sensor_noise_mmhg": "chosen: standard deviation, a tenth of the +-3 mmHg static accuracy",
    }
)

_LIMB_SOURCES = MappingProxyType(
    {
        "speed": "1 is the body's own; anything else is an engineering choice and named in the description",
        "systolic_mmhg": "chosen: textbook resting adult",
        "diastolic_mmhg": "chosen: textbook resting adult",
        "occlusion_margin_mmhg": "chosen: a wide thigh cuff. Real limb occlusion pressures scatter far more "
        "(195 +- 32 mmHg, doi 10.1016/j.asmr.2022.04.002)",
        "venous_mmhg": "chosen: above the venous pressure of a lying leg",
        "sto2_baseline_percent": "chosen: resting thigh between 65 and 70 %",
        "sto2_floor_percent": "fitted: 25 to 30 % left after 5 min",
        "desaturation_s": "fitted: 25 to 30 % left after 5 min; the first slope, 12.5 %/min, is that of "
        "2 to 3 min occlusions (11.2 to 12.4 %/min, Crit Care cc7404)",
        "reperfusion_s": "fitted: half of the fall is regained 10 to 20 s after release; the first slope, "
        "2 to 3 %/s, lies in the 1.3 to 6.3 %/s of Creteur 2007 (Intensive Care Med 33:1549)",
        "hyperaemia_rise_s": "chosen: 5 min of ischaemia give nearly the whole response, 5 s little of it",
        "hyperaemia_decay_s": "chosen: overshoot gone in 1 to 2 min (recovery 2.0 to 2.4 min, cc7404)",
        "hyperaemia_gain_percent": "fitted: a peak some 10 % above baseline (13 to 15 %, cc7404)",
        "probe_noise_percent": "chosen: standard deviation",
        "probe_wander_percent": "chosen: standard deviation of the slow drift",
        "probe_wander_s": "chosen: correlation time of the slow drift",
    }
)

THIGH_CUFF = Cuff(
    name="thigh_cuff",
    description="simulated thigh cuff (12 s up, 5 s down)",
    compliance_ml_mmhg=4.3,
    pump_flow_ml_s=76.7,
    pump_stall_mmhg=450.0,
    pump_lag_s=0.05,
    dump_ml_s_mmhg=2.09,
    leak_ml_s_mmhg=0.0025,
    relief_opens_mmhg=325.0,
    relief_ml_s_mmhg=80.0,
    sensor_noise_mmhg=0.3,
    sources=_CUFF_SOURCES,
)

FAST_CUFF = replace(
    THIGH_CUFF,
    name="fast_cuff",
    description="simulated fast cuff (1 s up, 1 s down)",
    pump_flow_ml_s=940.0,
    pump_lag_s=0.02,
    dump_ml_s_mmhg=10.5,
)

LIMB = Limb(
    name="limb",
    description="simulated limb",
    speed=1.0,
    systolic_mmhg=120.0,
    diastolic_mmhg=70.0,
    occlusion_margin_mmhg=10.0,
    venous_mmhg=30.0,
    sto2_baseline_percent=68.0,
    sto2_floor_percent=5.0,
    desaturation_s=300.0,
    reperfusion_s=34.0,
    hyperaemia_rise_s=90.0,
    hyperaemia_decay_s=45.0,
    hyperaemia_gain_percent=46.0,
    probe_noise_percent=0.2,
    probe_wander_percent=0.4,
    probe_wander_s=60.0,
    sources=_LIMB_SOURCES,
)

FAST_LIMB = replace(
    LIMB,
    name="fast_limb",
    description="simulated limb, physiology sped up 30 times",
    speed=30.0,
)

CUFFS: Mapping[str, Cuff] = MappingProxyType({cuff.name: cuff for cuff in (THIGH_CUFF, FAST_CUFF)})
LIMBS: Mapping[str, Limb] = MappingProxyType({limb.name: limb for limb in (LIMB, FAST_LIMB)})
