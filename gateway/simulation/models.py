"""The named cuffs and limbs that the simulated bedside can be made of.

Theory of operation
-------------------
A model is a frozen set of numbers; the physics that use them stand in ``air`` (cuff), ``body``
(limb), ``muscle`` and ``sensors``.  Each model has a ``name`` (command line), a ``description``
(summaries, pictures: whoever reads a result sees that the bedside was simulated, and how) and
``sources``: where each number comes from.  A number without a source fails the tests.

Two pairs exist.  ``thigh_cuff`` with ``limb`` behaves like a thigh under a diaphragm-pump cuff, in
real proportions.  ``fast_cuff`` with ``fast_limb`` lets a person see a whole session in a minute.
``reservoir_cuff`` is at its target within a second, as a series of short occlusions needs.
``padded_limb`` is a limb that 50 mmHg above its systolic pressure do not occlude.

Units
-----
Pressures in mmHg above the air, air in ml at room pressure, blood in ml per 100 ml of tissue, times
in seconds, saturation in percentage points.  A limb's times are those of the body; ``speed`` divides
them all.  The heart and the probes are not sped up.

Words used in ``sources``: "chosen" is an engineering proposal, not a clinical source; "fitted" is
an engineering proposal computed so that the behaviour named follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Cuff:
    """A cuff with its hose, pump, valves and two pressure sensors.

    ``manifold_ml`` is the rigid volume on the controller's side: valve block and hose.  ``hose_ml_s_mmhg``
    joins it to the cuff.  ``pump_flow_ml_s`` is the flow at full drive against nothing; it falls linearly
    to nothing at ``pump_stall_mmhg``.  ``dump_ml_s_mmhg`` (manifold) and ``leak_ml_s_mmhg`` (cuff) are
    conductances to the air, ``relief_ml_s_mmhg`` that of the mechanical relief valve at the manifold
    above ``relief_opens_mmhg``.
    """

    name: str
    description: str
    compliance_ml_mmhg: float
    manifold_ml: float
    hose_ml_s_mmhg: float
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
    ``occlusion_margin_mmhg`` (the limb occlusion pressure) on, and falls linearly between.  Above
    ``venous_mmhg`` the veins let blood out only once they have been filled to the cuff's pressure, by
    ``vein_ml_mmhg``; otherwise they drain with ``vein_drain_s``.  ``blood_ml`` is what the tissue holds
    at rest.  Without inflow the saturation decays towards ``sto2_floor_percent``, faster while the muscle
    works; with inflow it returns to the baseline plus an overshoot in proportion to the hyperaemia
    that the ischaemia built up, which also raises the inflow.  ``oscillation_mmhg`` is the amplitude of the
    heart beat in the cuff where it is largest.
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
    hyperaemia_inflow: float
    work_oxygen: float
    inflow_ml_s: float
    blood_ml: float
    vein_ml_mmhg: float
    vein_drain_s: float
    heart_rate_hz: float
    oscillation_mmhg: float
    haemoglobin_noise_percent: float
    haemoglobin_wander_percent: float
    probe_noise_percent: float
    probe_wander_percent: float
    probe_wander_s: float
    sources: Mapping[str, str]

    @property
    def occlusion_mmhg(self) -> float:
        """The limb occlusion pressure: no arterial inflow from here on."""
        return self.systolic_mmhg + self.occlusion_margin_mmhg


@dataclass(frozen=True, slots=True)
class Muscle:
    """A quadriceps under two electrodes: what a pulse train makes of it.

    Recruitment begins at ``threshold_uc`` of charge per phase and nears the whole muscle exponentially
    with ``recruitment_uc``; pulses fuse with the square of the frequency over ``fusion_hz``.  Force follows
    with ``force_lag_s``.  While the muscle works, what it can give sinks towards ``fatigue_floor`` with
    ``fatigue_s``, the faster the less blood flows in (by ``fatigue_ischaemia`` when none does); at rest it
    comes back with ``recovery_s``, in proportion to the inflow.  At full force its belly raises the
    pressure of a full cuff by ``bulge_mmhg``.  The electrodes' skin resistance grows as their contact
    shrinks; a stimulator drives its current up to ``compliance_v``.

    Electrodes of an EMG over its belly see ``mwave_uv`` from peak to peak when all of it answers to a pulse,
    an artifact of ``artifact_uv_ma`` for each mA with a tail of ``artifact_tail_s``, and noise.
    """

    name: str
    description: str
    threshold_uc: float
    recruitment_uc: float
    fusion_hz: float
    force_n: float
    force_lag_s: float
    fatigue_floor: float
    fatigue_s: float
    fatigue_ischaemia: float
    recovery_s: float
    bulge_mmhg: float
    force_noise_n: float
    mwave_uv: float
    artifact_uv_ma: float
    artifact_tail_s: float
    emg_noise_uv: float
    pad_area_cm2: float
    skin_ohm: float
    tissue_ohm: float
    compliance_v: float
    sources: Mapping[str, str]


_CUFF_SOURCES = MappingProxyType(
    {
        "compliance_ml_mmhg": "chosen: 0.6 l of cuff at 170 mmHg holds 730 ml of room air, over 170 mmHg",
        "manifold_ml": "chosen: 2 m of hose with a bore of 5 mm, and a valve block",
        "hose_ml_s_mmhg": "computed: laminar flow through 2 m of 5 mm bore; the fast cuff's is chosen so "
        "that its pump loses less than 3 mmHg in it",
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
        "hyperaemia_inflow": "chosen: a whole hyperaemia trebles the inflow",
        "work_oxygen": "chosen: a contracting muscle takes up some ten times what a resting one does",
        "inflow_ml_s": "chosen: 1.5 ml a minute, the order of a resting muscle's blood flow; so an "
        "inflation in 12 s adds less than 3 % of blood",
        "blood_ml": "chosen: the order of a muscle's blood volume",
        "vein_ml_mmhg": "chosen: the order of a leg's venous compliance",
        "vein_drain_s": "chosen: congested veins empty within half a minute",
        "heart_rate_hz": "chosen: 72 beats a minute",
        "oscillation_mmhg": "chosen: 3 mmHg from peak to trough, as cuffs of blood pressure monitors show",
        "haemoglobin_noise_percent": "chosen: standard deviation",
        "haemoglobin_wander_percent": "chosen: standard deviation of the slow drift",
        "probe_noise_percent": "chosen: standard deviation",
        "probe_wander_percent": "chosen: standard deviation of the slow drift",
        "probe_wander_s": "chosen: correlation time of the slow drift",
    }
)

_MUSCLE_SOURCES = MappingProxyType(
    {
        "threshold_uc": "chosen: 20 mA at 400 us",
        "recruitment_uc": "chosen: four fifths of the muscle at 60 mA and 400 us",
        "fusion_hz": "chosen: nearly fused at the 45 to 75 Hz of Angelopoulos 2013 (Ann Intensive Care 3:39)",
        "force_n": "chosen: a weak thigh at the ankle",
        "force_lag_s": "chosen: rise of an evoked contraction",
        "fatigue_floor": "chosen: no muscle falls silent",
        "fatigue_s": "fitted: ten contractions of 10 s with 50 s of rest leave 73.1 % of the first torque "
        "(Scott et al., acewm.org vol 2 issue 12)",
        "fatigue_ischaemia": "fitted: 46.0 % instead of 73.1 % under blood flow restriction (the same "
        "source), taken to be at 80 % of the limb occlusion pressure",
        "recovery_s": "fitted: ten contractions of 10 s with 50 s of rest leave 73.1 % of the first torque "
        "(Scott et al., acewm.org vol 2 issue 12)",
        "bulge_mmhg": "chosen: inside the 30 mmHg that are allowed while a contraction is commanded",
        "force_noise_n": "chosen: standard deviation of a load cell",
        "mwave_uv": "chosen: what our hub's EMG of 6.5 mV can show; a hand's muscle gives 8 mV",
        "artifact_uv_ma": "chosen: beyond the end of an EMG amplifier from 3 mA on",
        "artifact_tail_s": "chosen: over before the response begins",
        "emg_noise_uv": "chosen: standard deviation of a surface recording at rest",
        "pad_area_cm2": "chosen: 5 cm by 5 cm",
        "skin_ohm": "chosen: with the tissue 1 kilohm, typical of pads (0.5 to 3 kilohm, from memory)",
        "tissue_ohm": "chosen: with the skin 1 kilohm, typical of pads (0.5 to 3 kilohm, from memory)",
        "compliance_v": "chosen: a stimulator's highest voltage",
    }
)

THIGH_CUFF = Cuff(
    name="thigh_cuff",
    description="simulated thigh cuff (12 s up, 5 s down)",
    compliance_ml_mmhg=4.3,
    manifold_ml=60.0,
    hose_ml_s_mmhg=57.0,
    pump_flow_ml_s=78.8,
    pump_stall_mmhg=450.0,
    pump_lag_s=0.05,
    dump_ml_s_mmhg=2.2,
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
    hose_ml_s_mmhg=400.0,
    pump_flow_ml_s=959.0,
    pump_lag_s=0.02,
    dump_ml_s_mmhg=11.0,
)

RESERVOIR_CUFF = replace(
    FAST_CUFF,
    name="reservoir_cuff",
    description="simulated cuff filled from a reservoir (0.75 s up, 0.7 s down)",
    pump_flow_ml_s=1500.0,
    dump_ml_s_mmhg=16.0,
    relief_ml_s_mmhg=120.0,
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
    hyperaemia_inflow=2.0,
    work_oxygen=10.0,
    inflow_ml_s=0.025,
    blood_ml=5.0,
    vein_ml_mmhg=0.03,
    vein_drain_s=8.0,
    heart_rate_hz=1.2,
    oscillation_mmhg=1.5,
    haemoglobin_noise_percent=0.4,
    haemoglobin_wander_percent=0.4,
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

PADDED_LIMB = replace(
    LIMB,
    name="padded_limb",
    description="simulated limb that only 195 mmHg occlude",
    occlusion_margin_mmhg=75.0,
)

QUADRICEPS = Muscle(
    name="quadriceps",
    description="simulated quadriceps under two electrodes",
    threshold_uc=8.0,
    recruitment_uc=10.0,
    fusion_hz=15.0,
    force_n=150.0,
    force_lag_s=0.12,
    fatigue_floor=0.2,
    fatigue_s=45.0,
    fatigue_ischaemia=1.5,
    recovery_s=210.0,
    bulge_mmhg=15.0,
    force_noise_n=0.3,
    mwave_uv=4_000.0,
    artifact_uv_ma=3_000.0,
    artifact_tail_s=0.002,
    emg_noise_uv=10.0,
    pad_area_cm2=25.0,
    skin_ohm=700.0,
    tissue_ohm=300.0,
    compliance_v=150.0,
    sources=_MUSCLE_SOURCES,
)

CUFFS: Mapping[str, Cuff] = MappingProxyType(
    {cuff.name: cuff for cuff in (THIGH_CUFF, FAST_CUFF, RESERVOIR_CUFF)}
)
LIMBS: Mapping[str, Limb] = MappingProxyType({limb.name: limb for limb in (LIMB, FAST_LIMB, PADDED_LIMB)})
