"""Explore the supervisor: every reachable state of its small worlds against the rules written separately.

``python -m bench.explore [--slice NAME]... [--whole] [--most-steps N] [--json]``

Theory of operation
-------------------
``tests.safety.exploration`` holds the worlds (limits of a few ticks, an alphabet of what can be seen and
wished at one instant), the rules and the search; ``scripts/test`` runs the first steps of each.  Here each
slice is explored to its end.  ``--whole`` takes longer counts and nearly everything with nearly everything
else: hours. Written out are the states and transitions, how deep the search went, how long it took, what
was answered how often; a broken rule is printed with the shortest way to it.

Ends with 0 when everything reachable was seen, no rule was broken, and, over all slices, every trip, wait,
refusal and mode was reached or is argued to be unreachable; 1 otherwise.
"""

import argparse
import json
import sys
from collections import Counter

from gateway.model import Reason
from gateway.safety.reasons import Kind, kind_of
from tests.safety.exploration.breadth_first import Explored, Search
from tests.safety.exploration.slices import SLICES
from tests.safety.exploration.world import MODES, UNREACHED, SupervisorWorld

_MOST_BROKEN = 3


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.explore", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--slice", choices=SLICES, action="append", help="default: every slice")
    parser.add_argument("--whole", action="store_true", help="longer counts and more letters: hours")
    parser.add_argument("--most-steps", type=int, help="end each early; then nothing is shown to be whole")
    parser.add_argument("--json", action="store_true", help="one document on stdout")
    options = parser.parse_args(arguments)
    found: dict[str, Explored] = {}
    for name in options.slice or SLICES:
        world = SupervisorWorld(SLICES[name](options.whole))
        found[name] = Search(world, most_steps=options.most_steps, most_broken=_MOST_BROKEN).run()
        if not options.json:
            print(_text(name, found[name]), flush=True)
    document = _document(found)
    print(json.dumps(document, indent=2) if options.json else _last_lines(document))
    return 0 if document["shown"] else 1


def _document(found: dict[str, Explored]) -> dict[str, object]:
    answers = sum((one.answers for one in found.values()), Counter[str]())
    modes = sum((one.modes for one in found.values()), Counter[str]())
    unreached = sorted(_due() - answers.keys()) if len(found) == len(SLICES) else []
    missed = sorted(set(MODES) - modes.keys()) if len(found) == len(SLICES) else []
    whole = all(one.complete and not one.broken for one in found.values())
    return {
        "slices": {name: _figures(one) for name, one in found.items()},
        "states": sum(one.states for one in found.values()),
        "transitions": sum(one.transitions for one in found.values()),
        "seconds": round(sum(one.seconds for one in found.values()), 1),
        "answers": dict(answers.most_common()),
        "modes": dict(modes.most_common()),
        "argued_unreachable": {reason.value: why for reason, why in UNREACHED.items()},
        "unreached": unreached,
        "modes_unreached": missed,
        "shown": whole and not unreached and not missed,
    }


def _due() -> set[str]:
    """Every reason that a step of the supervisor can answer with."""
    kinds = (Kind.TRIP, Kind.WAIT, Kind.REFUSAL)
    return {reason.value for reason in Reason if kind_of(reason) in kinds and reason not in UNREACHED}


def _figures(found: Explored) -> dict[str, object]:
    return {
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": round(found.seconds, 1),
        "complete": found.complete,
        "abstraction_checked": found.abstraction_checked,
        "furthest_from_permit": found.furthest_from_goal,
        "broken": found.broken,
    }


def _text(name: str, found: Explored) -> str:
    whole = "complete" if found.complete else "NOT complete"
    line = (
        f"{name:10} {found.states:8} states  {found.transitions:9} transitions  depth {found.depth:2}  "
        f"{found.seconds:7.1f} s  {whole}"
    )
    return "\n".join([line, *found.broken])


def _last_lines(document: dict[str, object]) -> str:
    names = ("states", "transitions", "seconds", "unreached", "modes_unreached", "shown")
    return "\n".join(f"{name:16} {document[name]}" for name in names)


if __name__ == "__main__":
    sys.exit(main())
