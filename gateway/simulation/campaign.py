"""Many simulated sessions on several processes, and what they show.

Theory of operation
-------------------
Session *i* of seed *S* has a seed of its own, the first eight bytes of SHA-256("S/i"), so it is the same
session whoever runs it, in whatever order and on however many processes.  Every worker warms up one
bedside for each kind of equipment (``warm``) and then plays its sessions in folders that are deleted; a
session with a harm keeps its folder, and the report says with which command it comes back.

Workers are processes that import the compiled twin of our sources (``compiled``) where there is a current
one.  Without one, a campaign for one process runs in this one.

Units: seconds of the wall and of one core.
"""

import hashlib
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from gateway.simulation import compiled, faults
from gateway.simulation.bedside import Bed
from gateway.simulation.fault_kinds import KINDS, Needs
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.outcome import Outcome, Task
from gateway.simulation.physics import Harm, HarmKind
from gateway.simulation.protocols import EXAMINED, HUB, LOOPS, SHORT, STIMULATION, STIMULATOR, WHOLE, Protocol
from gateway.simulation.results import Results
from gateway.simulation.tally import Played, Tally
from gateway.simulation.trial import give
from gateway.simulation.warm import Warm, warm_up

_JOURNAL = "journal.db"
_SHOW_EVERY = 50
_STIMULATE_EVERY = 4
_EXAMINE_EVERY, _EXAMINE_AT = 40, 5


