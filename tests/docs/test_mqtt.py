"""The page for subscribers has every message, every key and its type, and nothing that is not sent."""

import re
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest

from gateway.record.events import EVENTS, Event
from gateway.record.summary import Summary
from gateway.ward.messages import Alarm, Birth, Envelope, Health, State, Status
from tests.docs.pages import read, rows, section

PAGE = read("docs/mqtt.md")
TABLES: dict[str, type[msgspec.Struct]] = {
    "Envelope: in every payload": Envelope,
    "Status": Status,
    "Birth": Birth,
    "State": State,
    "Health": Health,
    "Alarm": Alarm,
    "Session summary": Summary,
}
WORDS = {str: "text", int: "integer", float: "float", bool: "boolean"}


def words_of(declared: Any, nothing: str = "none") -> str:
    """A field's type in the page's words."""
    if get_origin(declared) is Literal:
        return "text"
    if any(get_origin(kind) is Literal for kind in get_args(declared)):
        return f"text or {nothing}"
    if get_origin(declared) is list:
        return f"list of {words_of(get_args(declared)[0], 'null')}"
    kinds = [kind for kind in get_args(declared) or (declared,) if kind is not NoneType]
    assert len(kinds) == 1
    return WORDS[kinds[0]] + (f" or {nothing}" if NoneType in get_args(declared) else "")


def fields_of(message: type[msgspec.Struct]) -> list[tuple[str, str]]:
    return [(field.name, words_of(field.type)) for field in msgspec.structs.fields(message)]


@pytest.mark.parametrize("title", TABLES)
def test_every_key_has_its_row_in_order_and_type(title: str) -> None:
    table = [(row[0].strip("`"), row[1]) for row in rows(section(PAGE, title))[1:]]
    assert table == fields_of(TABLES[title])


@pytest.mark.parametrize("title", TABLES)
def test_every_key_is_explained(title: str) -> None:
    assert all(len(row) == 3 and row[2] for row in rows(section(PAGE, title)))


def described_events() -> dict[str, list[tuple[str, str]]]:
    """From the page: event type -> its keys with their types."""
    table = rows(section(PAGE, "Events"))[1:]
    return {
        row[0].strip("`"): re.findall(r"`(\w+)` ((?:list of )?\w+(?: or none)?)", row[2]) for row in table
    }


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
def test_every_event_has_its_row(kind: type[Event]) -> None:
    assert described_events()[kind.name] == fields_of(kind)


def test_no_event_is_described_that_is_not_sent() -> None:
    assert described_events().keys() == EVENTS.keys()


def test_states_and_modes_are_named() -> None:
    for message, key in ((Status, "state"), (Alarm, "state"), (State, "mode"), (Health, "link")):
        title = next(title for title, kind in TABLES.items() if kind is message)
        text = next(row[2] for row in rows(section(PAGE, title)) if row[0] == f"`{key}`")
        declared = next(field.type for field in msgspec.structs.fields(message) if field.name == key)
        assert set(get_args(declared)) <= set(re.findall(r"`(\w+)`", text))
