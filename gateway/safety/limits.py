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
    status_every_ms: int = 200
    status_owed_ms: int = 1_000
    missed_weighs_ms: int = 100
    missed_ms: int = 1_000
    damaged_weighs_ms: int = 500
    damaged_ms: int = 5_000
    status_late_ms: int = 500
    status_late_for_ms: int = 200
    status_ahead_ms: int = 500
    absent_ms: int = 5_000
    sensor_missing_ms: int = 200
    sensor_lowest_dmmhg: int = -150
    sensor_highest_dmmhg: int = 4000
    sensors_disagree_dmmhg: int = 150
    sensors_disagree_ms: int = 1000
    stuck_beside_dmmhg: int = 50
    stuck_beside_ms: int = 1_000
    stuck_working_ms: int = 3_000
    reached_dmmhg: int = 30
    respond_ms: int = 5_000
    pass_ms: int = 30_000
    reach_ms: int = 45_000
    unmeasured_target_dmmhg: int = 2500
    congestion_lowest_dmmhg: int = 200
    congestion_ms: int = 30_000
    relief_ms: int = 1_000
    deviation_dmmhg: int = 150
    deviation_moving_dmmhg: int = 300
    deviation_ms: int = 1500
    leak_after_ms: int = 60_000
    leak_ms: int = 8_000
    leak_duty_permille: int = 200
    far_above_systolic_mmhg: int = 100
    occluding_margin_mmhg: int = 20
    pressure_lost_ms: int = 1500
    not_deflated_ms: int = 10_000
    acceptance_ms: int = 8_000
    acceptance_planned_ms: int = 60_000
    residual_dmmhg: int = 50
    residual_ms: int = 60_000
    limb_gap_ms: int = 60_000
    verify_ms: int = 60_000
    saturation_fall_permille: int = 50
    recovery_ms: int = 60_000
    other_limb_every_ms: int = 10_000
    haemoglobin_permille: int = 50
    haemoglobin_ms: int = 10_000
    short_longest_ms: int = 10_000
    short_series_ms: int = 600_000
    cycle_late_ms: int = 900
    systolic_entry_lowest_mmhg: int = 60
    systolic_entry_highest_mmhg: int = 250
    systolic_lowest_mmhg: int = 90
    systolic_highest_mmhg: int = 180
    mean_lowest_mmhg: int = 65
    blood_pressure_age_ms: int = 300_000
    authorisation_age_ms: int = 5_000
    tissue_saturation_age_ms: int = 10_000
    press_age_ms: int = 60_000
    self_test_zero_dmmhg: int = 30
    circumference_largest_mm: int = 770
    therapy_budget_ms: int = 2_700_000
    therapy_window_ms: int = 72_000_000
    examination_budget_ms: int = 1_200_000
    examination_window_ms: int = 86_400_000
    sessions_most: int = 3
    sessions_window_ms: int = 86_400_000
    session_gap_ms: int = 14_400_000
    resume_ms: int = 3_600_000
    pain_first_mark_ms: int = 120_000
    pain_second_mark_ms: int = 240_000
    pain_answer_ms: int = 30_000
    pain_stops_nrs: int = 7
    pain_stops_cpot: int = 3
    cuff_on_reminder_ms: int = 300_000
    link_silent_ms: int = 30_000
    restarts_most: int = 3
    restarts_window_ms: int = 1_800_000
    stimulation_rms_ua: int = 50_000
    stimulation_density_ua_cm2: int = 2_000
    stimulation_pulse_mj: int = 300
    stimulation_rise_ua: int = 1_000
    stimulation_press_rise_ua: int = 5_000
    stimulation_press_ms: int = 1_000
    stimulation_pause_ms: int = 500
    stimulation_permit_ms: int = 600
    stimulator_age_ms: int = 600
    response_force_mn: int = 2_000
    response_force_age_ms: int = 1_000

    def tightened(self, pressure_ceiling_dmmhg: int) -> "Limits":
        """These limits with a lower ceiling. Raises ValueError when it would be higher."""
        if not 0 < pressure_ceiling_dmmhg <= self.pressure_ceiling_dmmhg:
            raise ValueError(
                f"a site ceiling of {pressure_ceiling_dmmhg} (0.1 mmHg) is not within "
                f"1..{self.pressure_ceiling_dmmhg}: limits may only be tightened"
            )
        return replace(self, pressure_ceiling_dmmhg=pressure_ceiling_dmmhg)


