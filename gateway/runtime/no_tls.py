"""Keeps OpenSSL out of the core process.

Theory of operation
-------------------
Core has no network, so it has nothing to encrypt; but asyncio loads ``ssl`` wherever there is one, and
hashlib its ``_hashlib``, and with them 5 MB of OpenSSL.  Both do without: ``None`` in ``sys.modules`` is to
them what a Python built without OpenSSL is, and hashes are then the interpreter's own (the same digests).
It has to happen before asyncio and hashlib are imported; what is loaded already stays.
"""

import sys
from importlib.util import find_spec

_OWN_SHA256 = ("_sha256", "_sha2")
"""What hashlib needs without OpenSSL, up to Python 3.11 and since."""


def keep_out() -> None:
    """From here on nothing in this process can load OpenSSL."""
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
    if any(find_spec(name) for name in _OWN_SHA256):
        sys.modules.setdefault("_hashlib", None)  # type: ignore[arg-type]
