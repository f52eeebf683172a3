"""The rows of blood pressures: which counts from now on and who measured it, and which does not count.

Theory of operation
-------------------
Pure.  A pressure is a row before anything is authorised by it: the rows of the journal become durable in
their order, so that a durable authorisation stands on a durable pressure.

Units: mmHg.
"""

from gateway.model import BloodPressure
from gateway.record.events import BloodPressureEntered, BloodPressureHeldBack


def entered(pressure: BloodPressure) -> BloodPressureEntered:
    """This one counts from now on."""
    return BloodPressureEntered(
        systolic_mmhg=pressure.systolic_mmhg,
        diastolic_mmhg=pressure.diastolic_mmhg,
        source="person" if pressure.module is None else "module",
        serial=pressure.module or "",
    )


def held_back(measured: BloodPressure, confirmed: BloodPressure | None) -> BloodPressureHeldBack:
    """The module took this one, and none counts until a person has entered one."""
    return BloodPressureHeldBack(
        systolic_mmhg=measured.systolic_mmhg,
        diastolic_mmhg=measured.diastolic_mmhg,
        confirmed_systolic_mmhg=confirmed.systolic_mmhg if confirmed is not None else 0,
        serial=measured.module or "",
    )
