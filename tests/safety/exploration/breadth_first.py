"""Every reachable state of a small world, nearest first, and what the rules say about each transition.

Theory of operation
-------------------
A *world* knows what a state is, how to step it and which letters (things that can be seen and wished at one
instant) there are; this module knows nothing of the supervisor.  States are compared by a key, so that two
states with the same future are one.  The search expands each state with each letter once, remembers for each
state how it was first reached, and therefore prints the shortest way to a broken rule.

Beside the rules two things are shown over the finished graph:

* *availability*: from every state, the world's recipe of letters leads to the goal within so many steps;
* *the abstraction holds*: for a sample of transitions, the state as it was and the state that stands for it
  are stepped with every letter, and must answer alike and reach the same states.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from time import process_time
from typing import Generic, Protocol, TypeVar

Node = TypeVar("Node")
Key = tuple[int, ...]

_CHECKED_ONE_IN = 16
"""Steps of the search per step that checks the abstraction."""


@dataclass(frozen=True, slots=True)
class Taken(Generic[Node]):
    """One transition: where it led, what was answered (``goal``: as the recipe hopes), what it broke."""

    node: Node
    answer: str
    goal: bool
    broken: tuple[str, ...]


class World(Protocol[Node]):
    """What can happen, and what is meant by the same state."""

    @property
    def letters(self) -> tuple[str, ...]: ...
    def starts(self) -> dict[str, Taken[Node]]:
        """Where the search begins, each with what was broken on the way to it."""
        ...

    def key(self, node: Node) -> Key: ...
    def nodes(self, key: Key) -> list[Node]:
        """What the key stands for: one node, or several where a count has reached its end."""
        ...

    def step(self, node: Node, letter: int) -> Taken[Node]: ...
    def mode(self, node: Node) -> str: ...
    def recipe(self, node: Node) -> int | None:
        """The letter that a well-meaning bedside would offer; ``None`` in a world without a goal."""
        ...


@dataclass(slots=True)
class Explored:
    """What the search found. ``answers`` count transitions, ``modes`` the states that were ``expanded``.

    ``seconds`` are those of the processor.
    """

    states: int = 0
    expanded: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    complete: bool = False
    answers: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    abstraction_checked: int = 0
    furthest_from_goal: int = 0


class Search(Generic[Node]):
    """One exploration. Ends early after ``most_steps`` transitions or ``most_broken`` broken rules."""

    def __init__(self, world: World[Node], *, most_steps: int | None = None, most_broken: int = 1) -> None:
        self.world, self.most_steps, self.most_broken = world, most_steps, most_broken
        self.check_every = _CHECKED_ONE_IN * len(world.letters) + 1
        self.found = Explored()
        self.number: dict[Key, int] = {}
        self.keys: list[Key] = []
        self.parent, self.by, self.depth = array("q"), array("q"), array("q")

    def run(self) -> Explored:
        """Explore until nothing is new, then show that the goal is in reach of all that was met."""
        began, at = process_time(), 0
        for number, (name, start) in enumerate(self.world.starts().items()):
            self._meet(self.world.key(start.node), -1, number)
            self.found.broken += [f"{one}\n  {name}" for one in start.broken]
        while at < len(self.keys) and not self._enough():
            self._expand(at)
            at += 1
        self.found.complete = at == len(self.keys)
        self.found.states, self.found.expanded = len(self.keys), at
        self.found.depth = max(self.depth, default=0)
        if not self.found.broken:
            self._reach_the_goal(at)
        self.found.seconds = process_time() - began
        return self.found

    def _enough(self) -> bool:
        full = self.most_steps is not None and self.found.transitions >= self.most_steps
        return full or len(self.found.broken) >= self.most_broken

    def _meet(self, key: Key, parent: int, letter: int) -> None:
        if key in self.number:
            return
        self.number[key] = len(self.keys)
        self.keys.append(key)
        self.parent.append(parent)
        self.by.append(letter)
        self.depth.append(0 if parent < 0 else self.depth[parent] + 1)

    def _expand(self, at: int) -> None:
        found, step, key_of = self.found, self.world.step, self.world.key
        nodes = self.world.nodes(self.keys[at])
        found.modes[self.world.mode(nodes[0])] += 1
        for node in nodes:
            for letter in range(len(self.world.letters)):
                taken = step(node, letter)
                found.transitions += 1
                found.answers[taken.answer] += 1
                if taken.broken:
                    found.broken.append(self._story(at, letter, taken.broken))
                    if self._enough():
                        return
                key = key_of(taken.node)
                self._meet(key, at, letter)
                if found.transitions % self.check_every == 0:
                    self._check_abstraction(at, letter, taken.node, key)

    def _check_abstraction(self, at: int, letter: int, met: Node, key: Key) -> None:
        """What was met and what stands for it have one future, as far as one step shows."""
        stands = self.world.nodes(key)
        for then in range(len(self.world.letters)):
            real = self.world.step(met, then)
            meant = [self.world.step(one, then) for one in stands]
            self.found.abstraction_checked += 1
            ends = {(one.answer, self.world.key(one.node)) for one in meant}
            if (real.answer, self.world.key(real.node)) not in ends:
                text = f"the abstraction loses something that shows after: {self.world.letters[then]}"
                self.found.broken.append(self._story(at, letter, (text,)))
                return

    # availability

    def _reach_the_goal(self, expanded: int) -> None:
        """How many steps of the recipe each state is from the goal; a circle breaks the rule."""
        away: dict[Key, int] = {}
        for start in range(expanded):
            if not self._follow(self.keys[start], away):
                self.found.broken.append(self._story(start, -1, ("no way to the goal from here",)))
                return
        self.found.furthest_from_goal = max(away.values(), default=0)

    def _follow(self, key: Key, away: dict[Key, int]) -> bool:
        """Walk the recipe to the goal or to a state whose distance is known; ``False`` for a circle."""
        path: list[Key] = []
        rest = 0
        while key not in away:
            node = self.world.nodes(key)[0]
            letter = self.world.recipe(node)
            if letter is None:
                return True
            if key in path:
                return False
            path.append(key)
            taken = self.world.step(node, letter)
            if taken.goal:
                break
            key = self.world.key(taken.node)
        else:
            rest = away[key]
        for distance, one in enumerate(reversed(path), rest + 1):
            away[one] = distance
        return True

    # telling

    def _story(self, at: int, letter: int, broken: tuple[str, ...]) -> str:
        """The shortest way to what was broken, one line a step."""
        steps = [] if letter < 0 else [self.world.letters[letter]]
        while self.parent[at] >= 0:
            steps.append(self.world.letters[self.by[at]])
            at = self.parent[at]
        lines = [f"  {number}. {name}" for number, name in enumerate(reversed(steps), 1)]
        return "\n".join(["; ".join(broken), f"  {list(self.world.starts())[self.by[at]]}", *lines])
