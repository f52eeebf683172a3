"""What the sessions of a campaign give: a prescription, on equipment and a limb that it makes sense on.

Theory of operation
-------------------
``SHORT`` and ``STIMULATION`` are over within a minute of virtual time, on a cuff and a limb sped up; so are
``LOOPS``, stimulations in closed loop on force or EMG, in which somebody presses until the muscle answers.
``WHOLE`` is a whole ``rvos-after-rosprox`` at natural speed.  ``EXAMINED`` are sessions for examinations: an
occlusion test and then the prescription; a limb occlusion pressure at natural speed on a limb that the
prescription alone would not occlude, and then the prescription lifted to it; a series of short occlusions and
nothing else.  ``under_way`` says when, without a fault, the
cuff is under pressure or current flows: half of the faults begin then.

Units: ms since the session was asked for.  The ceilings of the simulated stimulator are chosen: a site's must
come from its device and its approval.
"""

from dataclasses import dataclass
from typing import Literal

from gateway.config import HubConfig, StimulatorConfig
from gateway.model import Limb

Span = tuple[int, int]

THIGHS = (Limb.LEFT_THIGH, Limb.RIGHT_THIGH)
ALL_LIMBS = tuple(Limb)
STIMULATOR = StimulatorConfig(
    description="simulated stimulator, two pads of 25 cm2",
    current_ma=60,
    pulse_width_us=400,
    frequency_hz=50,
    charge_uc=24,
    pad_area_cm2=25,
    daily_minutes=30,
    device_current_ma=130,
    device_pulse_width_us=500,
    device_frequency_hz=50,
)
HUB = HubConfig(
    port="memory",
    description="simulated hub on the stimulated thigh",
    evoked_channel=1,
    artifact_uv=2_500,
)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A prescription on its equipment. ``span_ms``: how long it takes without faults.

    ``feels``: what looks at the muscle.  ``presses``: when its people raise the current, and by how many mA.
    """

    prescription: str
    cuff: str
    limb: str
    span_ms: int
    longest_ms: int
    under_way: tuple[Span, ...]
    limbs: tuple[Limb, ...] = ALL_LIMBS
    stimulates: bool = False
    whole: bool = False
    exam: str = ""
    choices: tuple[tuple[str, int], ...] = ()
    ceiling_mmhg: int = 250
    feels: Literal["", "force", "emg"] = ""
    presses: tuple[tuple[int, int], ...] = ()


SHORT = Protocol("demo", "fast_cuff", "fast_limb", 33_000, 240_000, ((6_500, 14_500), (19_500, 27_500)))
STIMULATION = Protocol(
    "nmes-demo",
    "fast_cuff",
    "fast_limb",
    31_000,
    240_000,
    tuple((960 + contraction * 5_100, 2_960 + contraction * 5_100) for contraction in range(6)),
    limbs=THIGHS,
    stimulates=True,
    feels="emg",
)


def _loop(prescription: str, feels: Literal["force", "emg"]) -> Protocol:
    begins_ms = [960 + contraction * 5_100 for contraction in range(12)]
    return Protocol(
        prescription,
        "fast_cuff",
        "fast_limb",
        62_000,
        240_000,
        tuple((at_ms, at_ms + 2_000) for at_ms in begins_ms),
        limbs=THIGHS,
        stimulates=True,
        feels=feels,
        presses=tuple((at_ms + 1_200, 5) for at_ms in begins_ms[:5]),
    )


LOOPS = (_loop("nmes-force-demo", "force"), _loop("nmes-evoked-demo", "emg"))
WHOLE = Protocol(
    "rvos-after-rosprox",
    "thigh_cuff",
    "limb",
    2_470_000,
    4_500_000,
    tuple((31_000 + cycle * 609_000, 340_000 + cycle * 609_000) for cycle in range(4)),
    whole=True,
)
EXAMINED = (
    Protocol(
        "demo",
        "fast_cuff",
        "fast_limb",
        66_000,
        400_000,
        ((7_000, 17_000), (34_000, 40_000), (46_000, 52_000)),
        exam="occlusion-test",
        choices=(("baseline_ms", 5_000), ("occlusion_ms", 10_000), ("recovery_ms", 5_000)),
    ),
    Protocol(
        "demo",
        "fast_cuff",
        "padded_limb",
        660_000,
        1_500_000,
        ((2_000, 150_000), (300_000, 500_000)),
        exam="limb-pressure",
        ceiling_mmhg=300,
    ),
    Protocol(
        "",
        "reservoir_cuff",
        "fast_limb",
        90_000,
        400_000,
        tuple((2_000 + number * 16_000, 7_500 + number * 16_000) for number in range(5)),
        exam="oxidative-capacity",
        choices=(("occlusions", 5),),
    ),
)
