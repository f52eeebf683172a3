"""docs/safety/response-times.md: bounds and measured times as a page, and back.

Theory of operation
-------------------
``render`` writes the whole page; ``bounds_on`` and ``worst_on`` read from it what a test compares with the
code.  A cell of a measured time reads "median / worst"; "-" means that nothing is promised there.

Units: ms.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.faults import FAULTS, Bound, Fault, Term, total_ms

PAGE = Path(__file__).parents[1] / "docs" / "safety" / "response-times.md"

_HEAD = """\
# Response times

Made by `python -m bench.responses --runs N --write`; do not edit. What is measured: real processes (core,
link, the controller's firmware, pseudo-terminals) with a simulated cuff and limb, whose own log of the truth
is read at 100 Hz. The simulated cuff is a fast one; a real cuff empties as slowly as its hose and valve let
it, and is measured at acceptance ([README.md](README.md)). Nothing here was measured on hardware.

Measured: {conditions}

## Safe by

Times in ms from the fault; "safe by" is the bound, "p50 / worst" are measured. The command fails when a
measured time exceeds its bound. "-": nothing is promised there.

| fault | counted from | valve open by | p50 / worst | below 15 mmHg by | p50 / worst |
|---|---|---|---|---|---|
"""

_ALARMS = """
## Sounded by

The controller's buzzer sounds by itself; an alarm of core is the row in its journal, whose light, line and
bell follow in the same turn of its cycle. A dead or stopped core says nothing until it is back; a program
that hangs cannot drive its buzzer.

| fault | buzzer of the controller by | p50 / worst | alarm of core by | p50 / worst | core's reason |
|---|---|---|---|---|---|
"""

_SUMS = """
## Where the bounds come from

Sums of figures of the code; a changed figure fails a test until this page is made again. "Link killed" has
nothing to make safe: the session goes on to its planned end, and only the missing link is told.

| fault | time | bound |
|---|---|---|
"""

_TERMS = """
| figure | what it is |
|---|---|
"""


class Row(NamedTuple):
    """One fault, measured: each time as (median, worst), ``None`` where nothing is promised."""

    fault: Fault
    runs: int
    valve: tuple[int, int] | None
    empty: tuple[int, int] | None
    buzzer: tuple[int, int] | None
    core: tuple[int, int] | None


def render(rows: Sequence[Row], conditions: str) -> str:
    """The whole page."""
    faults = [row.fault for row in rows]
    return "".join(
        (
            _HEAD.format(conditions=conditions),
            *(_line(*_safe_cells(row)) for row in rows),
            _ALARMS,
            *(_line(*_alarm_cells(row)) for row in rows),
            _SUMS,
            *(_line(*cells) for cells in sums(faults)),
            _TERMS,
            *(_line(term.written, term.why) for term in _terms(faults)),
        )
    )


def sums(faults: Iterable[Fault] = FAULTS) -> list[tuple[str, str, str]]:
    """Fault, time and bound as the page has them."""
    return [
        (fault.name, what, f"{' + '.join(term.written for term in bound)} = {total_ms(bound)}")
        for fault in faults
        for what, bound in _bounds(fault)
    ]


def over(text: str) -> list[str]:
    """What the page itself says is above its bound, or was never measured; empty when all is kept."""
    found = []
    for line in text.splitlines():
        for bound, worst in re.findall(r"\| (\d+) \| ([^|]+) ", line):
            measured = re.fullmatch(r"\d+ / (\d+)", worst)
            if measured is None or int(measured[1]) > int(bound):
                found.append(line)
    return found


def _bounds(fault: Fault) -> list[tuple[str, Bound]]:
    named = (
        ("valve open", fault.valve),
        ("below 15 mmHg", fault.empty_bound),
        ("buzzer", fault.buzzer),
        ("alarm of core", fault.core),
    )
    return [(what, bound) for what, bound in named if bound is not None]


def _terms(faults: Iterable[Fault]) -> list[Term]:
    """Every figure once, in the order of its first use."""
    used = [term for fault in faults for _, bound in _bounds(fault) for term in bound]
    return list(dict.fromkeys(used))


def _safe_cells(row: Row) -> tuple[str, ...]:
    fault = row.fault
    return (
        *(fault.name, fault.counted_from),
        *(_bound(fault.valve), _measured(row.valve)),
        *(_bound(fault.empty_bound), _measured(row.empty)),
    )


def _alarm_cells(row: Row) -> tuple[str, ...]:
    fault = row.fault
    reasons = ", ".join(f"`{reason.value}`" for reason in fault.by_core) or "-"
    return (
        fault.name,
        *(_bound(fault.buzzer), _measured(row.buzzer)),
        *(_bound(fault.core), _measured(row.core)),
        reasons,
    )


def _bound(bound: Bound | None) -> str:
    return "-" if bound is None else str(total_ms(bound))


def _measured(figures: tuple[int, int] | None) -> str:
    return "-" if figures is None else f"{figures[0]} / {figures[1]}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"
