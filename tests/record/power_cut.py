"""What a disk holds after the power went: every file, from the log of what was asked of it.

Theory of operation
-------------------
``after_power_cut`` walks the operations up to the cut.  What a successful synchronisation covered is there.
Of everything since, each sector of 512 bytes of each write is kept or lost by itself, in any order; so is
each truncation.  A lost sector behind the old end of its file may still have made the file longer: then it
holds zeros or whatever was there before, here random bytes.  The operation under way when the power went may
leave one sector half written: random bytes.  Bytes outside a write are untouched (SQLite's "powersafe
overwrite", which it takes for granted on every disk).

A new name in the directory, and the end of one, last only from a synchronisation of the directory on: with
SQLite that is the first of a new log file, and some deletions.  Until then each name is by itself as it was,
or as it became.

A synchronisation that failed makes nothing durable, and neither does any later one: Linux marks pages as
clean whose writing failed.  Those writes stay in doubt until they are written again.

``style`` chooses how much survives: everything, nothing, or a part, by a seed.  Units: bytes.
"""

import random
from dataclasses import dataclass, field
from itertools import pairwise

from tests.record.faulty_vfs import CREATE, DELETE, SYNC, TRUNCATE, WRITE, Operation

SECTOR = 512
STYLES = (0.0, 1.0, 0.5, 0.1, 0.9)  # the share of unsynchronised sectors that survives


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)
    doubtful: int = 0  # how many of the pending ones a failed synchronisation has given up
    directory_due: bool = False


@dataclass(slots=True)
class _Names:
    """Which file a name stands for; ``None`` is none."""

    now: dict[str, _File] = field(default_factory=dict)
    durable: dict[str, _File] = field(default_factory=dict)
    changes: list[tuple[str, _File | None]] = field(default_factory=list)

    def become(self, name: str, file: _File | None) -> None:
        self.changes.append((name, file))
        if file is None:
            self.now.pop(name, None)
        else:
            self.now[name] = file

    def synchronise(self) -> None:
        self.durable, self.changes = dict(self.now), []


def after_power_cut(
    log: list[Operation], style: float, seed: int, before: dict[str, bytes] | None = None
) -> dict[str, bytes]:
    """The files that are found after a cut at the end of ``log``; ``before`` was there from the start."""
    chance = random.Random(seed)
    names = _Names({name: _File(bytearray(data)) for name, data in (before or {}).items()})
    names.synchronise()
    for operation in log:
        _carry_out(operation, names, style, chance)
    found = _names_after(names, style, chance)
    return {name: _after(file, log, style, chance) for name, file in found.items()}


def as_asked(log: list[Operation], before: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """The files as the machine sees them while it has power: what a killed process leaves."""
    names = _Names({name: _File(bytearray(data)) for name, data in (before or {}).items()})
    for operation in log:
        _carry_out(operation, names, 1.0, random.Random(0))
    return {name: _after(file, [], 1.0, random.Random(0)) for name, file in names.now.items()}


def _carry_out(operation: Operation, names: _Names, style: float, chance: random.Random) -> None:
    file = names.now.get(operation.name)
    if operation.kind == CREATE and not operation.failed and file is None:
        names.become(operation.name, _File(directory_due=operation.directory))
    elif operation.kind == DELETE and not operation.failed and file is not None:
        names.become(operation.name, None)
        if operation.directory:
            names.synchronise()
    elif file is None:
        return
    elif operation.kind == WRITE or (operation.kind == TRUNCATE and not operation.failed):
        file.pending.append(operation)  # of a failed write, what was done of it
    elif operation.kind == SYNC and operation.failed:
        file.doubtful = len(file.pending)
    elif operation.kind == SYNC:
        _synchronise(file, names, style, chance)


def _synchronise(file: _File, names: _Names, style: float, chance: random.Random) -> None:
    for number, operation in enumerate(file.pending):
        _apply(file.durable, operation, style if number < file.doubtful else 1.0, chance)
    file.pending, file.doubtful = [], 0
    if file.directory_due:
        file.directory_due = False
        names.synchronise()


def _names_after(names: _Names, style: float, chance: random.Random) -> dict[str, _File]:
    """Each name by itself keeps some of its changes, the earlier ones first."""
    found: dict[str, _File | None] = dict(names.durable)
    lost: set[str] = set()
    for name, file in names.changes:
        if name not in lost and _kept(style, chance):
            found[name] = file
        else:
            lost.add(name)
    return {name: file for name, file in found.items() if file is not None}


def _after(file: _File, log: list[Operation], style: float, chance: random.Random) -> bytes:
    image = bytearray(file.durable)
    for operation in file.pending:
        _apply(image, operation, style, chance)
    if file.pending and log and log[-1] is file.pending[-1] and log[-1].kind == WRITE:
        _tear(image, log[-1], chance)
    return bytes(image)


def _apply(image: bytearray, operation: Operation, style: float, chance: random.Random) -> None:
    if operation.kind == TRUNCATE:
        if _kept(style, chance):
            _resize(image, operation.offset)
        return
    if style == 1.0:
        _put(image, operation.offset, operation.data)
        return
    for begin, end in _sectors(operation.offset, len(operation.data)):
        piece = operation.data[begin - operation.offset : end - operation.offset]
        if not _kept(style, chance):
            if end <= len(image) or _kept(0.5, chance):
                continue
            piece = bytes(len(piece)) if _kept(0.5, chance) else chance.randbytes(len(piece))
        _put(image, begin, piece)


def _tear(image: bytearray, operation: Operation, chance: random.Random) -> None:
    """The sector that was being written."""
    begin, end = chance.choice(_sectors(operation.offset, len(operation.data)))
    if _kept(0.5, chance) and end <= len(image):
        image[begin:end] = chance.randbytes(end - begin)


def _sectors(offset: int, length: int) -> list[tuple[int, int]]:
    """The pieces of a write, as they lie in the disk's sectors."""
    edges = [offset, *range((offset // SECTOR + 1) * SECTOR, offset + length, SECTOR), offset + length]
    return list(pairwise(edges))


def _put(image: bytearray, offset: int, data: bytes) -> None:
    if offset > len(image):
        _resize(image, offset)
    image[offset : offset + len(data)] = data


def _resize(image: bytearray, size: int) -> None:
    if size < len(image):
        del image[size:]
    else:
        image.extend(bytes(size - len(image)))


def _kept(style: float, chance: random.Random) -> bool:
    return chance.random() < style
