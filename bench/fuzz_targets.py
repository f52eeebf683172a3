"""Every codec and every host that takes bytes from a wire, by name: what the fuzzer feeds.

Theory of operation
-------------------
A *codec* gets the same bytes whole and in pieces; both must give the same, raise nothing and hold little.  A
*host* gets bytes and time and is asked what it wants to say, as its shell does; it must raise nothing, hold
little, and never count what we sent as a sign of life.

Only packages of the project's floor 1 and its drivers are imported, so that the fuzzer's interpreter needs
nothing else.
"""

from collections.abc import Callable
from typing import Any

from drivers import (
    bitalino,
    cpar_messages,
    cyton,
    feeder,
    invos,
    nonin,
    nonin_oem,
    sciencemode2,
    sciencemode4,
    suntech,
)
from drivers.bitalino_host import BitalinoHost
from drivers.cpar import CparHost
from drivers.cuff import CuffHost
from drivers.cyton_host import CytonHost
from drivers.hub import HubHost
from drivers.invos_host import InvosHost
from drivers.moxy_host import MoxyHost
from drivers.nibp import NibpHost
from drivers.nonin_host import NoninHost
from drivers.nonin_oem_host import NoninOemHost
from drivers.p24 import P24Host
from drivers.rehastim2 import Rehastim2Host
from firmware_bridge import cuff, ecp

MOST_HELD_BYTES = 16_384
HOURS_MS = 3_600_000


class _Cuff:
    """ECP and every message of our controller, both sides."""

    _READERS = tuple(getattr(cuff, name) for name in sorted(dir(cuff)) if name.startswith("decode_"))

    def __init__(self) -> None:
        self._frames = ecp.Decoder()

    def feed(self, data: bytes) -> list[Any]:
        """Whatever any reader makes of each packet."""
        return [reader(packet) for packet in self._frames.feed(data) for reader in self._READERS]


class _Nonin(nonin.LineDecoder):
    """Its lines are stamped: at one instant here."""

    def feed(self, data: bytes, now_ms: int = 0) -> list[nonin.Reading]:
        """As its own."""
        return super().feed(data, now_ms)


CODECS: dict[str, Callable[[], Any]] = {
    "ecp": ecp.Decoder,
    "cuff": _Cuff,
    "sciencemode2": sciencemode2.Decoder,
    "sciencemode4": sciencemode4.Decoder,
    "cpar": cpar_messages.Decoder,
    "cpar-device": cpar_messages.RequestDecoder,
    "suntech": suntech.Decoder,
    "suntech-device": suntech.CommandDecoder,
    "nonin": _Nonin,
    "invos": lambda: invos.Decoder(invos.CASE_HISTORY, 1),
    "feeder": feeder.Decoder,
    "cyton": cyton.Decoder,
    "cyton-text": cyton.TextDecoder,
    "bitalino": bitalino.Decoder,
    "bitalino-text": bitalino.VersionDecoder,
    "nonin-oem": nonin_oem.Decoder,
    "nonin-oem-device": nonin_oem.SelectDecoder,
}

HOSTS: dict[str, Callable[[], Any]] = {
    "cuff-host": CuffHost,
    "rehastim2-host": Rehastim2Host,
    "p24-host": P24Host,
    "hub-host": HubHost,
    "cpar-host": CparHost,
    "nibp-host": NibpHost,
    "nonin-host": NoninHost,
    "invos-host": lambda: InvosHost(invos.CASE_HISTORY),
    "moxy-host": MoxyHost,
    "cyton-host": CytonHost,
    "bitalino-host": BitalinoHost,
    "nonin-oem-host": NoninOemHost,
}


def check_codec(make: Callable[[], Any], data: bytes) -> int:
    """Whole and in pieces, the same; how much it took for frames.

    Raises ``AssertionError``, or whatever the codec raises.
    """
    whole, pieces = make(), make()
    told = whole.feed(data)
    cut = data[0] % 7 + 1 if data else 1
    in_pieces = [one for at in range(0, len(data), cut) for one in pieces.feed(data[at : at + cut])]
    assert repr(told) == repr(in_pieces), f"whole {told!r}, in pieces of {cut} {in_pieces!r}"
    return sum(one is not None for one in told)


def check_host(make: Callable[[], Any], data: bytes) -> int:
    """Pieces with time between them; the first byte of each says how much of both.  How many
    instants gave it life.
    """
    host, now_ms, at, valid = make(), 1_000, 0, 0
    while at < len(data):
        step = data[at]
        piece = data[at + 1 : at + 1 + step % 64]
        at += 1 + step % 64
        now_ms += (0, 5, 50, 700, HOURS_MS)[step // 64 if step < 255 else 4]
        before_ms = host.last_valid_ms
        host.outgoing(now_ms)
        assert host.last_valid_ms == before_ms, "what we send is no sign of life"
        host.receive(piece, now_ms)
        valid += host.last_valid_ms != before_ms
        assert host.last_valid_ms is None or host.last_valid_ms <= now_ms
        assert isinstance(host.refusal if hasattr(host, "refusal") else "", str)
    return valid
