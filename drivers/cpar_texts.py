"""What a CPAR+ says in numbers, in sentences for a person at the bedside.

Theory of operation
-------------------
Three tables: why a stimulation ended, why a function was refused, what happened by itself.  The numbers and
their names are those of the maker's client (labbench-comm 0.1.3, ``definitions``); what to do about them is
ours.  A number without a sentence is told as a number: a newer firmware may know more than this file.
``NOTICE`` is what has to be said whenever the device is named.
"""

NOTICE = (
    "CPAR+ is a research algometer, not a tourniquet: one sensor for each outlet, no lease, no checksum on "
    "its status, and a communication watchdog of unconfirmed length. The site has signed for its use in "
    "research in the configuration; no session inflates it."
)

STOP_REASONS = {
    0: "nothing has ended yet",
    1: "the stop button was pressed",
    2: "the highest rating was given",
    3: "the program is over",
    4: "the device's own time limit passed",
    5: "the rating device was unplugged",
    6: "the emergency stop was pressed; release it at the device",
    7: "we asked for it",
    8: "the cuff did not follow its target; look at the cuff and its hose",
    9: "the device did not hear us for too long (communication watchdog)",
    10: "the 12 V supply is off; look at the device's power supply",
    11: "the supply pressure is low; look at the compressor",
}

ERRORS = {
    1: "it does not know this function",
    2: "the request had a wrong length",
    3: "it is not idle",
    4: "there is no such channel",
    5: "no rating device is connected",
    6: "the rating is not zero",
    7: "there is no supply pressure; wait for the compressor",
    8: "there is no power; look at the 12 V supply",
    9: "these programs and outlets cannot be started",
    10: "there is nothing to stop",
    11: "there is no such event",
    12: "the program is longer than 600 s",
    13: "there is no such address",
    14: "it could not write to its memory",
    15: "there is no such channel",
    16: "this event is fixed",
    17: "its run level forbids it",
}

EVENTS = {
    0: "nothing",
    1: "a status was due",
    2: "stimulation started",
    3: "stimulation stopped",
    4: "stop button 1 pressed",
    5: "stop button 1 released",
    6: "stop button 2 pressed",
    7: "stop button 2 released",
    8: "the highest rating was given",
    9: "the rating device was unplugged",
    10: "a rating device was connected",
    11: "emergency stop pressed",
    12: "emergency stop released",
    13: "the programs are over",
    14: "the device's time limit passed",
    15: "the communication watchdog fired",
    16: "cuff 1 does not follow its target",
    17: "cuff 2 does not follow its target",
    18: "supply pressure low",
    19: "12 V off",
    20: "12 V on",
    21: "air leak",
    22: "trigger received",
}


def stop_reason(code: int) -> str:
    """Why a stimulation ended."""
    return STOP_REASONS.get(code, f"reason {code}, which this driver does not know")


def error(code: int) -> str:
    """Why a function was refused."""
    return ERRORS.get(code, f"error {code}, which this driver does not know")


def event(code: int) -> str:
    """What happened."""
    return EVENTS.get(code, f"event {code}, which this driver does not know")
