"""How alike two records look, for a person who has to say whether they are the same. Proposals, never decisions.

Points are hundredths: 100 is identical and nothing else is. Everything here is symmetric in its points: which side is
asked first makes no difference (the words of a reason may name the sides).
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from syncd.model.values import name_key, text

IDENTICAL = 100
_FOLDED, _BARE, _LEGAL, _SHUFFLED, _BEST_GUESS = 97, 95, 93, 90, 88
_DOUBTED = 50
"""What a likeness is worth at most where the currency or the owner is another one."""
_NUMBER, _DIGITS, _TOTAL, _CLIENT, _DATE, _NEAR_DATE = 40, 25, 30, 15, 15, 8
_NEAR_DAYS = 7
_LONGEST = 120
"""Characters of a name that are compared letter by letter; QBO keeps 100 (entities.md 1.6)."""
_LEGAL_FORMS = frozenset(
    {"ab", "ag", "aps", "as", "asa", "bv", "bvba", "co", "company", "corp", "corporation", "cv", "doo", "eg", "ek"}
    | {"eood", "eu", "gbr", "gmbh", "inc", "incorporated", "kft", "kg", "kgaa", "limited", "llc", "llp", "lp", "ltd"}
    | {"ltda", "mbh", "nv", "ohg", "oy", "oyj", "plc", "pte", "pty", "pvt", "sa", "sarl", "sas", "sasu", "sb", "sc"}
    | {"sca", "sdn", "se", "sl", "slu", "snc", "spa", "spzoo", "srl", "sro", "the", "ug", "und", "and", "et", "y", "e"}
)
"""Words that rarely tell one client from another: legal forms, and what joins partners."""


class Score(msgspec.Struct, frozen=True):
    """How alike (0 to 100), and why in a few words."""

    points: int
    reason: str


class Paper(msgspec.Struct, frozen=True):
    """What a person recognises a document by. ``client`` is QBO's id of the customer, empty where it is not known."""

    number: str
    client: str
    date: date
    total: Decimal
    currency: str


def names(left: str, right: str) -> Score:
    """How alike two names are."""
    left, right = text(left), text(right)
    if left == right:
        return Score(IDENTICAL, "identical") if left else Score(0, "no name")
    if _fold(left) == _fold(right):
        return Score(_FOLDED, "only case, blanks or the form of characters differ")
    words, others = _words(left), _words(right)
    return _by_words(words, others) if words and others else Score(0, "nothing to compare")


def _by_words(words: tuple[str, ...], others: tuple[str, ...]) -> Score:
    if words == others:
        return Score(_BARE, "only accents or punctuation differ")
    core, other_core = _core(words), _core(others)
    if core == other_core:
        return Score(_LEGAL, "only the legal form or punctuation differs")
    if sorted(core) == sorted(other_core):
        return Score(_SHUFFLED, "the same words in another order")
    return _guess(core, other_core)


def doubted(score: Score, why: str) -> Score:
    """A likeness with something against it: another currency, another owner."""
    return Score(min(score.points, _DOUBTED), f"{score.reason}; {why}")


def papers(left: Paper, right: Paper) -> Score:
    """How alike two documents are. An empty number or an unknown client agrees with nothing."""
    same_currency = left.currency == right.currency
    number, their_number = text(left.number), text(right.number)
    agreed: list[str] = []
    points = 0
    if number and number == their_number:
        points, agreed = _NUMBER, ["number"]
    elif _last_digits(number) and _last_digits(number) == _last_digits(their_number):
        points, agreed = _DIGITS, ["digits of the number"]
    if left.client and left.client == right.client:
        points += _CLIENT
        agreed.append("client")
    days = abs((left.date - right.date).days)
    if not days:
        points += _DATE
        agreed.append("date")
    elif days <= _NEAR_DAYS:
        points += _NEAR_DATE
    if same_currency and left.total == right.total:
        points += _TOTAL
        agreed.append("total")
    score = Score(points, f"agrees in {_listed(agreed)}" if agreed else "agrees in nothing")
    if days and days <= _NEAR_DAYS:
        score = Score(points, f"{score.reason}; dates {days} {'day' if days == 1 else 'days'} apart")
    return score if same_currency else doubted(score, f"in {right.currency}, not {left.currency}")


class Shortlist:
    """Names laid out by their three-letter pieces, so that the near ones of many are found without looking at all."""

    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        self._places: dict[str, list[str]] = defaultdict(list)
        for identity, name in entries:
            for piece in _pieces(name):
                self._places[piece].append(identity)

    def near(self, name: str, limit: int) -> tuple[str, ...]:
        """The ids of at most ``limit`` names that share most pieces with ``name``; the nearest first."""
        shared: Counter[str] = Counter()
        for piece in _pieces(name):
            shared.update(self._places.get(piece, ()))
        ranked = sorted(shared.items(), key=lambda found: (-found[1], found[0]))
        return tuple(identity for identity, _ in ranked[:limit])


def _pieces(name: str) -> frozenset[str]:
    padded = f"  {' '.join(_core(_words(name))) or _fold(name)} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def _guess(left: tuple[str, ...], right: tuple[str, ...]) -> Score:
    common = sum((Counter(left) & Counter(right)).values())
    by_words = _BEST_GUESS * 2 * common // (len(left) + len(right))
    here, there = " ".join(left)[:_LONGEST], " ".join(right)[:_LONGEST]
    longest = max(len(here), len(there))
    least = abs(len(here) - len(there))  # so many letters differ at the very least; often that is the answer already
    if _BEST_GUESS * (longest - least) // longest > by_words:
        least = _distance(here, there)
    by_letters = _BEST_GUESS * (longest - least) // longest
    if by_words >= by_letters:
        return Score(by_words, f"{common} of {max(len(left), len(right))} words in common")
    return Score(by_letters, "similar spelling")


def _distance(left: str, right: str) -> int:
    """How many letters have to be put in, taken out or changed (Levenshtein)."""
    before = list(range(len(right) + 1))
    for row, letter in enumerate(left, start=1):
        now = [row]
        for column, other in enumerate(right, start=1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (letter != other)))
        before = now
    return before[-1]


def _fold(name: str) -> str:
    return name_key(unicodedata.normalize("NFKC", name))


def _words(name: str) -> tuple[str, ...]:
    """The words of a name without case, accents and punctuation. Points and apostrophes join: ``G.m.b.H.``"""
    flat = unicodedata.normalize("NFKD", _fold(name))
    kept = []
    for letter in flat:
        if unicodedata.combining(letter) or letter in ".'’":
            continue
        kept.append(letter if letter.isalnum() or unicodedata.category(letter).startswith("M") else " ")
    return tuple("".join(kept).split())


def _core(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words that tell one from another: without legal forms, unless there is nothing else."""
    return tuple(word for word in words if word not in _LEGAL_FORMS) or words


def _last_digits(number: str) -> str:
    """The last run of digits without leading zeros: ``INV-0042`` and ``42`` may be the same."""
    run = ""
    for letter in reversed(number):
        if letter.isdecimal():
            run = letter + run
        elif run:
            break
    return run.lstrip("0")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
