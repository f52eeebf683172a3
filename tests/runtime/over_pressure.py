"""A status that shows what a test wants, as the controller would send it."""

from firmware_bridge import cuff as messages
from firmware_bridge import ecp
from tests.runtime.conftest import People


def status(people: People, control_dmmhg: int) -> bytes:
    """The controller's next status, kept from core, with another pressure in it."""
    core, kept = people.bedside.core, bytearray()
    assert core is not None
    receive = core.cuff_bytes
    core.cuff_bytes = lambda data, now: kept.extend(data)  # type: ignore[method-assign]
    people.bedside.run(60)
    core.cuff_bytes = receive  # type: ignore[method-assign]
    packets = ecp.Decoder().feed(bytes(kept))
    found = [messages.decode_status(packet) for packet in packets if packet.code == messages.STATUS]
    assert found[-1] is not None
    return messages.encode_status(found[-1]._replace(control_dmmhg=control_dmmhg))
