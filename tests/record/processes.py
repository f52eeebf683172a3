"""Writers and readers in processes of their own."""

import ctypes
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]

WRITE_FOR_EVER = """
import sys
from gateway.record.journal import Journal
from tests.record.script import mixed_rows
journal = Journal.open(sys.argv[1], device="bed-7")
journal.next_boot()
while True:
    stored = journal.append(mixed_rows(7, first=journal.head.seq + 1))
    print(stored[-1].seq, flush=True)
"""

WRITE_WHEN_TOLD = """
import sys
from gateway.record.journal import Journal
from tests.record.script import mixed_rows
journal = Journal.open(sys.argv[1], device="bed-7")
print("open", flush=True)
for line in sys.stdin:
    journal.append(mixed_rows(int(line), first=journal.head.seq + 1))
    print(journal.head.seq, flush=True)
journal.close()
"""

READ_WHERE_NOTHING_CAN_BE_WRITTEN = """
import sys
from pathlib import Path
from gateway.record.reader import JournalReader
path = Path(sys.argv[1])
try:
    path.with_name("probe").touch()
except PermissionError:
    with JournalReader.open(path) as reader:
        print(len(list(reader.rows())), reader.head().seq)
"""


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(
    code: str, *arguments: object, prepare: Callable[[], None] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=prepare,
    )


def obey_file_modes() -> None:
    """Take root's right to write anywhere from the process to be; others never had it."""
    drop_from_bounding_set, dac_override = 24, 1  # linux/prctl.h, linux/capability.h
    ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0)


def answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]", line: object) -> str:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return answer(process)


def finish(process: "subprocess.Popen[str]") -> None:
    process.communicate(timeout=30)


def kill(process: "subprocess.Popen[str]") -> str:
    """SIGKILL; what it had said until then."""
    process.kill()
    said, _ = process.communicate(timeout=30)
    return said
