"""The small world in which the supervisor is explored: how a slice of it is stepped.

Theory of operation
-------------------
A state of the world is the supervisor's state and the rules' memory beside it.  A step shows both the same
letter: the supervisor answers, the rules judge the answer.  The letters are in ``slices``, what counts as one
state is in ``abstraction``; these are the files to change when the supervisor changes.

``UNREACHED`` lists the trips, waits and refusals that no step of the supervisor answers with, each with the
argument.

Units: times ticks.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from functools import partial
from itertools import product
from typing import Any

from gateway.model import Limb, Permit, Reason, Safe, StimulationPermit
from gateway.safety import supervisor
from gateway.safety.debt import Debts
from gateway.safety.limits import Limits
from gateway.safety.observations import Observations, State
from gateway.safety.supervisor import Verdict
from tests.safety.exploration.abstraction import NOW, Abstraction, abstraction
from tests.safety.exploration.breadth_first import Key, Taken
from tests.safety.exploration.instant import Instant, Wish, numbers_of
from tests.safety.exploration.letters import Names
from tests.safety.exploration.memory import Memory, owing
from tests.safety.exploration.rules import Rules
from tests.safety.exploration.small import Slice

_STREAM = "the letters count no frames of the wire; judged apart in tests/safety/test_stream.py"

UNREACHED = {
    Reason.CORE_RESTARTED: "latched by the runtime before the first step; a start of each exploration",
    Reason.RESTARTS_TOO_MANY: "latched by the runtime before the first step, like core_restarted",
    Reason.STATUS_TOO_RARE: _STREAM,
    Reason.STATUS_MISSING: _STREAM,
    Reason.STATUS_DAMAGED: _STREAM,
    Reason.DEVICE_CLOCK: _STREAM,
    Reason.SENSOR_STUCK: (
        "its counts are longer than anything here lasts, because the pressures of this world are edges, the "
        "same again and again; judged apart in tests/safety/test_stuck.py and tests/safety/specification.py"
    ),
    Reason.HISTORY_UNKNOWN: "judged before a session is armed (gateway.safety.budget), not by a step",
    Reason.TOO_MANY_SESSIONS: "judged before a session is armed (gateway.safety.budget), not by a step",
    Reason.TOO_SOON_AFTER_SESSION: "judged before a session is armed (gateway.safety.budget), not by a step",
}

MODES = (
    *("idle", "inflating", "holding", "venting", "pressed, unasked", "latched", "latched, pressed"),
    *("stimulating", "awaiting recovery"),
)


@dataclass(frozen=True, slots=True)
class Node:
    """The supervisor's state and the rules' memory, at ``now``."""

    state: State
    memory: Memory
    now: int = NOW


class _Interned:
    """Small numbers for what values stand for, remembering which value got which."""

    def __init__(self, stands_for: Callable[[Any, int], Hashable]) -> None:
        self._stands_for = stands_for
        self.values: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[tuple[Hashable, int], int] = {}

    def number(self, value: Hashable, now: int) -> int:
        known = self._known.get((value, now))
        if known is None:
            stands = self._stands_for(value, now)
            known = self._numbers.setdefault(stands, len(self.values))
            if known == len(self.values):
                self.values.append(stands)
            self._known[value, now] = known
        return known


class SupervisorWorld:
    """The supervisor in one slice, with its rules beside it."""

    def __init__(self, of: Slice, enforced: Limits | None = None, stands: Abstraction | None = None) -> None:
        """``enforced`` gives the supervisor other limits than the rules, ``stands`` is another abstraction:
        defects, planted on purpose."""
        self._slice, self._letters = of, of.letters
        self.letters = tuple(letter.name for letter in of.letters)
        self._enforced = enforced or of.limits
        self._rules = Rules(numbers_of(of.limits))
        self._stands = stands or abstraction(of)
        part = self._stands.part
        self._fields = {f.name: _Interned(partial(part, f"State.{f.name}")) for f in fields(State)}
        self._memories = _Interned(self._stands.of)
        self._instants: dict[tuple[int, int, Names], tuple[Observations, tuple[Wish, ...], Instant]] = {}
        elapsed = [letter.elapsed for letter in of.letters]
        self._most_repaid, self._most_reversed = max(elapsed), max(0, -min(elapsed))
        self._ask = self.letters.index(of.ask) if of.ask else None
        self._reset = self.letters.index(of.reset) if of.reset else None

    def starts(self) -> dict[str, Taken[Node]]:
        """A new gateway, one that restarted latched and owing the most, and the ends of the prologues."""
        owed = self._slice.limits.debt_unknown_ms
        latched = Reason.CORE_RESTARTED
        limb = Limb.LEFT_THIGH if self._slice.placed else None
        after = (owed, 0, 0, 0) if self._slice.placed else (owed,) * 4
        restarted = State(Debts.of_ms(after, NOW), latched=latched, limb=limb)
        accounts = tuple(one._replace(owed_ms=ms) for one, ms in zip(owing(0), after, strict=True))
        new = Node(State(Debts.equal(0, NOW), limb=limb), Memory(owing(0), place=limb))
        old = Node(restarted, Memory(accounts, latched=latched, place=limb))
        starts = {"a new gateway": new, "after a restart": old}
        ends = {"; ".join(names): self._after(new, names) for names in self._slice.prologues}
        return {name: Taken(node, "", False, ()) for name, node in starts.items()} | ends

    def _after(self, node: Node, names: tuple[str, ...]) -> Taken[Node]:
        """The end of a prologue. Raises ValueError where it names no letter."""
        broken: tuple[str, ...] = ()
        for name in names:
            taken = self.step(node, self.letters.index(name))
            node, broken = self.nodes(self.key(taken.node))[0], broken + taken.broken
        return Taken(node, "", False, broken)

    def key(self, node: Node) -> Key:
        """The state by the numbers of what its parts stand for."""
        state, now = node.state, node.now
        parts = [part.number(getattr(state, name), now) for name, part in self._fields.items()]
        return (*parts, self._memories.number(node.memory, now))

    def nodes(self, key: Key) -> list[Node]:
        """The state; where a count is at its end, also the states with a little more than that."""
        parts = {name: part.values[at] for (name, part), at in zip(self._fields.items(), key, strict=False)}
        first = Node(State(**parts), self._memories.values[key[-1]])
        full = self._slice.limits.debt_vent_ms
        more = [range(self._most_repaid + 1) if one == full else (0,) for one in first.state.debts.values_ms]
        found: dict[Node, None] = {}
        for instants, *repaid in product(range(self._most_reversed + 1), *more):
            state = self._stands.with_more(first.state, tuple(repaid), instants)
            memory = self._stands.with_more(first.memory, tuple(repaid), instants)
            found[Node(state, memory)] = None
        return list(found)

    def step(self, node: Node, letter: int) -> Taken[Node]:
        """One step of the supervisor, and what the rules say of it."""
        chosen = self._letters[letter]
        now = node.now + chosen.elapsed
        seen, wishes, instant = self._instant(letter, now, _names(node.state))
        state, verdict = supervisor.step(self._enforced, node.state, seen, wishes, now)
        owed = state.debts.values_ms
        memory, broken = self._rules.judge(node.memory, instant, chosen.elapsed, verdict, owed)
        answer = _answer(verdict)
        if node.state.latched is not None and not chosen.reset:
            answer = "stays latched"
        if isinstance(verdict.cuff, Permit) != (state.inflation is not None):
            broken.append("energised exactly while an inflation is in the state")
        return Taken(Node(state, memory, now), answer, answer.startswith("permit"), tuple(broken))

    def _instant(self, letter: int, now: int, names: Names) -> tuple[Observations, tuple[Wish, ...], Instant]:
        known = self._instants.get((letter, now, names))
        if known is None:
            chosen = self._letters[letter]
            seen, wishes = chosen.seen(now, names), chosen.wished(names)
            known = seen, wishes, Instant(self._rules.numbers, seen, wishes, now)
            self._instants[letter, now, names] = known
        return known

    def mode(self, node: Node) -> str:
        """What the bedside is doing, in a word or two."""
        memory = node.memory
        pressed = memory.account.pressed
        if memory.latched is not None:
            return "latched, pressed" if pressed else "latched"
        if memory.running is not None:
            return "inflating" if memory.running.arrived_ms is None else "holding"
        if memory.pulses.on:
            return "stimulating"
        if memory.venting_ms is not None:
            return "venting"
        if memory.oximetry is not None and memory.oximetry.released_ms is not None:
            return "awaiting recovery"
        return "pressed, unasked" if pressed else "idle"

    def recipe(self, node: Node) -> int | None:
        """A person clears what is latched; then the plan goes on asking at an empty cuff."""
        return self._ask if node.state.latched is None else self._reset


def _names(state: State) -> Names:
    known, used = Names(), state.stimulation
    return Names(
        known.nonce if state.nonce is None else state.nonce,
        known.presses if state.presses is None else state.presses,
        used.contraction,
        used.presses,
        known.link if used.link is None else used.link,
    )


def _answer(verdict: Verdict) -> str:
    """Both answers in a word: a permit of either, or why not; the cuff's reason where they differ."""
    given = {Permit: "permit", StimulationPermit: "permit of pulses"}
    for one in (verdict.cuff, verdict.stimulator):
        if type(one) in given:
            return given[type(one)]
    reasons = [one.reason for one in (verdict.cuff, verdict.stimulator) if isinstance(one, Safe)]
    return next((one for one in reasons if one is not Reason.NO_REQUEST), Reason.NO_REQUEST).value
