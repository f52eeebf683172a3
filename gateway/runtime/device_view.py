"""What a person or a dashboard sees of each device: who it is, how it does, what went over its link.

Theory of operation
-------------------
Made from the conditions of the links; of a cuff without a link (a bedside in memory) from its gate.  A
*notice* is what has to be said of a device whenever it is named: that its maker does not call it a medical
one, or that what its port brings comes late.

Units: ms.
"""

from drivers import cpar_texts, p24
from drivers.host import Counters, Identity, LinkState
from drivers.link import NOTHING, Condition
from gateway.runtime.core import Core
from gateway.runtime.requests import Device
from gateway.safety.debt import is_fresh

_NOTICES = {"p24": p24.NOTICE, "cpar": cpar_texts.NOTICE}


def devices(core: Core, now: int) -> list[Device]:
    """Every device of the configuration, the cuff first."""
    known = core.conditions()
    if all(one.name != "cuff" for one in known):
        known = [_cuff(core, now), *known]
    return [_seen(core, one) for one in known]


def _cuff(core: Core, now: int) -> Condition:
    gate, reading = core.gate, core.cuff
    age_ms = None if reading is None else max(0, now - reading.arrived_ms)
    who = gate.identity
    identity = None if who is None else Identity(who.board, who.serial, who.firmware)
    state: LinkState = "ready"
    why = ""
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
        notice="; ".join(words for words in (_of_its_maker(table), one.notice) if words),
    )


def _of_its_maker(table: object) -> str:
    return _NOTICES.get(getattr(table, "driver", ""), "")
