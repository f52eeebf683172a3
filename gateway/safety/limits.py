"""Every limit, once: value, unit, source and certainty.

Theory of operation
-------------------
``Limits`` holds the numbers that the supervisor enforces; its defaults are the hard limits and a
site may only tighten them (``tightened``).  ``SOURCES`` says where each number comes from and how
sure we are of it; a limit without an entry fails the tests.  ``FIRMWARE_LIMITS`` is the gateway's
own handwritten copy of what the cuff controller has built in: its CRC-32 must equal the one that
the controller reports, or nothing is armed.

Units: pressure 0.1 mmHg (``_dmmhg``), time ms (``_ms``), blood pressure mmHg.

Certainty: "read" (read in the source named), "standard from memory" (not verified against the
paid text), "engineering proposal" (ours).
"""

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

PRESSURE_CEILING_DMMHG = 3000
"""The hard ceiling of any target, 300.0 mmHg."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The supervisor's numbers. The defaults are hard limits: smaller is always allowed."""

    pressure_ceiling_dmmhg: int = PRESSURE_CEILING_DMMHG
    pressure_trip_dmmhg: int = 3100
    pressure_trip_ms: int = 100
    pressure_trip_once_dmmhg: int = 3200
    deflated_dmmhg: int = 150
    debt_inflation_ms: int = 300_000
    debt_vent_ms: int = 315_000
    debt_unknown_ms: int = 300_000
    planned_longest_ms: int = 300_000
    overdue_ms: int = 15_000
    permit_ms: int = 800
    status_age_ms: int = 500
    absent_ms: int = 5_000
    sensor_missing_ms: int = 200
    sensor_lowest_dmmhg: int = -150
    sensor_highest_dmmhg: int = 4000
    sensors_disagree_dmmhg: int = 150
    sensors_disagree_ms: int = 1000
    reached_dmmhg: int = 30
    respond_ms: int = 5_000
    reach_ms: int = 45_000
    deviation_dmmhg: int = 150
    deviation_ms: int = 1500
    occluding_margin_mmhg: int = 20
    pressure_lost_ms: int = 1500
    not_deflated_ms: int = 10_000
    cycle_late_ms: int = 900
    systolic_lowest_mmhg: int = 90
    systolic_highest_mmhg: int = 180
    mean_lowest_mmhg: int = 65
    blood_pressure_age_ms: int = 300_000
    authorisation_age_ms: int = 5_000
    tissue_saturation_age_ms: int = 10_000

    def tightened(self, pressure_ceiling_dmmhg: int) -> "Limits":
        """These limits with a lower ceiling. Raises ValueError when it would be higher."""
        if not 0 < pressure_ceiling_dmmhg <= self.pressure_ceiling_dmmhg:
            raise ValueError(
                f"a site ceiling of {pressure_ceiling_dmmhg} (0.1 mmHg) is not within "
                f"1..{self.pressure_ceiling_dmmhg}: limits may only be tightened"
            )
        return replace(self, pressure_ceiling_dmmhg=pressure_ceiling_dmmhg)


HARD = Limits()

ENTRY_LOWEST_MMHG = 60
ENTRY_HIGHEST_MMHG = 250
"""A systolic outside 60-250 mmHg is taken for a typing error (engineering proposal)."""


class Source(NamedTuple):
    """Where a limit comes from."""

    source: str
    certainty: str


_OURS = "rvos"
_PROPOSAL = "engineering proposal"
_NIBP = "IEC 80601-2-30"
_MEMORY = "standard from memory"

