"""The maker's client of a BITalino: prints what it received as JSON. Runs in the peer's environment.

``bitalino.py PORT RATE_HZ INPUT...`` with inputs from 1; the client needs numpy and pyserial, and neither
Bluetooth nor anything else for a port in /dev.
"""

import json
import sys

# This file has the name of the module that it uses: its own folder must not be searched.
sys.path.pop(0)

from bitalino import BITalino

SAMPLES = 120


def main(port: str, rate_hz: int, inputs: list[int]) -> None:
    device = BITalino(port, 5)
    device.start(rate_hz, [number - 1 for number in inputs])
    rows = device.read(SAMPLES)
    device.stop()
    device.close()
    print(json.dumps({"rows": rows.tolist(), "second_generation": device.isBitalino2}))


main(sys.argv[1], int(sys.argv[2]), [int(number) for number in sys.argv[3:]])
