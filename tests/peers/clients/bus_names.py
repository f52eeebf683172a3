"""Owns the bus names that it is given, and says "ready": somebody must be there to be kept from.

Each name has a connection of its own: a rule about a destination holds for whoever owns it, whatever else
it owns.
"""

import asyncio
import sys

from dbus_fast import BusType
from dbus_fast.aio import MessageBus


async def main():
    buses = [await MessageBus(bus_type=BusType.SYSTEM).connect() for _ in sys.argv[1:]]
    for bus, name in zip(buses, sys.argv[1:], strict=True):
        await bus.request_name(name)
    print("ready", flush=True)
    await buses[0].wait_for_disconnect()


asyncio.run(main())
