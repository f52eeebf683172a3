"""What a person reads about each reason, in English and in French: what is wrong, what to do.

Theory of operation
-------------------
One table for each language (``texts_english``, ``texts_french``), a row for each reason: one sentence that
says what is wrong and one, or more, that says what to do now.  After a trip the same must be done every
time; it stands once, in ``EVERY_TRIP``, and follows the trip's own first step.  The codes (``Reason``) are
what the journal and the wire carry; these sentences are what screens, the annunciator and the alarm rows
show, in the language of the site.  No sentence is longer than 120 characters, one line of a bedside screen
(engineering proposal).
"""

from enum import StrEnum

from gateway.model import Reason
from gateway.safety.reasons import Kind, kind_of
from gateway.safety.texts_english import EN
from gateway.safety.texts_french import FR
from gateway.safety.wording import Wording


class Language(StrEnum):
    """A language in which every reason has its sentences."""

    ENGLISH = "en"
    FRENCH = "fr"


EVERY_TRIP: dict[Language, str] = {
    Language.ENGLISH: (
        "Check the limb and the cuff, unplug the hose if it is still tight, "
        "then run `rvos session reset --confirm`."
    ),
    Language.FRENCH: (
        "Vérifier le membre et le brassard, débrancher le tuyau si le brassard serre, "
        "puis `rvos session reset --confirm`."
    ),
}

TEXTS: dict[Language, dict[Reason, Wording]] = {Language.ENGLISH: EN, Language.FRENCH: FR}


def action_of(reason: Reason, language: Language = Language.ENGLISH) -> str:
    """What a person should do now, after a trip with what every trip asks for; empty for nothing."""
    own = TEXTS[language][reason].action
    return f"{own} {EVERY_TRIP[language]}".strip() if kind_of(reason) is Kind.TRIP else own


def text_of(reason: Reason, language: Language = Language.ENGLISH) -> str:
    """One line for a person: what is wrong and what to do."""
    return f"{TEXTS[language][reason].text} {action_of(reason, language)}".strip()
