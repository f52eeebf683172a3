"""The sentences of every reason in English (``gateway.safety.texts``)."""

from gateway.model import Reason
from gateway.safety.wording import Wording

EN: dict[Reason, Wording] = {
    Reason.NO_REQUEST: Wording("No inflation is asked for."),
    Reason.PLANNED: Wording("As planned."),
    Reason.ISCHAEMIA_DEBT: Wording("The limb has not been reperfused for long enough yet.", "Wait."),
    Reason.BLOOD_PRESSURE_MISSING: Wording(
        "No blood pressure was entered.", "Measure it and run `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_STALE: Wording(
        "The blood pressure is older than 5 minutes.", "Measure it and run `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_OUT_OF_RANGE: Wording(
        "The blood pressure is outside systolic 90-180 mmHg or its mean is under 65 mmHg.",
        "No new inflation starts; measure again later or stop the session.",
    ),
    Reason.JOURNAL_PENDING: Wording("The authorisation is being written.", "Wait."),
    Reason.NOT_DEFLATED_YET: Wording("The cuff is still above 15 mmHg.", "Wait."),
    Reason.OTHER_LIMB_DEFLATED: Wording("Another limb was deflated less than a minute ago.", "Wait."),
    Reason.CONTRACTION_PAUSE: Wording("The muscle rests between contractions.", "Wait."),
    Reason.NOT_ARMED: Wording("No session is running.", "Run `rvos session start`."),
    Reason.TARGET_ABOVE_CEILING: Wording(
        "The target is above the pressure ceiling; it is refused, not reduced.",
        "Stop the session, or continue when the blood pressure has fallen.",
    ),
    Reason.TARGET_BELOW_SYSTOLIC: Wording(
        "The target would not occlude: it is under systolic + 20 mmHg, or what this limb was found to need.",
        "Measure the blood pressure, then the limb occlusion pressure again, or use another prescription.",
    ),
    Reason.PLANNED_TIME_TOO_LONG: Wording(
        "The planned occlusion is longer than 300 s.", "Use another prescription."
    ),
    Reason.REQUEST_CHANGED: Wording(
        "What is asked for is not what was authorised.", "Report this: it is a defect."
    ),
    Reason.TARGET_NEEDS_LIMB_PRESSURE: Wording(
        "A target above 250 mmHg needs a limb occlusion pressure measured in this session.",
        "Measure it, or use another prescription.",
    ),
    Reason.NOT_READY: Wording("Something that must be checked first is missing.", "Complete the checks."),
    Reason.BUDGET_SPENT: Wording(
        "The budget of pressure or of stimulation is spent for now.",
        "Stop the session; `rvos patient show` tells what is left.",
    ),
    Reason.HISTORY_UNKNOWN: Wording(
        "This gateway does not know the patient's last 24 hours.",
        "Enter them with `rvos patient history` or `rvos patient import`.",
    ),
    Reason.TOO_MANY_SESSIONS: Wording(
        "The patient has had three sessions in 24 hours.",
        "Wait; `rvos patient show` tells when the next one may start.",
    ),
    Reason.TOO_SOON_AFTER_SESSION: Wording(
        "The patient's last session ended less than 4 hours ago.",
        "Wait; `rvos patient show` tells when the next one may start.",
    ),
    Reason.STIMULATION_ABOVE_LIMIT: Wording(
        "The stimulation asked for is above a limit.", "Use another prescription."
    ),
    Reason.STIMULATION_RISE_TOO_FAST: Wording(
        "The current was to rise faster than allowed.", "Raise it in smaller steps."
    ),
    Reason.STIMULATION_NOT_CONFIGURED: Wording(
        "This site has set no ceilings for stimulation.", "Complete [stimulator] in the configuration."
    ),
    Reason.OVER_PRESSURE: Wording("The cuff pressure was above its limit."),
    Reason.OCCLUSION_TIME: Wording("The limb was occluded for too long."),
    Reason.CUFF_STATUS_LOST: Wording("The cuff controller has fallen silent.", "Check its cable and power."),
    Reason.SENSOR_MISSING: Wording("A pressure sensor gives no value."),
    Reason.SENSOR_OUT_OF_RANGE: Wording("A pressure sensor reads what cannot be."),
    Reason.SENSORS_DISAGREE: Wording("The two pressure sensors disagree.", "Look for a kinked hose."),
    Reason.UNEXPECTED_PRESSURE: Wording("The cuff is under pressure and nobody asked for it."),
    Reason.INFLATION_TOO_SLOW: Wording("The cuff did not reach its target in time.", "Look for a leak."),
    Reason.PRESSURE_LOST: Wording(
        "The cuff pressure fell under systolic + 20 mmHg during the hold.", "Look for a leak."
    ),
    Reason.DEFLATION_FAILED: Wording("The cuff did not deflate: unplug the hose at the cuff."),
    Reason.DEVICE_FAULT: Wording("The cuff controller reports a fault."),
    Reason.DEVICE_RESET: Wording("The cuff controller restarted."),
    Reason.DEVICE_REFUSED: Wording("The cuff controller refused a command to inflate or to stimulate."),
    Reason.CYCLE_LATE: Wording("The gateway was held up for too long."),
    Reason.TIME_REVERSED: Wording("The gateway's clock ran backwards."),
    Reason.JOURNAL_FAILED: Wording("The record cannot be written.", "Check the disk."),
    Reason.CORE_RESTARTED: Wording("The gateway restarted during a session."),
    Reason.RESTARTS_TOO_MANY: Wording(
        "The gateway restarted three times in 30 minutes.", "Call the technician."
    ),
    Reason.VENOUS_CONGESTION: Wording("Blood flowed into the limb and could not leave it."),
    Reason.REPERFUSION_FAILED: Wording(
        "The tissue oxygen has not come back a minute after the cuff was emptied.",
        "Take the cuff off, look at the limb's colour and pulse.",
    ),
    Reason.WRONG_LIMB: Wording("The oxygen fell in the other limb: is the cuff on the wrong one?"),
    Reason.ELECTRODE_FAULT: Wording(
        "The stimulator reports an electrode fault.", "Look at the skin and the electrodes."
    ),
    Reason.STIMULATOR_LOST: Wording("The stimulator has fallen silent.", "Check its cable and power."),
    Reason.STIMULATOR_UNEXPECTED: Wording(
        "The stimulator does something that nobody asked for.", "Unplug its lead."
    ),
    Reason.STATUS_TOO_RARE: Wording("Too few messages come from the cuff controller.", "Check its cable."),
    Reason.STATUS_MISSING: Wording("Many messages of the cuff controller get lost.", "Check its cable."),
    Reason.STATUS_DAMAGED: Wording(
        "Many messages of the cuff controller are damaged.", "Check its cable, and what runs beside it."
    ),
    Reason.DEVICE_CLOCK: Wording(
        "Messages of the cuff controller come late, or its clock is wrong.",
        "Check its cable; if it comes again, call the technician.",
    ),
    Reason.SENSOR_STUCK: Wording(
        "A pressure sensor stands still while the pressure changes.", "Call the technician."
    ),
    Reason.STOPPED_BY_OPERATOR: Wording("A person stopped the session."),
    Reason.STOPPED_AT_BEDSIDE: Wording("The button at the bedside stopped the session."),
    Reason.STOPPED_BY_PATIENT: Wording("The patient's button stopped the session."),
    Reason.INTOLERABLE: Wording(
        "The pain score stopped the session.", "Ask; it may be resumed within an hour."
    ),
    Reason.PATIENT_CLEARED: Wording("The patient was cleared; a new screening comes before anything else."),
    Reason.CORE_STOPPED: Wording("The service was stopped."),
    Reason.TISSUE_SATURATION_LOST: Wording("The oximeter gives no value.", "Check its sensor and cable."),
    Reason.PRESSURE_DEVIATION: Wording(
        "The cuff is more than 15 mmHg from its target.", "Look at the cuff and the hose."
    ),
    Reason.CUFF_NOT_REMOVED: Wording(
        "The cuff is still on the limb.", "Take it off and run `rvos session cuff-removed`."
    ),
    Reason.LINK_LOST: Wording(
        "Nothing carries the record to the ward.", "Check that `rvos link` runs and reaches its broker."
    ),
    Reason.CUFF_ABSENT: Wording("The cuff controller does not answer.", "Check its cable and power."),
    Reason.OCCLUSION_UNVERIFIED: Wording(
        "The tissue oxygen does not show that the limb is occluded.",
        "Look at the probe and the cuff; the cycle counts as unverified.",
    ),
    Reason.LEAK: Wording("The pump works too much to hold the pressure.", "Look for a leak."),
    Reason.RESIDUAL_PRESSURE: Wording(
        "The vented cuff still presses on the limb a little.", "Open the cuff or unplug its hose."
    ),
    Reason.TARGET_FAR_ABOVE_SYSTOLIC: Wording(
        "The cuff is more than 100 mmHg above the systolic pressure.",
        "Stop the session, or measure the limb occlusion pressure.",
    ),
    Reason.PAIN_SCORE_DUE: Wording("A pain score is due.", "Ask the patient and run `rvos session pain`."),
    Reason.ANNUNCIATOR_LOST: Wording(
        "The gateway's light and buzzer cannot be driven.",
        "Stay within hearing of the cuff controller; call the technician.",
    ),
    Reason.WAVEFORM_LOST: Wording(
        "Samples of this session are not recorded.",
        "The session may go on; call the technician (disk full?).",
    ),
    Reason.STIMULATION_HELD: Wording(
        "No response of the muscle: the stimulation is held.",
        "Stop; look at electrodes and lead, press the button, start again with --resume.",
    ),
    Reason.RESPONSE_MISSING: Wording(
        "No response of the muscle to the highest current, or to one that it answered to.",
        "Look at electrodes, lead and stimulator; stop before you mend a lead.",
    ),
    Reason.PULSES_MISSING: Wording(
        "The stimulator gives pulses, and the EMG of the muscle shows none.",
        "Look at leads, electrodes and stimulator; stop before you mend a lead.",
    ),
    Reason.FORCE_LOST: Wording(
        "The force sensor is silent, or its value stands still.", "Check the load cell and its cable."
    ),
    Reason.EMG_LOST: Wording(
        "The EMG of the stimulated muscle is silent, noisy, or at the end of its range.",
        "Check its electrodes, their distance from the stimulated ones, and the cable.",
    ),
    Reason.BLOOD_PRESSURE_CHANGED: Wording(
        "The module's systolic is more than 30 mmHg from the last one that a person entered.",
        "Measure it by hand and run `rvos session pressure`; nothing inflates until then.",
    ),
    Reason.BLOOD_PRESSURE_NOT_TAKEN: Wording(
        "The module could not take the blood pressure.",
        "Look at its cuff; measure by hand and run `rvos session pressure`.",
    ),
    Reason.BLOOD_PRESSURE_MODULE_LOST: Wording(
        "The blood pressure module does not answer.",
        "Measure by hand and run `rvos session pressure`; check its cable and power.",
    ),
    Reason.FREE_LIMB_NOT_DEFLATED: Wording(
        "The blood pressure module's cuff on the free limb is not known to be empty.",
        "Look at that limb; unplug the hose of that cuff.",
    ),
    Reason.ALGOMETER_UNEXPECTED: Wording(
        "The algometer does something that nobody asked for.",
        "Press its stop button; take its cuff off the limb.",
    ),
}
