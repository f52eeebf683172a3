"""The commands, results and errors of ScienceMode 2 in words, as a report and a log show them.

Theory of operation
-------------------
Numbers that the description does not name are shown as numbers.  Source: ScienceMode2 description v1.24.
"""

from drivers import sciencemode2 as wire

NAMES = {
    wire.GET_MODE: "GetStimulationMode",
    wire.INIT_CHANNEL_LIST: "InitChannelListMode",
    wire.START_CHANNEL_LIST: "StartChannelListMode",
    wire.STOP_CHANNEL_LIST: "StopChannelListMode",
    wire.SINGLE_PULSE: "SinglePulse",
    wire.WATCHDOG: "Watchdog",
    wire.INIT_ACK: "InitAck",
}

_RESULTS = {
    wire.TRANSFER_ERROR: "transfer error",
    wire.PARAMETER_ERROR: "parameter error",
    wire.WRONG_MODE: "wrong mode",
    wire.INCOMPATIBLE_VERSION: "incompatible protocol version",
    wire.BUSY: "busy",
}

_ERRORS = {
    wire.EMERGENCY_SWITCH: "the emergency switch is pressed or not connected",
    wire.ELECTRODE_ERROR: "electrode error (the device does not say on which channel)",
    wire.MODULE_ERROR: "the stimulation module has failed",
}


def result_text(command: int, result: int) -> str:
    """What a device answered to a command."""
    return f"{NAMES[command]} was refused: {_RESULTS.get(result, 'unknown result')} ({result})"


def error_text(code: int) -> str:
    """Why a device ended stimulation by itself."""
    return f"{_ERRORS.get(code, 'unknown stimulation error')} ({code})"
