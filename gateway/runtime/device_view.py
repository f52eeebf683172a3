"""What a person or a dashboard sees of each device: who it is, how it does, what went over its link.

Theory of operation
-------------------
Made from the conditions of the links, and of the cuff from its gate.  A *notice* is what has to be said of a
device whenever it is named: that its maker does not call it a medical one.

Units: ms.
"""

from drivers import p24
from drivers.host import Counters, Identity
from drivers.link import NOTHING, Condition
from gateway.runtime.core import Core
from gateway.runtime.requests import Device
from gateway.safety.debt import is_fresh


def devices(core: Core, now: int) -> list[Device]:
    """Every device of the configuration, the cuff first."""
    return [_seen(core, one) for one in (_cuff(core, now), *core.conditions())]


def _cuff(core: Core, now: int) -> Condition:
    gate, reading = core.gate, core.cuff
    age_ms = None if reading is None else max(0, now - reading.arrived_ms)
    who = gate.identity
    identity = None if who is None else Identity(who.board, who.serial, who.firmware)
    state, why = "ready", ""
    if gate.refusal:
        state, why = ("absent" if identity is None else "refused"), gate.refusal
    elif identity is None:
        state, why = "unknown", "has not said yet who it is"
    elif not is_fresh(core.setup.limits, reading, now):
        state, why = "silent", "no valid status of late"
    return Condition("cuff", state, why, identity, age_ms, gate.counters or NOTHING, gate.opened)


def _seen(core: Core, one: Condition) -> Device:
    table = getattr(core.setup.config, one.name, None)
    who = one.identity or Identity("")
    counted: Counters = one.counters
    return Device(
        name=one.name,
        state=one.state,
        why=one.why,
        port=getattr(table, "port", None) or "",
        description=getattr(table, "description", ""),
        model=who.model,
        serial=who.serial,
        firmware=who.firmware,
        age_ms=one.age_ms,
        frames=counted.frames,
        checksum_errors=counted.checksum_errors,
        resyncs=counted.resyncs,
        gaps=counted.gaps,
        round_trip_ms=counted.round_trip_ms,
        opened=one.opened,
        notice=p24.NOTICE if getattr(table, "driver", None) == "p24" else "",
    )
