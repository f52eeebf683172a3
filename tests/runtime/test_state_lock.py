"""One core per state folder, across real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.runtime.state_lock import StateLock, StateLocked

ROOT = Path(__file__).parents[2]

HOLD = """
import sys
from pathlib import Path
from gateway.runtime.state_lock import StateLock
lock = StateLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def _holder(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_told_which_process_holds_the_folder(tmp_path: Path) -> None:
    holder = _holder(tmp_path)
    with pytest.raises(StateLocked, match=rf"^{tmp_path} is in use by process {holder.pid}; only one core"):
        StateLock(tmp_path)
    holder.communicate(timeout=30)


def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    holder = _holder(tmp_path)
    holder.kill()
    holder.communicate(timeout=30)
    lock = StateLock(tmp_path)
    assert (tmp_path / "core.lock").read_text() == f"process {os.getpid()}\n"
    lock.release()


def test_who_was_refused_leaves_the_holder_s_name_in_place(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    for _ in range(2):
        with pytest.raises(StateLocked, match=rf"in use by process {os.getpid()};"):
            StateLock(tmp_path)
    lock.release()


def test_after_a_release_the_folder_is_free(tmp_path: Path) -> None:
    StateLock(tmp_path).release()
    StateLock(tmp_path).release()


def test_two_folders_are_two_cores(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    lock, other = StateLock(tmp_path), StateLock(tmp_path / "other")
    other.release()
    with pytest.raises(StateLocked):
        StateLock(tmp_path)
    lock.release()