SOURCES: dict[str, Source] = {
    "pressure_ceiling_dmmhg": Source(f"{_NIBP} adult limit 300 mmHg", _MEMORY),
    "pressure_trip_dmmhg": Source(f"{_OURS}: ceiling + 10 mmHg", _PROPOSAL),
    "pressure_trip_ms": Source(f"{_OURS}: two status frames", _PROPOSAL),
    "pressure_trip_once_dmmhg": Source(f"{_OURS}: below the relief valve's 330 mmHg", _PROPOSAL),
    "deflated_dmmhg": Source(f"{_NIBP} inflated means above 15 mmHg", _MEMORY),
    "debt_inflation_ms": Source("5 min inflation: Chhetri 2022, J Clin Med 11:3938", "read"),
    "debt_vent_ms": Source(f"{_OURS}: 300 s + deflation", _PROPOSAL),
    "debt_unknown_ms": Source(f"{_OURS}: what is not proven counts as a whole occlusion", _PROPOSAL),
    "planned_longest_ms": Source("5 min inflation: Chhetri 2022, J Clin Med 11:3938", "read"),
    "overdue_ms": Source(f"{_OURS}: a plan that forgets to vent is vented", _PROPOSAL),
    "permit_ms": Source(f"{_OURS}: under the controller's dead-man of 1 s", _PROPOSAL),
    "status_age_ms": Source(f"{_OURS}: ten status frames", _PROPOSAL),
    "absent_ms": Source(f"{_OURS}: an idle gateway waits this long for its controller", _PROPOSAL),
    "sensor_missing_ms": Source(f"{_OURS}: four status frames", _PROPOSAL),
    "sensor_lowest_dmmhg": Source(f"{_OURS}: below this a gauge sensor is broken", _PROPOSAL),
    "sensor_highest_dmmhg": Source(f"{_OURS}: above the relief valve", _PROPOSAL),
    "sensors_disagree_dmmhg": Source("pressure deviation alarm of surgical tourniquets, 15 mmHg", "read"),
    "sensors_disagree_ms": Source(f"{_OURS}: longer than a pressure wave in the hose", _PROPOSAL),
    "reached_dmmhg": Source(f"{_NIBP} pressure accuracy 3 mmHg", _MEMORY),
    "respond_ms": Source(f"{_OURS}: a pump that moves nothing in 5 s pumps against a kink", _PROPOSAL),
    "reach_ms": Source(f"{_OURS}: longer means a leak or a wrong cuff", _PROPOSAL),
    "deviation_dmmhg": Source("Zimmer A.T.S. 3000/4000TS: alarm above 15 mmHg from set", "read"),
    "deviation_ms": Source("Zimmer A.T.S. 3000/4000TS: 1.5 s delay for limb motion", "read"),
    "occluding_margin_mmhg": Source(f"{_OURS}: below it the limb congests", _PROPOSAL),
    "pressure_lost_ms": Source(f"{_OURS}: as the deviation delay", _PROPOSAL),
    "not_deflated_ms": Source("deflate within 10 s, seen in a hospital maintenance form", "read"),
    "cycle_late_ms": Source(f"{_OURS}: under the controller's dead-man of 1 s", _PROPOSAL),
    "systolic_lowest_mmhg": Source(f"{_OURS}, after haemodynamic stops in BFR (Scott)", _PROPOSAL),
    "systolic_highest_mmhg": Source("severe hypertension above 180/100 is a contraindication", "read"),
    "mean_lowest_mmhg": Source(f"{_OURS}: mean arterial pressure at least 65 mmHg", _PROPOSAL),
    "blood_pressure_age_ms": Source(f"{_OURS}: the interval of ROSProx is not published", _PROPOSAL),
    "authorisation_age_ms": Source(f"{_OURS}: what was authorised must still be what is asked", _PROPOSAL),
    "tissue_saturation_age_ms": Source(f"{_OURS}: ten values of a one-a-second oximeter", _PROPOSAL),
}


def undocumented() -> list[str]:
    """Names of limits without a source: empty, or the tests fail."""
    return [field.name for field in fields(Limits) if field.name not in SOURCES]


FIRMWARE_LIMITS: tuple[tuple[str, int], ...] = (
    ("pressure_ceiling_dmmhg", 3000),
    ("pressure_trip_dmmhg", 3100),
    ("pressure_trip_ms", 100),
    ("pressure_trip_once_dmmhg", 3200),
    ("deflated_dmmhg", 150),
    ("debt_inflation_ms", 300000),
    ("debt_vent_ms", 330000),
    ("debt_after_reset_ms", 300000),
    ("lease_longest_ms", 1000),
    ("sensors_disagree_dmmhg", 200),
    ("sensors_disagree_ms", 1000),
    ("sensor_missing_ms", 100),
    ("loop_late_ms", 200),
    ("not_deflated_ms", 10000),
    ("self_test_zero_dmmhg", 30),
)
"""The limits that a cuff controller must have built in, in the order of its CRC."""


def firmware_limits_text() -> bytes:
    """The bytes whose CRC-32 a matching controller reports: one ``name=value`` line per limit."""
    return "".join(f"{name}={value}\n" for name, value in FIRMWARE_LIMITS).encode("ascii")
