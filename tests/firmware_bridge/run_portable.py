"""Runs the test functions of one test module without pytest: the way in for MicroPython.

Usage: ``micropython run_portable.py ROOT MODULE``; prints how many passed, ends with code 1 at a failure.
"""

import gc
import sys


def run(root: str, name: str) -> int:
    """Run every function named test_* of ``tests.firmware_bridge.NAME``."""
    sys.path.insert(0, root)
    module = __import__(f"tests.firmware_bridge.{name}", None, None, ("*",))
    tests = sorted(item for item in dir(module) if item.startswith("test_"))
    for test in tests:
        print(test, file=sys.stderr)
        getattr(module, test)()
        gc.collect()
    print(len(tests))
    return 0


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