HARD = Limits()


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
    "status_every_ms": Source(f"{_OURS}: a quarter of the statuses of a controller at work", _PROPOSAL),
    "status_owed_ms": Source(f"{_OURS}: the controller's dead-man", _PROPOSAL),
    "missed_weighs_ms": Source(f"{_OURS}: half of the statuses may go astray, not more", _PROPOSAL),
    "missed_ms": Source(f"{_OURS}: ten at once are a silence as long as a status may be old", _PROPOSAL),
    "damaged_weighs_ms": Source(
        f"{_OURS}: a 16-bit checksum passes 1 of 65536 damaged frames: at 2 a second one in 9 h", _PROPOSAL
    ),
    "damaged_ms": Source(f"{_OURS}: ten at once are a plug that is moved, more are not", _PROPOSAL),
    "status_late_ms": Source(f"{_OURS}: as old as a status may be", _PROPOSAL),
    "status_late_for_ms": Source(f"{_OURS}: four status frames; a backlog read in one go is over", _PROPOSAL),
    "status_ahead_ms": Source(f"{_OURS}: as late as a status may be", _PROPOSAL),
    "absent_ms": Source(f"{_OURS}: an idle gateway waits this long for its controller", _PROPOSAL),
    "sensor_missing_ms": Source(f"{_OURS}: four status frames", _PROPOSAL),
    "sensor_lowest_dmmhg": Source(f"{_OURS}: below this a gauge sensor is broken", _PROPOSAL),
    "sensor_highest_dmmhg": Source(f"{_OURS}: above the relief valve", _PROPOSAL),
    "sensors_disagree_dmmhg": Source("pressure deviation alarm of surgical tourniquets, 15 mmHg", "read"),
    "sensors_disagree_ms": Source(f"{_OURS}: longer than a pressure wave in the hose", _PROPOSAL),
    "stuck_beside_dmmhg": Source(f"{_OURS}: more than noise and pulse, less than a disagreement", _PROPOSAL),
    "stuck_beside_ms": Source(f"{_OURS}: longer than a pressure wave in the hose", _PROPOSAL),
    "stuck_working_ms": Source(f"{_OURS}: sixty statuses with the same last digit, at work", _PROPOSAL),
    "reached_dmmhg": Source(f"{_NIBP} pressure accuracy 3 mmHg", _MEMORY),
    "respond_ms": Source(f"{_OURS}: a pump that moves nothing in 5 s pumps against a kink", _PROPOSAL),
    "reach_ms": Source(f"{_OURS}: longer means a leak or a wrong cuff", _PROPOSAL),
    "pass_ms": Source(f"{_OURS}: below systolic + 20 mmHg the limb fills and cannot empty", _PROPOSAL),
    "unmeasured_target_dmmhg": Source(
        f"{_OURS}: more only with a measured limb occlusion pressure", _PROPOSAL
    ),
    "congestion_lowest_dmmhg": Source(f"{_OURS}: above the venous pressure of a lying leg", _PROPOSAL),
    "congestion_ms": Source(f"{_OURS}: as long as an inflation may take to pass", _PROPOSAL),
    "relief_ms": Source(f"{_OURS}: noise and top-ups cross the edge of a bound many times", _PROPOSAL),
    "deviation_moving_dmmhg": Source(f"{_OURS}: a contraction or a movement presses on the cuff", _PROPOSAL),
    "leak_after_ms": Source(f"{_OURS}: fabric and air settle for a minute", _PROPOSAL),
    "leak_ms": Source(f"{_OURS}: a tight cuff needs short top-ups only", _PROPOSAL),
    "leak_duty_permille": Source(f"{_OURS}: a tight cuff is topped up for 3 % of the time", _PROPOSAL),
    "far_above_systolic_mmhg": Source(f"{_OURS}: twice the prescribed margin", _PROPOSAL),
    "deviation_dmmhg": Source("Zimmer A.T.S. 3000/4000TS: alarm above 15 mmHg from set", "read"),
    "deviation_ms": Source("Zimmer A.T.S. 3000/4000TS: 1.5 s delay for limb motion", "read"),
    "occluding_margin_mmhg": Source(f"{_OURS}: below it the limb congests", _PROPOSAL),
    "pressure_lost_ms": Source(f"{_OURS}: as the deviation delay", _PROPOSAL),
    "not_deflated_ms": Source("deflate within 10 s, seen in a hospital maintenance form", "read"),
    "acceptance_ms": Source(f"{_OURS}: 300 to 15 mmHg with 2 s to spare before a vent alarms", _PROPOSAL),
    "acceptance_planned_ms": Source(f"{_OURS}: longer than any cuff takes to 300 mmHg and back", _PROPOSAL),
    "residual_dmmhg": Source(f"{_OURS}: a tight empty cuff impedes the venous return", _PROPOSAL),
    "residual_ms": Source(f"{_OURS}: longer than any deflation", _PROPOSAL),
    "limb_gap_ms": Source(f"{_OURS}: one reperfusion at a time burdens the circulation", _PROPOSAL),
    "verify_ms": Source(f"{_OURS}: StO2 falls by 11 to 12 points a minute (Crit Care cc7404)", _PROPOSAL),
    "saturation_fall_permille": Source(f"{_OURS}: half of the fall that a minute brings", _PROPOSAL),
    "recovery_ms": Source(f"{_OURS}: half of a fall returns in 10 to 20 s on a perfused limb", _PROPOSAL),
    "other_limb_every_ms": Source(f"{_OURS}: six values of the minute in which a fall is judged", _PROPOSAL),
    "haemoglobin_permille": Source(f"{_OURS}: a closed limb keeps its blood", _PROPOSAL),
    "haemoglobin_ms": Source(f"{_OURS}: longer than a movement", _PROPOSAL),
    "short_longest_ms": Source(f"{_OURS}: 5 s occlusions are usual (mnirs)", _PROPOSAL),
    "short_series_ms": Source(f"{_OURS}: a blood pressure holds for 5 min, a series for 10", _PROPOSAL),
    "cycle_late_ms": Source(f"{_OURS}: under the controller's dead-man of 1 s", _PROPOSAL),
    "systolic_entry_lowest_mmhg": Source(f"{_OURS}: below it a typing error is likelier", _PROPOSAL),
    "systolic_entry_highest_mmhg": Source(f"{_OURS}: above it a typing error is likelier", _PROPOSAL),
    "systolic_lowest_mmhg": Source(f"{_OURS}, after haemodynamic stops in BFR (Scott)", _PROPOSAL),
    "systolic_highest_mmhg": Source("severe hypertension above 180/100 is a contraindication", "read"),
    "mean_lowest_mmhg": Source(f"{_OURS}: mean arterial pressure at least 65 mmHg", _PROPOSAL),
    "blood_pressure_age_ms": Source(f"{_OURS}: the interval of ROSProx is not published", _PROPOSAL),
    "authorisation_age_ms": Source(f"{_OURS}: what was authorised must still be what is asked", _PROPOSAL),
    "tissue_saturation_age_ms": Source(f"{_OURS}: ten values of a one-a-second oximeter", _PROPOSAL),
    "press_age_ms": Source(f"{_OURS}: who pressed is still at the bedside", _PROPOSAL),
    "self_test_zero_dmmhg": Source(f"{_NIBP} pressure accuracy 3 mmHg", _MEMORY),
    "circumference_largest_mm": Source("thigh over 77 cm excluded: Trials 2019;20:456, Table 1", "read"),
    "therapy_budget_ms": Source(f"{_OURS}: two sessions of four times five minutes, and a little", _PROPOSAL),
    "therapy_window_ms": Source(f"{_OURS}: a day with room to move a session", _PROPOSAL),
    "examination_budget_ms": Source(f"{_OURS}: some five occlusion tests", _PROPOSAL),
    "examination_window_ms": Source(f"{_OURS}: a day", _PROPOSAL),
    "sessions_most": Source(f"{_OURS}: twice a day (Trials 2021;22:969) and one to spare", _PROPOSAL),
    "sessions_window_ms": Source(f"{_OURS}: a day", _PROPOSAL),
    "session_gap_ms": Source("twice a day with a 4 h interval: Trials 2021;22:969", "read"),
    "resume_ms": Source(f"{_OURS}: later it is another session", _PROPOSAL),
    "pain_first_mark_ms": Source(f"{_OURS}: two of five could not tolerate it (Chhetri 2022)", _PROPOSAL),
    "pain_second_mark_ms": Source(f"{_OURS}: pain grows while the limb is closed", _PROPOSAL),
    "pain_answer_ms": Source(f"{_OURS}: a nurse asks, listens and types", _PROPOSAL),
    "pain_stops_nrs": Source("7 of 10: SmartCuffs instructions", "read"),
    "pain_stops_cpot": Source("CPOT above 2 is pain: clinical reference 11", "read"),
    "cuff_on_reminder_ms": Source(f"{_OURS}: a cuff that stays on presses on the skin", _PROPOSAL),
    "link_silent_ms": Source(f"{_OURS}: a restart of the link takes less", _PROPOSAL),
    "restarts_most": Source(f"{_OURS}: a gateway that keeps dying is out of order", _PROPOSAL),
    "restarts_window_ms": Source(f"{_OURS}: a gateway that keeps dying is out of order", _PROPOSAL),
    "stimulation_rms_ua": Source("IEC 60601-2-10: 50 mA r.m.s. up to 400 Hz", _MEMORY),
    "stimulation_density_ua_cm2": Source("2 mA r.m.s./cm2: AS 60601.2.10:2018", "read"),
    "stimulation_pulse_mj": Source(
        "300 mJ per pulse into 500 ohm: IEC 60601-2-10 as quoted by BIOPAC", "read"
    ),
    "stimulation_rise_ua": Source(f"{_OURS}: one step of a device a contraction", _PROPOSAL),
    "stimulation_press_rise_ua": Source(f"{_OURS}: a person sees and feels each press", _PROPOSAL),
    "stimulation_pause_ms": Source(
        f"{_OURS}: no protocol rests less; counting cannot outrun time", _PROPOSAL
    ),
    "stimulation_press_ms": Source(f"{_OURS}: a person sees and feels each press", _PROPOSAL),
    "stimulation_permit_ms": Source(f"{_OURS}: under the watchdogs of the devices, 1.2 s and 2 s", _PROPOSAL),
    "stimulator_age_ms": Source(f"{_OURS}: one poll", _PROPOSAL),
    "response_force_mn": Source(f"{_OURS}: far above the noise of a load cell", _PROPOSAL),
    "response_force_age_ms": Source(
        f"{_OURS}: a force older than a contraction is no answer to it", _PROPOSAL
    ),
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
    ("overdue_ms", 20000),
    ("lease_longest_ms", 1000),
    ("sensors_disagree_dmmhg", 200),
    ("sensors_disagree_ms", 1000),
    ("sensor_missing_ms", 100),
    ("loop_late_ms", 200),
    ("not_deflated_ms", 10000),
    ("self_test_zero_dmmhg", 30),
    ("presence_ms", 70000),
    ("presence_rest_ms", 1200000),
    ("limb_gap_ms", 60000),
    ("no_rise_ms", 5000),
    ("no_rise_dmmhg", 50),
    ("vent_check_above_dmmhg", 500),
    ("vent_check_ms", 1000),
    ("vent_fall_dmmhg", 100),
    ("pump_stuck_dmmhg", 200),
    ("pressure_step_dmmhg", 200),
    ("pressure_step_ms", 20),
    ("silent_host_ms", 5000),
)
"""The limits that a cuff controller must have built in, in the order of its CRC."""


def firmware_limits_text() -> bytes:
    """The bytes whose CRC-32 a matching controller reports: one ``name=value`` line per limit."""
    return "".join(f"{name}={value}\n" for name, value in FIRMWARE_LIMITS).encode("ascii")
