"""The maker's client of a CPAR+ (labbench-comm), driven against the port it is given; prints what it found.

It does what the maker's own examples do: identify, ping, operating mode, clear, load, start, collect statuses
until the stimulation is over; then a second stimulation that is stopped, and one that nobody pings.
"""

import asyncio
import json
import sys

from labbench_comm.devices.cpar import (
    ClearWaveformPrograms,
    CPARplusCentral,
    DeviceChannelID,
    DeviceState,
    OperatingMode,
    SetOperatingMode,
    SetWaveformProgram,
    StartStimulation,
    StopCriterion,
    StopStimulation,
    WaveformInstruction,
)
from labbench_comm.protocols.bus_central import BusCentral
from labbench_comm.protocols.exceptions import FunctionNotAcknowledgedError
from labbench_comm.protocols.functions.device_identification import DeviceIdentification
from labbench_comm.serial.async_serial_connection import AsyncSerialConnection
from labbench_comm.serial.connection import PySerialIO


def program(*instructions):
    function = SetWaveformProgram()
    function.instructions = list(instructions)
    return function


def start_function():
    function = StartStimulation()
    function.criterion = StopCriterion.STOP_CRITERION_ON_BUTTON_PRESSED
    function.outlet01 = DeviceChannelID.CH01
    function.override_rating = True
    return function


async def stimulate(device):
    await device.execute(start_function())
    return await device.wait_for_stimulation_complete(enter_timeout=1.0)


async def statuses(device, number):
    """Wait for so many statuses."""
    seen = asyncio.Semaphore(0)
    device.status_received.append(lambda *_: seen.release())
    for _ in range(number):
        await seen.acquire()
    device.status_received.pop()


async def converse(device, found):
    await statuses(device, 1)  # so that its first state is seen before anything is asked
    identity = DeviceIdentification()
    await device.execute(identity)
    found["compatible"] = device.is_compatible(identity)
    found["identity"] = [identity.manufacturer, identity.device, identity.serial_number, identity.version]
    found["pings"] = [await device.ping(), await device.ping()]
    mode = SetOperatingMode()
    mode.mode = OperatingMode.RESPONSE_DISABLED
    await device.execute(mode)
    await device.execute(ClearWaveformPrograms())

    ramp = program(
        WaveformInstruction.increment(40.0, 0.5),
        WaveformInstruction.step(20.0, 0.5),
        WaveformInstruction.decrement(20.0, 0.2),
        WaveformInstruction.step(0.0, 0.1),
    )
    await device.execute(ramp)
    found["crc"] = [ramp.expected_checksum, ramp.actual_checksum]
    data = await stimulate(device)
    found["samples"] = len(data)
    found["highest_target_kpa"] = max(sample.target_pressure_01 for sample in data.samples)
    found["highest_actual_kpa"] = max(sample.actual_pressure_01 for sample in data.samples)

    await device.execute(program(WaveformInstruction.step(15.0, 60.0)))
    stopped = asyncio.create_task(stimulate(device))
    await statuses(device, 6)
    try:
        await device.execute(program(WaveformInstruction.step(1.0, 1.0)))
    except FunctionNotAcknowledgedError as refusal:
        found["busy"] = str(refusal)
    await device.execute(StopStimulation())
    found["stopped_samples"] = len(await stopped)
    found["stop_condition"] = found.pop("last_stop")


async def main(path):
    found = {"states": [], "events": []}

    def on_status(_, message):
        found["last_stop"] = message.stop_condition.name
        found["supply_kpa"] = round(message.supply_pressure)
        name = DeviceState(message.system_state).name
        if not found["states"] or found["states"][-1] != name:
            found["states"].append(name)

    device = CPARplusCentral(BusCentral(AsyncSerialConnection(PySerialIO(path))))
    device.status_received.append(on_status)
    device.event_received.append(lambda _, message: found["events"].append(message.event.name))
    async with device:
        await device.start_ping(interval=1.0)
        await converse(device, found)
        await device.stop_ping()
        await device.execute(program(WaveformInstruction.step(15.0, 60.0)))
        found["unpinged_samples"] = len(await stimulate(device))
        found["unpinged_condition"] = found.pop("last_stop")
    print(json.dumps(found))


asyncio.run(main(sys.argv[1]))
