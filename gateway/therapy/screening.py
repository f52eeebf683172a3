"""The questions before a session: data that a clinician can read, judged by one rule.

Theory of operation
-------------------
``screening.toml`` lists every question with its right answer, its source and the check of
``gateway.safety.readiness`` that it belongs to.  ``questions`` picks those that this session has to ask;
``objection`` names the first one that is unanswered or wrongly answered.  There is no other way past it.

Sources: in the file, one per question.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gateway.model import Limb

_FILE = Path(__file__).with_name("screening.toml")
_Words = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=140)]

YES, NO = "yes", "no"


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question. ``answer`` is the only one with which anything starts."""

    id: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,32}$")]
    check: Literal["screening", "skin", "limb", "nothing_under_cuff", "probe"]
    where: Literal["any", "cuff", "thigh", "stimulation"]
    answer: Literal["yes", "no"]
    text: _Words
    french: _Words
    source: _Words
    certainty: Literal["read", "standard from memory", "engineering proposal"]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: list[Question]


ALL: tuple[Question, ...] = tuple(msgspec.convert(tomllib.loads(_FILE.read_text("utf-8")), _File).question)


def questions(limb: Limb, *, cuff: bool = True, stimulation: bool = False) -> tuple[Question, ...]:
    """What has to be asked for a session on this limb, in the order of asking."""
    asked = {"any": True, "cuff": cuff, "thigh": cuff and limb.is_thigh, "stimulation": stimulation}
    return tuple(question for question in ALL if asked[question.where])


def objection(asked: tuple[Question, ...], answers: Mapping[str, str]) -> str:
    """Why these answers start nothing, in one sentence; empty when they all are right."""
    for question in asked:
        given = answers.get(question.id)
        if given is None:
            return f"not answered: {question.id} ({question.text})"
        if given != question.answer:
            return f"{question.text} The answer is {given!r}: no session on this patient now ({question.id})"
    return ""


def satisfied(asked: tuple[Question, ...], answers: Mapping[str, str], check: str) -> bool:
    """Whether every question of this check was asked and rightly answered."""
    of_check = [question for question in asked if question.check == check]
    return bool(of_check) and all(answers.get(question.id) == question.answer for question in of_check)


def right_answers(asked: tuple[Question, ...]) -> dict[str, str]:
    """What a patient without any contraindication answers."""
    return {question.id: question.answer for question in asked}
