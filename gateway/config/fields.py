"""What a table of the configuration is made of: a struct, and words for each of its keys.

Theory of operation
-------------------
One frozen struct per TOML table.  Each key carries its explanation, the rule that an error cites and
the value that the example shows, so the three cannot drift apart; ``explanation_of``, ``rule_of`` and
``example_of`` read them back.  Keys that only the technician can know have an empty example.  A table that
most sites leave out is ``optional``: the example shows it behind a "#".
"""

from types import UnionType
from typing import Any, ClassVar, get_args

import msgspec


def field(explanation: str, rule: str, example: str, **limits: Any) -> msgspec.Meta:
    """The constraints of one value with the words that go with it.

    ``rule`` completes "<key> = <value>: must be ..."; ``example`` is TOML, empty where the technician
    must write it.
    """
    return msgspec.Meta(description=explanation, extra={"rule": rule, "example": example}, **limits)


def identifier(explanation: str) -> msgspec.Meta:
    rule = "1 to 32 small letters a-z, digits or '-' (it is a level of the MQTT topics)"
    return field(explanation, rule, "", pattern=r"\A[a-z0-9-]{1,32}\Z")


def words(explanation: str) -> msgspec.Meta:
    rule = "1 to 120 characters on one line"
    return field(explanation, rule, "", pattern=r"\A[^\n\r]{1,120}\Z")


def port_path(explanation: str, example: str) -> msgspec.Meta:
    rule = (
        "an absolute path that stays with the device: /dev/rvos-* (from 60-rvos.rules) or "
        "/dev/serial/by-id/*, never /dev/ttyUSB* or /dev/ttyACM*, whose numbers change"
    )
    return field(explanation, rule, example, pattern=r"\A/(?!dev/tty(USB|ACM)\d)[^\0]+\Z")


def file_path(explanation: str, example: str) -> msgspec.Meta:
    return field(explanation, "an absolute path", example, pattern=r"\A/[^\0]+\Z")


def ceiling(explanation: str, unit: str, most: int) -> msgspec.Meta:
    """A number that a site must state: there is no default, and no example that could be copied."""
    return field(explanation, f"a whole number from 1 to {most} {unit}", "", ge=1, le=most)


def gpio_line(explanation: str, example: str) -> msgspec.Meta:
    rule = "the number of a GPIO line, 0 to 1023 (not the number of a pin on the connector)"
    return field(explanation, rule, example, ge=0, le=1023)


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table: frozen, no unknown keys. Its docstring introduces it in the example."""

    optional: ClassVar[bool] = False


def table_of(declared: Any) -> type[Table] | None:
    """The struct of a key that is a table, alone or ``| None``; None for any other key."""
    members = get_args(declared) if isinstance(declared, UnionType) else (declared,)
    for member in members:
        if isinstance(member, type) and issubclass(member, Table):
            return member
    return None


def explanation_of(declared: Any) -> str:
    """What a key is for, one or more lines."""
    return str(_meta(declared).description)


def rule_of(declared: Any) -> str:
    """What completes "must be ..." for the type of a key."""
    return "a table of its own" if table_of(declared) else str((_meta(declared).extra or {})["rule"])


def example_of(declared: Any) -> str:
    """The TOML that the example shows for a key; empty where only the technician knows it."""
    return str((_meta(declared).extra or {})["example"])


def _meta(declared: Any) -> msgspec.Meta:
    """The words of ``Annotated[X, words]``, alone or ``| None``."""
    for member in (declared, *get_args(declared)):
        for argument in get_args(member):
            if isinstance(argument, msgspec.Meta):
                return argument
    raise TypeError(f"{declared} says nothing about itself: give it an explanation, a rule and an example")
