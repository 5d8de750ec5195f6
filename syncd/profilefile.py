"""Reading a profile from a file: every wrong word and every contradiction at once, each with file, key and reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.configfile import Loader, Loc, Tree
from syncd.errors import ConfigError
from syncd.model.kinds import Kind
from syncd.model.spec import SPECS, KindSpec
from syncd.profiles.updates import UPDATES
from syncd.profiles.words import FORMS, KINDS, PARTIES, ProfileWords

SUFFIX = ".toml"
"""What tells the path of a profile file from the name of a profile that syncd ships."""

_TICKED = frozenset({Kind.ESTIMATE, Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT})
"""Kinds whose records have the boxes "save to QuickBooks" and "remove from QuickBooks"."""
_IMPORTED: Mapping[Kind, frozenset[str]] = {
    Kind.PAYMENT: frozenset({"import"}),
    Kind.CREDIT_APPLICATION: frozenset({"import"}),
    Kind.CREDIT_NOTE: frozenset({"import", "import_when_needed"}),
}
"""How records that only QuickBooks has can come into the source."""
_CAN_DO_WITHOUT: Mapping[Kind, frozenset[Kind]] = {Kind.PAYMENT: frozenset({Kind.CREDIT_NOTE})}
"""What a kind may refer to, but need not."""
_NO_STATES = frozenset({"states", "source_withdrawn", "source_voided"})

Problem = tuple[Loc, str, str]


def load(path: Path) -> ProfileWords:
    """The profile in ``path``. Raises ``ConfigError`` with every fault there is."""
    if not path.exists():
        raise ConfigError(f"There is no profile file {path}.", remedy="See docs/write-a-profile.md.")
    return Loader(ProfileWords, path, {}, home="", across=contradictions).load()


def contradictions(tree: Tree) -> Iterator[Problem]:
    """What cannot be meant together. Looks at the unchecked tree: nothing in it is certain."""
    kinds = tree.get("kind")
    known = {kind.value: kind for kind in KINDS}
    said = {known[name]: words for name, words in kinds.items() if name in known} if isinstance(kinds, dict) else {}
    for kind, words in said.items():
        if isinstance(words, dict):
            yield from _of_kind(SPECS[kind], words, frozenset(said))


def _of_kind(spec: KindSpec, words: Mapping[str, Any], there: frozenset[Kind]) -> Iterator[Problem]:
    table: Loc = ("kind", spec.kind.value)
    noun = _noun(spec.kind)
    if spec.link_only:
        for key in words.keys() - {"match_on"}:
            yield (*table, key), _shown(words[key]), f"no such word: {spec.plural} are matched by name, never written"
        return
    for need in sorted(set(spec.needs) - _CAN_DO_WITHOUT.get(spec.kind, frozenset()) - there):
        if not SPECS[need].optional:
            yield table, f"no [kind.{need.value}]", f"one, since a record of the kind {noun} refers to it"
    yield from _updates(table, words)
    yield from _states(spec, table, words)
    yield from _removals(spec, table, words)
    yield from _directions(spec, table, words)
    for key in ("returned", "match_on"):
        names = words.get(key)
        wrong = [str(name) for name in names if name not in spec.fields] if isinstance(names, list) else []
        if wrong:
            yield (*table, key), ", ".join(wrong), f"fields of the kind {noun}: {', '.join(spec.fields)}"


def _updates(table: Loc, words: Mapping[str, Any]) -> Iterator[Problem]:
    said = words.get("update")
    if isinstance(said, list):
        wishes = " and ".join(str(word) for word in said)
        yield (*table, "update"), wishes, f"one of {', '.join(UPDATES)}: they contradict each other"


def _states(spec: KindSpec, table: Loc, words: Mapping[str, Any]) -> Iterator[Problem]:
    if spec.kind in PARTIES or spec.kind is Kind.BILL:
        for key in _NO_STATES & words.keys():
            yield (*table, key), _shown(words[key]), f"no such word: {spec.plural} have no drafts"
        return
    states = words.get("states")
    if not isinstance(states, list):
        return
    if not states:
        yield (*table, "states"), "none", "at least one state, or no such kind"
    if "void" in states:
        yield (
            (*table, "states"),
            "void",
            "states that belong in QuickBooks; source_voided says what becomes of a void one",
        )
    if "draft" in states and words.get("source_withdrawn", "hold") != "hold":
        yield (
            (*table, "source_withdrawn"),
            _shown(words["source_withdrawn"]),
            "nothing: drafts go out, none is withdrawn",
        )


def _removals(spec: KindSpec, table: Loc, words: Mapping[str, Any]) -> Iterator[Problem]:
    possible = {"hold", "leave"} | ({"delete"} if spec.transaction else {"deactivate"})
    if spec.voidable:
        possible.add("void")
    for key in ("source_withdrawn", "source_voided", "source_removed"):
        if isinstance(words.get(key), str) and words[key] in {"delete", "void", "deactivate"} - possible:
            expected = f"{', '.join(sorted(possible))}: QuickBooks can do nothing else with {spec.plural}"
            yield (*table, key), _shown(words[key]), expected
    if words.get("qbo_removed") == "withdraw" and spec.kind not in FORMS:
        yield (*table, "qbo_removed"), "'withdraw'", f"another word: {spec.plural} have no drafts"
    if words.get("qbo_voided") == "void" and not spec.voidable:
        yield (*table, "qbo_voided"), "'void'", f"another word: {spec.plural} cannot be void"
    if words.get("qbo_removed") == "recreate" and words.get("goes_out") == "never":
        yield (*table, "qbo_removed"), "'recreate'", "another word: goes_out says that none is ever sent"


def _directions(spec: KindSpec, table: Loc, words: Mapping[str, Any]) -> Iterator[Problem]:
    comes = words.get("from_qbo", "leave")
    if isinstance(comes, str) and comes in {"import", "import_when_needed"} - _IMPORTED.get(spec.kind, frozenset()):
        yield (*table, "from_qbo"), _shown(comes), f"another word: {spec.plural} cannot be brought in like that"
    goes = words.get("goes_out")
    if goes == "when_needed" and spec.transaction:
        yield (*table, "goes_out"), "'when_needed'", f"always or never: nothing has {spec.plural} made for it"
    if goes == "never" and comes == "leave":
        yield (*table, "goes_out"), "'never'", f"another word, or from_qbo: else {spec.plural} go neither way"
    if words.get("ticks") is True and spec.kind not in _TICKED:
        yield (*table, "ticks"), "true", f"nothing: {spec.plural} have no such boxes"


def _noun(kind: Kind) -> str:
    return kind.value.replace("_", " ")


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str | bool | int) else "a list" if isinstance(value, list) else "a table"
