"""The simulated bedside of ``rvos exam run --simulation``: an armed session, a nurse, virtual time.

Theory of operation
-------------------
Each examination has the cuff and the limb that it can be shown on: a pressure in the limb far enough above
the systolic to be climbed to, a reservoir for short occlusions.  The limb is at rest, so a series of short
occlusions shows resting consumption and no recovery: its result says so.  While time passes the simulated
nurse enters blood pressures and pain scores as they fall due.  The same seed gives the same examination.

Units: s in, ms of virtual time inside.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from gateway.model import Limb
from gateway.runtime.requests import AnyRequest, PatientHistory, Reply, SessionStart
from gateway.simulation import bedside, models
from gateway.simulation.bedside import Bed
from gateway.simulation.full import configuration
from gateway.simulation.nurse import CIRCUMFERENCE_MM, CUFF_WIDTH_MM, PATIENT, Nurse, Refused
from gateway.therapy.screening import questions, right_answers

_READINGS_MS = 10_000
_CEILING_MMHG = 300


class _On(NamedTuple):
    cuff: str
    limb: str


BEDS: dict[str, _On] = {
    "occlusion-test": _On("thigh_cuff", "limb"),
    "limb-pressure": _On("thigh_cuff", "padded_limb"),
    "oxidative-capacity": _On("reservoir_cuff", "limb"),
}


class SimulatedBedside:
    """A context manager: a session for examinations is armed on the left thigh when it is entered."""

    lasts = False

    def __init__(self, exam: str, seed: int = 1) -> None:
        self._on, self._seed = BEDS[exam], seed
        self.description = (
            f"{models.CUFFS[self._on.cuff].description}, {models.LIMBS[self._on.limb].description}"
        )
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as ending:
            folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="rvos-")))
            config = configuration(self._on.cuff, self._on.limb, None, ceiling_mmhg=_CEILING_MMHG)
            body = models.LIMBS[self._on.limb]
            bed = Bed(config, models.CUFFS[self._on.cuff], body, self._seed)
            self._bedside = bedside.Bedside(bed, folder / "journal.db")
            ending.callback(self._bedside.close)
            self._nurse = Nurse(
                self._bedside.ask,
                self._bedside.press_button,
                body.systolic_mmhg,
                body.diastolic_mmhg,
                self._seed,
            )
            self._arm(body)
            self._ending = ending.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def ask(self, request: AnyRequest) -> Reply:
        """The core's answer."""
        return self._bedside.ask(request)

    def wait(self, seconds: float) -> None:
        """Let virtual time pass; the nurse looks and does what is due."""
        self._bedside.run(round(seconds * 1000))
        self._nurse.look()

    def _arm(self, body: models.Limb) -> None:
        self._bedside.run(_READINGS_MS)
        self._bedside.ask(PatientHistory(patient=PATIENT, nothing=True, confirm=True))
        self._bedside.press_button()
        reply = self._bedside.ask(
            SessionStart(
                prescription="",
                patient=PATIENT,
                limb=Limb.LEFT_THIGH.value,
                systolic_mmhg=round(body.systolic_mmhg),
                diastolic_mmhg=round(body.diastolic_mmhg),
                confirm=True,
                answers=right_answers(questions(Limb.LEFT_THIGH)),
                cuff_width_mm=CUFF_WIDTH_MM,
                circumference_mm=CIRCUMFERENCE_MM,
            )
        )
        if reply.exit_code:
            raise Refused(reply.message)
