"""One second of the record: where the session and the limbs stood in it."""

from gateway.record.events import Trace
from gateway.safety.observations import State


def frame(state: State, cycle: int, phase: str) -> Trace:
    """This second's frame, without its samples."""
    under_way = state.inflation
    return Trace(
        phase=phase,
        cycle=cycle,
        target_dmmhg=under_way.target_dmmhg if under_way else None,
        ischaemia_debt_ms=state.debts.largest(state.limb).value_ms,
        cuff=[],
        sto2=[],
        limb=state.limb.value if state.limb else "",
        debts_ms=list(state.debts.values_ms),
    )
