"""Reading a profile from a file: every wrong word and every contradiction at once, each with file, key and reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.configfile import Loader, Loc, Tree
from syncd.errors import ConfigError
from syncd.model.kinds import Kind
from syncd.model.spec import SPECS, KindSpec
from syncd.profiles.meaning import match_on
from syncd.profiles.updates import COMES_BACK, FOLLOWS, UPDATES
from syncd.profiles.words import FORMS, KINDS, PARTIES, KindWords, ProfileWords

SUFFIX = ".toml"
"""What tells the path of a profile file from the name of a profile that syncd ships."""

_TICKED = frozenset({Kind.ESTIMATE, Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT})
"""Kinds whose records have the boxes "save to QuickBooks" and "remove from QuickBooks"."""
_IMPORTED: Mapping[Kind, frozenset[str]] = {
    Kind.CLIENT: frozenset({"import_at_first"}),
    Kind.PAYMENT: frozenset({"import"}),
    Kind.CREDIT_APPLICATION: frozenset({"import"}),
    Kind.CREDIT_NOTE: frozenset({"import", "import_when_needed"}),
}
"""How records that only QuickBooks has can come into the source."""
_CAN_DO_WITHOUT: Mapping[Kind, frozenset[Kind]] = {Kind.PAYMENT: frozenset({Kind.CREDIT_NOTE})}
"""What a kind may refer to, but need not."""
_NO_STATES = frozenset({"states", "source_withdrawn", "source_voided"})
_MATCHED = frozenset({"match_on"})
_MADE: Mapping[Kind, frozenset[str]] = {
    Kind.ITEM: frozenset({"goes_out", "match_differs", "line_types"}),
    Kind.PROJECT: frozenset(
        {"goes_out", "update", "asks", "remedy", "source_closed", "source_removed", "source_removed_edited"}
    ),
}
"""What may be said of kinds that are matched by name, and made where QuickBooks has none, beside how they match."""
_MERGED = frozenset({"careful", "qbo_wins"})
"""The ways in which each field goes its own way, as marks have to."""

Problem = tuple[Loc, str, str]
Words = Mapping[str, Any]


def load(path: Path) -> ProfileWords:
    """The profile in ``path``. Raises ``ConfigError`` with every fault there is."""
    if not path.exists():
        raise ConfigError(f"There is no profile file {path}.", remedy="See docs/write-a-profile.md.")
    return Loader(ProfileWords, path, {}, home="", across=contradictions).load()


def contradictions(tree: Tree) -> Iterator[Problem]:
    """What cannot be meant together. Looks at the unchecked tree: nothing in it is certain."""
    kinds, settings = tree.get("kind"), tree.get("settings")
    known = {kind.value: kind for kind in KINDS}
    said = {known[name]: words for name, words in kinds.items() if name in known} if isinstance(kinds, dict) else {}
    tables = {kind: words for kind, words in said.items() if isinstance(words, dict)}
    brought = settings if isinstance(settings, dict) else {}
    yield from _settings(brought, tables)
    for kind, words in tables.items():
        yield from _of_kind(SPECS[kind], words, frozenset(said), brought)


def _settings(brought: Words, tables: Mapping[Kind, Words]) -> Iterator[Problem]:
    """Settings that say half of something."""
    if brought.get("numbering") == "counted":
        yield ("settings", "numbering"), "'counted'", "another word: where to begin is said by each company"
    if brought.get("missing_item") == "create" and "goes_out" not in tables.get(Kind.ITEM, {}):
        yield ("settings", "missing_item"), "'create'", 'goes_out = "when_needed" in [kind.item], where they are made'
    if brought.get("project_as") == "sub_customer" and Kind.PROJECT not in tables:
        yield ("settings", "project_as"), "'sub_customer'", "[kind.project], which says whether they are made"


def _of_kind(spec: KindSpec, words: Words, there: frozenset[Kind], brought: Words) -> Iterator[Problem]:
    table: Loc = ("kind", spec.kind.value)
    noun = _noun(spec.kind)
    yield from _fields(spec, table, words)
    if spec.link_only:
        yield from _names(spec, table, words, brought)
        return
    needed = set(spec.needs) - _CAN_DO_WITHOUT.get(spec.kind, frozenset())
    for need in sorted(needed - there):
        if not SPECS[need].optional:
            yield table, f"no [kind.{need.value}]", f"one, since a record of the kind {noun} refers to it"
    for key in words.keys() & {"source_closed", "line_types"}:
        whose = "projects that are made" if key == "source_closed" else "items"
        yield (*table, key), _shown(words[key]), f"no such word: it is about {whose}"
    yield from _updates(spec, table, words, there)
    yield from _states(spec, table, words)
    yield from _removals(spec, table, words)
    yield from _directions(spec, table, words)
    yield from _asked(spec, table, words)


def _names(spec: KindSpec, table: Loc, words: Words, brought: Words) -> Iterator[Problem]:
    """What is matched by name: items may be made, and projects be sub-customers."""
    makes, own = "goes_out" in words, _MADE.get(spec.kind, frozenset())
    may = _MATCHED | (own if makes else own & {"goes_out", "line_types"})
    for key in sorted(words.keys() & KindWords.model_fields.keys() - may):
        why = f"no such word: {spec.plural} are matched by name, never written"
        if key in own:
            why = "nothing unless goes_out says that they are made"
        yield (*table, key), _shown(words[key]), why
    if makes and spec.kind is Kind.ITEM:
        yield from _made(table, words, brought, "when_needed", "missing_item", "create")
        if words.get("line_types"):
            yield (*table, "line_types"), "types of lines", "nothing: what line_type_map names is there already"
    elif makes and spec.kind is Kind.PROJECT:
        yield from _made(table, words, brought, "always", "project_as", "sub_customer")
        if words.get("update") != "source_wins":
            found = _shown(words["update"]) if "update" in words else "nothing"
            yield (*table, "update"), found, "source_wins: a sub-customer follows its project"
        if words.get("remedy") and not words.get("asks"):
            yield (*table, "remedy"), "a remedy", "nothing, or asks: no change of the source is held"
        for key in ("source_closed", "source_removed"):
            if words.get(key) in ("delete", "void"):
                yield (*table, key), _shown(words[key]), "deactivate, hold or leave"


def _made(table: Loc, words: Words, brought: Words, wished: str, setting: str, value: str) -> Iterator[Problem]:
    """How what is matched by name is made where QuickBooks has none, and the setting that goes with it."""
    goes = words["goes_out"]
    if isinstance(goes, str) and goes != wished:
        yield (*table, "goes_out"), _shown(goes), f"{wished}, or no such word: they cannot go out like that"
    if brought.get(setting) != value:
        yield (*table, "goes_out"), _shown(goes), f'[settings] {setting} = "{value}", which says what they are made as'


def _fields(spec: KindSpec, table: Loc, words: Words) -> Iterator[Problem]:
    """Words that name fields: only fields there are, and none for two opposite things."""
    named: dict[str, frozenset[str]] = {}
    for key in ("returned", "left_out", "never_left", "asks", "match_on", "marks"):
        names, known = words.get(key), spec.marks if key == "marks" else spec.fields
        if not isinstance(names, list):
            continue
        named[key] = frozenset(str(name) for name in names)
        wrong = [str(name) for name in names if name not in known]
        if wrong and known:
            what = "marks" if key == "marks" else "fields"
            yield (*table, key), ", ".join(wrong), f"{what} of the kind {_noun(spec.kind)}: {', '.join(known)}"
        elif wrong:
            yield (*table, key), ", ".join(wrong), f"no such word: {spec.plural} have no marks"
    fields = named.get("match_on") or frozenset(match_on(spec.kind, KindWords()))
    counts = {*spec.money_fields, *spec.decisive, *fields} & named.get("left_out", frozenset())
    if counts:
        why = "others: what matches records, and money, dates and whose it is, are always compared"
        yield (*table, "left_out"), ", ".join(sorted(counts)), why
    for one, other in (
        ("returned", "left_out"),
        ("returned", "never_left"),
        ("returned", "asks"),
        ("never_left", "left_out"),
        ("asks", "left_out"),
        ("marks", "left_out"),
        ("marks", "returned"),
    ):
        both = sorted(named.get(one, frozenset()) & named.get(other, frozenset()))
        if both:
            yield (*table, other), ", ".join(both), f"others: {one} says otherwise"


def _updates(spec: KindSpec, table: Loc, words: Words, there: frozenset[Kind]) -> Iterator[Problem]:
    said = words.get("update", "manual")
    if isinstance(said, list):
        wishes = " and ".join(str(word) for word in said)
        yield (*table, "update"), wishes, f"one of {', '.join(UPDATES)}: they contradict each other"
    if not isinstance(said, str) or said not in UPDATES:
        return
    if said == "leave" and spec.transaction:
        yield (
            (*table, "update"),
            "'leave'",
            f"another word: what changes in {spec.plural} is not passed over in silence",
        )
    elif "both_changed" in words and said not in FOLLOWS | COMES_BACK:
        held = "each side keeps its own" if said == "leave" else "it is held anyway"
        yield (*table, "both_changed"), _shown(words["both_changed"]), f"nothing: with update = {said!r} {held}"
    elif words.get("both_changed") == "hold_same_field" and said in {"careful", "qbo_only"}:
        says = "is what careful does" if said == "careful" else "is no word for qbo_only; hold is"
        yield (*table, "both_changed"), "'hold_same_field'", f"nothing: it {says}"
    if words.get("never_left") and said != "careful":
        found = _shown(words["never_left"])
        yield (*table, "never_left"), found, f"no such word with update = {said!r}: it is about careful"
    if words.get("asks") and said not in FOLLOWS:
        yield (*table, "asks"), "a list", f"no such word with update = {said!r}: no change of the source goes out"
    if words.get("remedy") and said not in {"manual", "frozen"} and not words.get("asks"):
        yield (*table, "remedy"), "a remedy", "nothing, or asks: no change of the source is held"
    marks = words.get("marks")
    if marks and (said not in _MERGED or words.get("goes_out") in {"when_asked", "never"}):
        yield (*table, "marks"), _shown(marks), f"update = {' or '.join(sorted(_MERGED))}: marks go out by themselves"
    states = words.get("states", ["published"])
    if isinstance(marks, list) and "sent" in marks and isinstance(states, list) and "sent" not in states:
        yield (
            (*table, "marks"),
            "sent",
            'states with "sent": else what was sent would not belong in QuickBooks any more',
        )
    if isinstance(marks, list) and {str(mark) for mark in marks} & set(spec.derived) and Kind.PAYMENT not in there:
        yield (*table, "marks"), "paid", "[kind.payment]: the money that a mark stands for is one"


def _states(spec: KindSpec, table: Loc, words: Words) -> Iterator[Problem]:
    if spec.kind in PARTIES:
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


def _removals(spec: KindSpec, table: Loc, words: Words) -> Iterator[Problem]:
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
    for key in ("qbo_removed", "qbo_removed_edited"):
        if words.get(key) == "recreate" and words.get("goes_out") == "never":
            yield (*table, key), "'recreate'", "another word: goes_out says that none is ever sent"


def _directions(spec: KindSpec, table: Loc, words: Words) -> Iterator[Problem]:
    comes = words.get("from_qbo", "leave")
    imports = {"import", "import_when_needed", "import_at_first"} - _IMPORTED.get(spec.kind, frozenset())
    if isinstance(comes, str) and comes in imports:
        yield (*table, "from_qbo"), _shown(comes), f"another word: {spec.plural} cannot be brought in like that"
    goes = words.get("goes_out")
    if goes == "when_needed" and spec.transaction:
        yield (*table, "goes_out"), "'when_needed'", f"always or never: nothing has {spec.plural} made for it"
    if goes == "never" and comes == "leave":
        yield (*table, "goes_out"), "'never'", f"another word, or from_qbo: else {spec.plural} go neither way"
    if words.get("ticks") is True and spec.kind not in _TICKED:
        yield (*table, "ticks"), "true", f"nothing: {spec.plural} have no such boxes"
    if words.get("mails") is True and (spec.kind is not Kind.INVOICE or goes == "never"):
        yield (
            (*table, "mails"),
            "true",
            "nothing: QuickBooks is asked to mail invoices that are sent there, and no other",
        )


def _asked(spec: KindSpec, table: Loc, words: Words) -> Iterator[Problem]:
    """What cannot wait for a person, or be done without one."""
    if words.get("goes_out") != "when_asked":
        return
    if not spec.transaction or spec.along:
        yield (*table, "goes_out"), "'when_asked'", f"another word: {spec.plural} go along with what needs them"
    if words.get("update") == "qbo_wins":
        yield (
            (*table, "update"),
            "'qbo_wins'",
            "another word: what is sent only when asked for cannot follow both sides",
        )
    if words.get("from_qbo", "leave") != "leave":
        yield (*table, "from_qbo"), _shown(words["from_qbo"]), "leave: one that nobody sent yet would be there twice"
    for key in ("qbo_removed", "qbo_removed_edited"):
        if words.get(key) == "recreate":
            yield (*table, key), "'recreate'", "another word: it is made anew when a person asks, and only then"


def _noun(kind: Kind) -> str:
    return kind.value.replace("_", " ")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str | int) else "a list" if isinstance(value, list) else "a table"
