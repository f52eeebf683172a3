"""The sentences for people: complete in each language, short, with an action wherever something alarms."""

import re
from collections.abc import Iterator

import click
import pytest

from gateway.cli.main import rvos
from gateway.model import Reason
from gateway.safety.reasons import Kind, kind_of, priority_of
from gateway.safety.texts import EVERY_TRIP, TEXTS, Language, action_of, text_of
from gateway.safety.texts_english import EN
from gateway.safety.texts_french import FR
from gateway.safety.wording import Wording

LONGEST = 120
COMMAND = re.compile(r"`([^`]*)`")
ENGLISH_ONLY = re.compile(r"\b(the|cuff|and|run|limb|hose|pressure|check|session is|wait)\b", re.IGNORECASE)
EACH = [(reason, language) for language in Language for reason in Reason]


def sentences(reason: Reason, language: Language) -> list[str]:
    return [sentence for sentence in TEXTS[language][reason] if sentence]


def test_both_languages_have_a_table() -> None:
    assert {Language.ENGLISH: EN, Language.FRENCH: FR} == TEXTS
    assert EVERY_TRIP.keys() == set(Language)


@pytest.mark.parametrize("language", Language)
def test_every_reason_has_its_sentences_and_nothing_else_has(language: Language) -> None:
    assert TEXTS[language].keys() == set(Reason)
    assert all(wording.text for wording in TEXTS[language].values())


@pytest.mark.parametrize("language", Language)
def test_no_two_reasons_say_the_same(language: Language) -> None:
    texts = [wording.text for wording in TEXTS[language].values()]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(("reason", "language"), EACH)
def test_each_is_a_sentence_that_fits_a_line(reason: Reason, language: Language) -> None:
    for sentence in sentences(reason, language):
        assert re.fullmatch(r"[A-ZÀ-Ý].+[.?]", sentence), sentence
        assert len(sentence) <= LONGEST, sentence
        assert sentence == " ".join(sentence.split())
    assert len(EVERY_TRIP[language]) <= LONGEST


@pytest.mark.parametrize(("reason", "language"), EACH)
def test_what_alarms_says_what_to_do(reason: Reason, language: Language) -> None:
    if priority_of(reason) is not None or kind_of(reason) in (Kind.WAIT, Kind.REFUSAL):
        assert action_of(reason, language)


@pytest.mark.parametrize("reason", Reason)
def test_both_languages_ask_for_something_or_neither_does(reason: Reason) -> None:
    assert bool(EN[reason].action) == bool(FR[reason].action)


@pytest.mark.parametrize("language", Language)
def test_every_trip_asks_for_the_limb_the_hose_and_the_reset(language: Language) -> None:
    limb, hose = {Language.ENGLISH: ("limb", "unplug the hose")}.get(
        language, ("membre", "débrancher le tuyau")
    )
    for reason in Reason:
        asked = action_of(reason, language).endswith(EVERY_TRIP[language])
        assert asked == (kind_of(reason) is Kind.TRIP)
    assert limb in EVERY_TRIP[language]
    assert hose in EVERY_TRIP[language]
    assert "`rvos session reset --confirm`" in EVERY_TRIP[language]


@pytest.mark.parametrize(
    ("reason", "language", "text"),
    [
        (Reason.PLANNED, Language.ENGLISH, "As planned."),
        (
            Reason.SENSORS_DISAGREE,
            Language.FRENCH,
            f"Les deux capteurs de pression ne concordent pas. Chercher un tuyau coudé. "
            f"{EVERY_TRIP[Language.FRENCH]}",
        ),
        (
            Reason.OVER_PRESSURE,
            Language.ENGLISH,
            f"The cuff pressure was above its limit. {EVERY_TRIP[Language.ENGLISH]}",
        ),
    ],
)
def test_a_line_is_what_is_wrong_and_then_what_to_do(reason: Reason, language: Language, text: str) -> None:
    assert text_of(reason, language) == text


def test_without_a_language_it_is_english() -> None:
    assert text_of(Reason.LEAK) == text_of(Reason.LEAK, Language.ENGLISH)
    assert action_of(Reason.LEAK) == EN[Reason.LEAK].action
    assert Wording("x").action == ""


# French


@pytest.mark.parametrize("reason", Reason)
def test_french_is_french(reason: Reason) -> None:
    said = COMMAND.sub("", " ".join(sentences(reason, Language.FRENCH)))
    assert not ENGLISH_ONLY.search(said), said
    assert FR[reason] != EN[reason]


@pytest.mark.parametrize("reason", Reason)
def test_french_has_a_blank_before_its_double_signs(reason: Reason) -> None:
    said = COMMAND.sub("", " ".join(sentences(reason, Language.FRENCH)))
    assert not re.search(r"[^ ][;:?!]", said), said


@pytest.mark.parametrize("reason", Reason)
def test_both_languages_say_the_same_numbers_and_commands(reason: Reason) -> None:
    english, french = text_of(reason, Language.ENGLISH), text_of(reason, Language.FRENCH)
    assert COMMAND.findall(english) == COMMAND.findall(french)
    assert sorted(re.findall(r"\d+", english)) == sorted(re.findall(r"\d+", french))


# commands


def verbs(group: click.Group, name: str = "rvos") -> Iterator[str]:
    for word, command in group.commands.items():
        yield f"{name} {word}"
        if isinstance(command, click.Group):
            yield from verbs(command, f"{name} {word}")


def unknown(text: str) -> set[str]:
    """Commands between back quotes that the command line does not have."""
    named = {re.sub(r" --.*", "", command) for command in COMMAND.findall(text)}
    return named - set(verbs(rvos))


@pytest.mark.parametrize(("reason", "language"), EACH)
def test_the_texts_name_commands_that_exist(reason: Reason, language: Language) -> None:
    assert unknown(text_of(reason, language)) == set()


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert unknown("Run `rvos session repair --confirm`.") == {"rvos session repair"}
    assert any(COMMAND.findall(text_of(reason)) for reason in Reason)
