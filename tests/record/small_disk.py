"""A small file system of its own, where this machine allows one: a disk that is really full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

BALLAST = "ballast"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this size at ``folder``; the test is skipped for a user who may not mount."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Take every byte that is left."""
    found = os.statvfs(disk)
    with (disk / BALLAST).open("ab", buffering=0) as file, suppress(OSError):
        held = os.fstat(file.fileno()).st_size
        if found.f_bavail:
            os.posix_fallocate(file.fileno(), held, found.f_bavail * found.f_frsize)
        while file.write(bytes(65_536)):
            pass


def empty(disk: Path) -> None:
    """Give it back."""
    (disk / BALLAST).unlink()
