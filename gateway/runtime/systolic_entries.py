"""The systolic pressures that were entered: three identical ones in a row are queried.

Theory of operation
-------------------
A copied number is the likeliest explanation of a third identical one.  The question is answered by measuring
again and saying so.  Units: mmHg.
"""

_SAME_IN_A_ROW = 3


class SystolicEntries:
    """The systolic pressures entered for one patient, newest last."""

    def __init__(self) -> None:
        self._patient = ""
        self._entered: list[int] = []

    def of_patient(self, patient: str) -> None:
        """Another patient has another pressure."""
        if patient != self._patient:
            self._patient, self._entered = patient, []

    def query(self, systolic_mmhg: int, measured_again: bool) -> str:
        """The question that a third identical entry raises; empty when there is none to ask."""
        before = _SAME_IN_A_ROW - 1
        if measured_again or self._entered[-before:] != [systolic_mmhg] * before:
            return ""
        return (
            f"a systolic of {systolic_mmhg} mmHg for the third time in a row: measure again; "
            "if it truly is the same, add --measured-again"
        )

    def take(self, systolic_mmhg: int) -> None:
        """One more entry that counts."""
        self._entered = [*self._entered[-_SAME_IN_A_ROW:], systolic_mmhg]