class CampaignBroken(Exception):
    """A worker died, not by a session's doing; nothing can be said of the sessions that were left."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was asked for. ``full_length``: so many of the sessions are whole ones, spread evenly.

    ``only``: this one session of the campaign and no other. ``results``: the file to go on with.
    """

    sessions: int
    seed: int
    faults: str = "all"
    jobs: int = 1
    full_length: int = 0
    only: int | None = None
    keep: Path = Path("rvos-simulate")
    results: Path | None = None

    def tasks(self) -> list[Task]:
        """Every session to simulate. Raises ``UnknownFault``."""
        kinds = tuple(faults.chosen(self.faults))
        numbers = range(self.sessions) if self.only is None else [self.only]
        others = {KINDS[name].needs for name in kinds} == {Needs.STIMULATOR}
        return [
            Task(number, self._seed_of(number), kinds, self._protocol_of(number, others))
            for number in numbers
        ]

    def command(self, number: int) -> str:
        """The line that plays this session again."""
        return f"{self.line()} --only {number}"

    def line(self) -> str:
        """The command that says which sessions these are."""
        words = ["rvos", "simulate", "--sessions", str(self.sessions), "--seed", str(self.seed)]
        words += ["--faults", self.faults]
        if self.full_length:
            words += ["--full-length", str(self.full_length)]
        return " ".join(words)

    def _seed_of(self, number: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{number}".encode()).digest()[:8])

    def _protocol_of(self, number: int, others_stimulate: bool) -> Protocol:
        """Session *i* is whole when the count of whole ones steps up at it.

        Of the others one in four stimulates; all of them, where only faults of the stimulator were asked for.
        Half of these are open loops, the others closed ones in turn.
        One in forty examines, each examination in turn.
        """
        if (number + 1) * self.full_length // self.sessions > number * self.full_length // self.sessions:
            return WHOLE
        stimulates = others_stimulate or number % _STIMULATE_EVERY == _STIMULATE_EVERY - 1
        if not stimulates and number % _EXAMINE_EVERY == _EXAMINE_AT:
            return EXAMINED[number // _EXAMINE_EVERY % len(EXAMINED)]
        stimulations = (STIMULATION, LOOPS[0], STIMULATION, LOOPS[1])
        return stimulations[number // _STIMULATE_EVERY % len(stimulations)] if stimulates else SHORT


def run(campaign: Campaign, *, as_json: bool) -> int:
    """Play a campaign, print what it showed; 0, or 1 when there is a finding.

    Raises ``UnknownFault``, ``ResultsForeign`` and ``CampaignBroken``.
    """
    tally = Tally(campaign.command)
    if advice := compiled.advice():
        print(advice, file=sys.stderr, flush=True)
    for tally in play(campaign):
        _show(tally)
    print(json.dumps(tally.document()) if as_json else tally.text())
    return 0 if tally.passed else 1


def play(campaign: Campaign) -> Iterator[Tally]:
    """Run a campaign; yields the growing tally after each session, in the order of their numbers."""
    tasks = campaign.tasks()
    with _results(campaign) as results:
        known = dict(results.played)
        tally, began_s = Tally(campaign.command), time.monotonic() - results.wall_s
        with _workers(campaign.jobs) as workers:
            left = [task for task in tasks if task.number not in known]
            futures = dict(zip(left, _submitted(workers, left, campaign.keep), strict=True))
            for task in tasks:
                if task.number in known:
                    tally.add(known[task.number])
                else:
                    played = _played(task, futures[task], campaign.keep)
                    results.add(task.number, played, time.monotonic() - began_s)
                    tally.add(played)
                tally.wall_s = time.monotonic() - began_s
                yield tally


@contextmanager
def _results(campaign: Campaign) -> Iterator[Results]:
    """The file that this campaign goes on with; without one, nowhere."""
    if campaign.results is None:
        results = Results.nowhere()
    else:
        results = Results.open(campaign.results, campaign.line(), compiled.fingerprint())
    try:
        yield results
    finally:
        results.close()


def _workers(jobs: int) -> Executor:
    """So many other processes; this one, where one interpreted process is as good."""
    if jobs == 1 and not compiled.is_current():
        return ThreadPoolExecutor(1, initializer=_say_nothing)
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_say_nothing)


def _say_nothing() -> None:
    """What the simulated processes log is of no interest here, and what they did stands in their journals."""
    for name in ("rvos", "gateway"):
        logging.getLogger(name).addHandler(logging.NullHandler())


def _submitted(workers: Executor, tasks: list[Task], keep: Path) -> "list[Future[Played]]":
    """Every session handed out; processes are spawned while this runs, not later."""
    with compiled.imported_by_workers():
        return [workers.submit(_play_one, task, keep) for task in tasks]


def _show(tally: Tally) -> None:
    if tally.sessions % _SHOW_EVERY == 0:
        harms = f"{len(tally.found)} harms, {tally.duties_failed} failed duties"
        print(f"{tally.sessions} sessions, {tally.wall_s:.0f} s, {harms}", file=sys.stderr, flush=True)


def _played(task: Task, future: "Future[Played]", keep: Path) -> Played:
    """A session whose product raised has a harm like any other."""
    error = future.exception()
    if error is None or isinstance(error, BrokenExecutor):
        return _result(future, task)
    harm = Harm(HarmKind.DEFECT, 0, repr(error))
    nothing = Outcome(task.number, 0, (), (harm,), (), (), (), (), "")
    return Played(nothing, 0.0, task.protocol.whole, str(_keeping(task, keep) / _JOURNAL))


def _result(future: "Future[Played]", task: Task) -> Played:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise CampaignBroken(
            f"a worker process was ended from outside during or before session {task.number}: run it again"
        ) from error


# --- in a worker -----------------------------------------------------------------------------------

_warm: dict[tuple[str, bool, int, str], Warm] = {}


def _play_one(task: Task, keep: Path) -> Played:
    warm = _warm_bedside(task.protocol)
    began_s = time.thread_time()
    with tempfile.TemporaryDirectory(prefix="rvos-simulate-") as name:
        folder, outcome, kept = Path(name), None, ""
        try:
            outcome = give(warm, task, folder)
        finally:  # also when the product raised
            if outcome is None or outcome.harms or not outcome.duties_done:
                kept = _keep(folder, _keeping(task, keep))
    busy_s = time.thread_time() - began_s
    return Played(outcome, busy_s, task.protocol.whole, kept, compiled.is_imported())


def _warm_bedside(protocol: Protocol) -> Warm:
    """The idle bedside of this equipment, made once in each process."""
    equipment = (protocol.cuff, protocol.stimulates, protocol.ceiling_mmhg, protocol.feels)
    if equipment not in _warm:
        folder = Path(tempfile.mkdtemp(prefix="rvos-warm-"))
        stimulator = STIMULATOR if protocol.stimulates else None
        config = configuration(
            protocol.cuff,
            protocol.limb,
            None,
            ceiling_mmhg=protocol.ceiling_mmhg,
            stimulator=stimulator,
            hub=HUB if protocol.feels else None,
        )
        bed = Bed(
            config,
            CUFFS[protocol.cuff],
            LIMBS[protocol.limb],
            1,
            has_force_sensor=protocol.feels == "force",
            has_emg=protocol.feels == "emg",
        )
        _warm[equipment] = warm_up(bed, folder)
    return _warm[equipment]


def _keeping(task: Task, keep: Path) -> Path:
    return keep / f"session-{task.number}"


def _keep(folder: Path, keep: Path) -> str:
    shutil.rmtree(keep, ignore_errors=True)
    keep.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, keep)
    return str(keep / _JOURNAL)
