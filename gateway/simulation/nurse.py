"""A simulated nurse: starts the session, measures blood pressures in time, takes the cuff off.

Theory of operation
-------------------
The nurse says once that the patient had nothing elsewhere, presses the bedside button before a session
starts, sees what ``rvos session status`` shows and asks what a person would ask, through the same desk.
Measured pressures scatter around the limb's true ones by a few mmHg, from a seed.  A pressure is entered a
minute before the next inflation can start, or when the last one is four minutes old and an inflation may
start at any moment; a pain score is given when it is due; so a fault-free session waits for nobody and
sounds no alarm.

Units: mmHg; seconds as the status shows them.
"""

import random
from collections.abc import Callable

from gateway.model import Limb
from gateway.runtime.requests import (
    AnyRequest,
    PatientHistory,
    Reply,
    SessionCuffRemoved,
    SessionPain,
    SessionPressure,
    SessionStart,
    SessionStatus,
)
from gateway.therapy.prescription import NoPrescription, load
from gateway.therapy.screening import questions, right_answers

PATIENT = "simulated-limb"
CUFF_WIDTH_MM, CIRCUMFERENCE_MM = 180, 560
_SCATTER_MMHG = 3
_NRS_BEARABLE = 5
_BEFORE_INFLATION_S = 60.0
_RECENT_S = 120.0
_OLD_S = 240.0

Ask = Callable[[AnyRequest], Reply]


class Refused(Exception):
    """The desk said no to the nurse; the message is the desk's."""


class Nurse:
    """One person with a blood pressure monitor."""

    def __init__(
        self,
        ask: Ask,
        press_button: Callable[[], None],
        systolic_mmhg: float,
        diastolic_mmhg: float,
        seed: int,
    ) -> None:
        self._ask, self._press_button = ask, press_button
        self._systolic_mmhg, self._diastolic_mmhg = systolic_mmhg, diastolic_mmhg
        self._random = random.Random(seed)
        self._told = False
        self.pressures_entered = 0

    def start(self, prescription: str, limb: Limb) -> str:
        """Press the bedside button and start the session; returns its name. Raises ``Refused``."""
        if not self._told:
            self._told = True
            self._said_yes(PatientHistory(patient=PATIENT, nothing=True, confirm=True))
        self._press_button()
        systolic, diastolic = self._measure()
        reply = self._said_yes(start_request(prescription, limb, systolic, diastolic))
        return str(reply.data["session"])

    def look(self) -> dict[str, object]:
        """Look at the status, do what it asks for, and return its state."""
        state = self._said_yes(SessionStatus()).data["state"]
        if isinstance(state, dict) and pressure_is_due(state):
            systolic, diastolic = self._measure()
            self._said_yes(SessionPressure(systolic_mmhg=systolic, diastolic_mmhg=diastolic, confirm=True))
            self.pressures_entered += 1
        if isinstance(state, dict) and state.get("pain_score_due"):
            self._said_yes(SessionPain(nrs=self._random.randint(0, _NRS_BEARABLE)))
        return dict(state)

    def remove_cuff(self) -> None:
        """Take the cuff off and say so."""
        self._said_yes(SessionCuffRemoved())

    def _said_yes(self, request: AnyRequest) -> Reply:
        reply = self._ask(request)
        if reply.exit_code:
            raise Refused(reply.message)
        return reply

    def _measure(self) -> tuple[int, int]:
        scatter = self._random.randint(-_SCATTER_MMHG, _SCATTER_MMHG)
        return round(self._systolic_mmhg) + scatter, round(self._diastolic_mmhg) + scatter


def start_request(
    prescription: str,
    limb: Limb,
    systolic_mmhg: int | None,
    diastolic_mmhg: int | None,
    *,
    patient: str = PATIENT,
    resume: bool = False,
    examinations: bool = False,
) -> SessionStart:
    """A start with every answer that a patient without contraindications gives."""
    wanted = load(prescription) if prescription else NoPrescription()
    asked = questions(limb, cuff=wanted.uses_cuff, stimulation=wanted.uses_stimulator)
    return SessionStart(
        prescription=prescription,
        patient=patient,
        limb=limb.value,
        systolic_mmhg=systolic_mmhg,
        diastolic_mmhg=diastolic_mmhg,
        confirm=True,
        answers=right_answers(asked),
        cuff_width_mm=CUFF_WIDTH_MM if wanted.uses_cuff else None,
        circumference_mm=CIRCUMFERENCE_MM if wanted.uses_cuff and limb.is_thigh else None,
        resume=resume,
        examinations=examinations,
    )


def pressure_is_due(state: dict[str, object]) -> bool:
    """Whether the status shows that a blood pressure is wanted now, or a minute from now."""
    age, left, phase = (state.get(key) for key in ("blood_pressure_age_s", "phase_left_s", "phase"))
    if not isinstance(age, float) or not isinstance(left, float):
        return False
    if phase == "reperfusion":
        more = state.get("cycle") != state.get("cycles_prescribed")
        return more and left <= _BEFORE_INFLATION_S and age > _RECENT_S
    return phase in ("baseline", "waiting") and age > _OLD_S
