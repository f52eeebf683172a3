"""The page on the architecture has the wire as it is, and every room; the one on configuration every key."""

import struct
from typing import Any

import msgspec
import pytest

from firmware_bridge import cuff
from firmware_bridge.cuff import Status
from gateway.config import Config
from gateway.config.fields import table_of
from gateway.model import DeviceFault, Limb
from tests.docs.pages import ROOT, read, rows, section

PAGE = read("docs/architecture.md")
WIRE = section(PAGE, "Cuff protocol")
LAYOUTS = {"u8": "B", "u16": "H", "u32": "I", "i16": "h", "16s": "16s", "24s": "24s"}
REQUESTS = {
    "hello": cuff.HELLO,
    "tighten": cuff.TIGHTEN,
    "lease": cuff.LEASE,
    "vent": cuff.VENT,
    "self-test": cuff.SELF_TEST,
    "clear faults": cuff.CLEAR_FAULTS,
    "annunciate": cuff.ANNUNCIATE,
    "relay": cuff.RELAY,
    "relay open": cuff.RELAY_OPEN,
}
REPLIES = {
    "hello": cuff.encode_hello_reply(cuff.Hello(1, 1, 0, 1, 0, 0, 0, b"", b"")),
    "tighten": cuff.encode_tighten_reply(0, 0),
    "lease": cuff.encode_lease_reply(0, 0),
    "vent": cuff.encode_vent(),
    "self-test": cuff.encode_self_test_reply(0, 0, 0),
    "clear faults": cuff.encode_clear_reply(0),
    "annunciate": cuff.encode_annunciate_reply(0),
    "relay": cuff.encode_relay_reply(0, 0),
    "relay open": cuff.encode_relay_open(),
}
FRAME_AND_HEADER = 6


def table() -> dict[str, tuple[str, ...]]:
    """From the page: name -> code, name, request, reply."""
    return {row[1].split(",")[0]: row for row in rows(WIRE) if len(row) == 4 and row[0].startswith("`")}


def names(cell: str) -> list[str]:
    return [] if cell == "nothing" else [part.split()[0] for part in cell.split(", ")]


def length(cell: str) -> int:
    """Bytes of a content as the page describes it."""
    if cell == "nothing":
        return 0
    fields = cell.removesuffix(" (crc)").split(", ")
    layout = "<" + "".join(LAYOUTS[field.split()[1]] for field in fields)
    return struct.calcsize(layout) + (2 if cell.endswith(" (crc)") else 0)


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_and_replies_are_as_long_as_the_page_says(name: str) -> None:
    code, _, request, reply = table()[name]
    assert int(code.strip("`"), 16) == REQUESTS[name]
    assert length(request) == cuff.request_length(REQUESTS[name])
    assert length(reply) == len(REPLIES[name]) - FRAME_AND_HEADER


def test_the_status_is_as_the_page_says() -> None:
    code, _, _, content = table()["status"]
    assert int(code.strip("`"), 16) == cuff.STATUS
    assert names(content) == list(Status._fields)
    frame = cuff.encode_status(Status(*[0] * len(Status._fields)))
    assert length(content) == len(frame) - FRAME_AND_HEADER


def test_every_request_is_on_the_page() -> None:
    assert {code for code in range(256) if cuff.request_length(code) is not None} == set(REQUESTS.values())
    assert set(table()) == {*REQUESTS, "status"}


def test_fields_are_in_the_order_of_the_messages() -> None:
    assert names(table()["lease"][2]) == list(cuff.LeaseRequest._fields)
    assert names(table()["relay"][2]) == list(cuff.RelayRequest._fields)
    assert names(table()["tighten"][2]) == list(cuff.TightenRequest._fields)
    assert names(table()["hello"][3]) == list(cuff.Hello._fields)


def values(field: str) -> str:
    return next(row[1] for row in rows(WIRE) if row[0] == field)


def test_results_and_states_have_their_numbers() -> None:
    results = ("OK", "TARGET_ABOVE_CEILING", "BAD_DURATION", "WRONG_NONCE", "DEBT", "FAULTED", "OLD_SEQUENCE")
    new = ("WRONG_LIMB", "LIMB_TOO_SOON", "NO_PRESENCE")
    for name in (*results, "NOT_VENTED", "NOT_ZERO", "SENSOR_MISSING", *new):
        assert f"{getattr(cuff, name)} {name.lower().replace('_', ' ')}" in values("result")
    for name in ("VENTED", "INFLATING", "HOLDING", "LOWERING"):
        assert f"{getattr(cuff, name)} {name.lower()}" in values("state")
    for limb in Limb:
        assert f"{limb.number} {limb.value.replace('_', ' ')}" in values("limb")
    for name in ("SILENT", "LOW", "MEDIUM", "HIGH"):
        assert f"{getattr(cuff, name)} {name.lower()}" in values("priority")


def test_every_bit_of_the_actuators_is_on_the_page() -> None:
    described = values("actuators")
    bits = ("dump valve closed", "inflate valve open", "pump on", "buzzer", "button", "relay closed")
    for bit, words in enumerate((*bits, "patient's stop", "air is being moved")):
        assert f"{bit} {words}" in described
    of = (cuff.DUMP_CLOSED, cuff.INFLATE_OPEN, cuff.PUMP_ON, cuff.BUZZER, cuff.BUTTON, cuff.RELAY_CLOSED)
    assert (*of, cuff.PATIENT_STOP, cuff.MOVING) == tuple(1 << bit for bit in range(8))


def test_faults_are_explained_elsewhere_and_have_the_wire_s_numbers() -> None:
    wire = {name: getattr(cuff, f"FAULT_{name}") for name in (fault.name for fault in DeviceFault) if name}
    assert wire == {fault.name: fault.value for fault in DeviceFault}


def test_every_room_is_on_the_page() -> None:
    named = {row[1].strip("`/") for row in rows(section(PAGE, "Rooms and floors"))}
    rooms = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "gateway").glob("*/__init__.py")}
    assert rooms | {"firmware_bridge", "dsp", "drivers", "gateway/model.py"} == named - {"room"}


def keys(table_type: type[msgspec.Struct], prefix: str = "") -> dict[str, msgspec.structs.FieldInfo]:
    """Every key of the configuration with its dotted name."""
    found: dict[str, msgspec.structs.FieldInfo] = {}
    for field in msgspec.structs.fields(table_type):
        inner = table_of(field.type)
        if inner is None:
            found[f"{prefix}{field.name}"] = field
        else:
            found |= keys(inner, f"{prefix}{field.name}.")
    return found


KEYS = keys(Config)


def row_with(key: str) -> tuple[str, ...]:
    return next(row for row in rows(read("docs/configuration.md")) if f"`{key}`" in row[0])


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_its_default(key: str) -> None:
    default = row_with(key)[1]
    declared: Any = KEYS[key].default
    if declared is msgspec.NODEFAULT:
        assert default.startswith("required") or (key == "mqtt.tls.ca" and default == "none")
    elif declared is None:
        assert default == "none"
    else:
        assert default.strip("`").strip('"') == (
            str(declared).lower() if isinstance(declared, bool) else str(declared)
        )


def test_no_key_is_described_that_does_not_exist() -> None:
    named = {key.strip("`") for row in rows(read("docs/configuration.md"))[1:] for key in row[0].split(", ")}
    assert named == KEYS.keys()
