"""Asking core: one request, one reply, over its Unix socket.

Theory of operation
-------------------
A question is one connection: connect, write one line of JSON, read one line of JSON, close.  The
client blocks, because the command line has nothing else to do, and imports little, because
``rvos session stop`` must start at once.  Whatever goes wrong on the way is a ``CoreUnavailable``
whose message a person can act on; what core itself answers, a refusal included, is a ``Reply``.

``timeout_s`` bounds each wait of the connection, in seconds.
"""

import errno
import socket
import struct
from pathlib import Path

import msgspec

from gateway.runtime.requests import Reply, Request

SOCKET_NAME = "control.sock"
"""The socket's name in core's ``runtime_dir``."""

ANSWER_S = 10.0
REPLY_LONGEST = 1 << 20
_CHUNK = 1 << 16
_TIMEVAL = struct.Struct("@ll")
_NOBODY = {
    errno.ENOENT: "core is not running (no socket at {path})",
    errno.ECONNREFUSED: "core is not running (nobody answers at {path})",
}


class CoreUnavailable(Exception):
    """Core did not answer; the message says why."""


class CoreForbidden(CoreUnavailable):
    """This user may not reach core's socket."""


def ask(socket_path: Path, request: Request, timeout_s: float = ANSWER_S) -> Reply:
    """Core's reply to this request. Raises CoreUnavailable, and CoreForbidden as one kind of it."""
    line = msgspec.json.encode(request) + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _connect(connection, socket_path, timeout_s)
            connection.sendall(line)
            answer = _read_line(connection)
    except OSError as error:
        raise _unavailable(socket_path, error, timeout_s) from error
    return _reply(socket_path, answer)


def _connect(connection: socket.socket, path: Path, timeout_s: float) -> None:
    """Connect, and wait for a place in core's queue if it is full."""
    seconds, rest = divmod(timeout_s, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(int(seconds), int(rest * 1e6)))
    connection.connect(str(path))
    connection.settimeout(timeout_s)


def _read_line(connection: socket.socket) -> bytes:
    """Everything up to the first newline, or up to the end of the connection."""
    received = bytearray()
    while b"\n" not in received and len(received) <= REPLY_LONGEST:
        chunk = connection.recv(_CHUNK)
        if not chunk:
            break
        received += chunk
    return bytes(received).partition(b"\n")[0]


def _reply(path: Path, answer: bytes) -> Reply:
    if not answer:
        raise CoreUnavailable(f"core closed the connection at {path} without an answer: look at its log")
    try:
        return msgspec.json.decode(answer, type=Reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CoreUnavailable(
            f"the answer at {path} makes no sense ({error}): is core of the same version as this rvos?"
        ) from error


def _unavailable(path: Path, error: OSError, timeout_s: float) -> CoreUnavailable:
    if isinstance(error, TimeoutError | BlockingIOError):
        return CoreUnavailable(f"core did not answer within {timeout_s:g} s at {path}: look at its log")
    if isinstance(error, PermissionError):
        return CoreForbidden(f"this user may not reach core's socket {path}: check its rights")
    if error.errno in _NOBODY:
        return CoreUnavailable(_NOBODY[error.errno].format(path=path))
    return CoreUnavailable(f"core cannot be reached at {path} ({error})")
