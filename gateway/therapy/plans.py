"""From a prescription to its plan.

Theory of operation
-------------------
The one place that knows which plan belongs to which kind of prescription.

Units: ms.
"""

from gateway.therapy import nmes, nmes_loop, rvos
from gateway.therapy.examinations import ExaminationsPlan
from gateway.therapy.plan import Plan
from gateway.therapy.prescription import (
    NmesLoopPrescription,
    NmesPrescription,
    NoPrescription,
    Prescription,
    RvosPrescription,
)


def begin(prescription: Prescription, now: int, first_cycle: int = 1) -> Plan:
    """The plan at its start; one that was interrupted goes on with its first missing cycle."""
    match prescription:
        case RvosPrescription():
            return rvos.RvosPlan(prescription, rvos.start(now, first_cycle))
        case NmesLoopPrescription():
            return nmes_loop.start(prescription, now, first_cycle)
        case NmesPrescription():
            return nmes.start(prescription, now, first_cycle)
        case NoPrescription():
            return ExaminationsPlan(prescription, now)
