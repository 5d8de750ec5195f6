"""The profiles that syncd ships, said in the words of a profile file: what the words can say, and what they cannot.

Each file in ``profiles/`` is compared with its module, kind by kind, under the settings that the profile brings along,
with all kinds switched on. What remains different is listed with its reason; nothing else may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from syncd import profilefile, profiles
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.profiles.meaning import policy as meant
from syncd.profiles.said import said_in, settled
from syncd.profiles.words import PARTIES, KindWords, ProfileWords
from syncd.reconciler.cases import ALLOWED, DEFAULT
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner

FILES = Path(__file__).parent / "profiles"
ALL_KINDS: Mapping[str, object] = {
    "estimates": True,
    "expense_bills": True,
    "purchase_orders": True,
    "send_via_qbo": True,
}
WITHOUT_DRAFTS = frozenset({Kind.CLIENT, Kind.VENDOR, Kind.PAYMENT, Kind.CREDIT_APPLICATION, Kind.ATTACHMENT})
"""Kinds whose records are never withdrawn; no more are those that are only matched by name, but for closed projects."""

PERSON = (
    "what may be written beyond that which an answer asks for is a person's to choose, who may do it with a file too"
)
UNTICKED = "a box that says 'leave it there' leaves it there; here it only says nothing, so that the draft waits"
SAME = "every field is the source's and may be left, so 'whoever it belongs to' and 'recorded' are one and the same"
TOLD = "here the copy tells the source what QuickBooks decided; in words that is 'returned', and later changes come too"
UNAPPROVED = "a bill of this profile is made of what is approved, and never a draft"
REASONS: Mapping[str, Mapping[tuple[str, str], str]] = {
    "ruddr": {
        ("invoice", "verbs source"): PERSON,
        ("bill", "withdrawn"): UNAPPROVED,
        ("credit_application", "answers MERGEABLE"): (
            "held here; in words the date that one side changed and the use that the other changed both go over"
        ),
    },
    "billdr": {
        ("invoice", "unticked"): UNTICKED,
        ("credit_note", "unticked"): UNTICKED,
        ("credit_note", "verbs qbo"): PERSON,
        ("vendor", "answers QBO_EDITED"): SAME,
    },
    "ravetree": {
        ("invoice", "verbs source"): PERSON,
        ("invoice", "verbs qbo"): PERSON,
        ("estimate", "verbs source"): PERSON,
        ("payment", "verbs source"): PERSON,
        ("payment", "verbs qbo"): PERSON,
    },
    "onedesk": {
        ("invoice", "answers QBO_EDITED"): SAME,
        ("invoice", "left_out"): TOLD,
        ("invoice", "owner transaction_number"): TOLD,
        ("invoice", "owner tax_rate"): TOLD,
    },
}
"""Where a file means something else than the module, or nothing, and why that is no matter."""
UNUSED = frozenset({"leave_existing"})
"""Words for what no profile that syncd ships does."""
SETTINGS_APART: Mapping[str, frozenset[str]] = {"ravetree": frozenset({"numbering"})}
"""``numbering = "source"`` is how a file says that both sides have the same numbers; the module does so by itself."""


def settings_of(name: str) -> tuple[Settings, Settings]:
    """The settings that hold with the module, and with the file."""
    words = profilefile.load(FILES / f"{name}.toml")
    return settled(profiles.defaults(name), ALL_KINDS), settled(said_in(words.settings), ALL_KINDS)


def facts_of(kind: Kind, policy: KindPolicy) -> dict[str, object]:
    """A policy as far as anybody can tell: what a case is answered, whose each field is, and what may be written for
    that. ``verbs`` that no answer asks for count as well."""
    spec = SPECS[kind]
    plain = {field.name: getattr(policy, field.name) for field in msgspec.structs.fields(KindPolicy)}
    for name in ("answers", "owners", "default_owner", "verbs"):
        del plain[name]
    if kind in WITHOUT_DRAFTS or (spec.link_only and not policy.closes):
        del plain["withdrawn"]
    answers = {f"answers {case.name}": policy.answers.get(case, DEFAULT[case]) for case in ALLOWED}
    owners = {f"owner {name}": policy.owners.get(name, policy.default_owner) for name in spec.fields}
    verbs = {f"verbs {side}": policy.verbs.get(side, frozenset()) for side in Side}
    return {**plain, **answers, **owners, **verbs}


def differences(name: str) -> Iterator[tuple[str, str, object, object]]:
    """Kind, what, as the module has it, as the file has it."""
    for_module, for_file = settings_of(name)
    shipped = profiles.load(name, for_module)
    said = meant(profilefile.load(FILES / f"{name}.toml"), for_file)
    assert set(shipped.kinds) == set(said.kinds)
    for field in ("profile", "limits", "contact_emails", "unmapped"):
        if getattr(shipped, field) != getattr(said, field):
            yield "profile", field, getattr(shipped, field), getattr(said, field)
    for kind, policy in shipped.kinds.items():
        here, there = facts_of(kind, policy), facts_of(kind, said.kinds[kind])
        for what in here:
            if here[what] != there[what]:
                yield kind.value, what, here[what], there[what]


@pytest.mark.parametrize("name", profiles.NAMES)
def test_a_shipped_profile_can_be_said_in_words(name: str) -> None:
    found = {(kind, what): (here, there) for kind, what, here, there in differences(name)}
    reasons = REASONS[name]
    assert {key: pair for key, pair in found.items() if key not in reasons} == {}, (
        "said otherwise, and no reason for it"
    )
    assert sorted(reasons.keys() - found.keys()) == [], "a reason for what is no difference any more"


@pytest.mark.parametrize("name", profiles.NAMES)
def test_what_a_file_does_not_say_may_not_be_written(name: str) -> None:
    for (kind, what), reason in REASONS[name].items():
        if reason == PERSON:
            here, there = next((h, t) for k, w, h, t in differences(name) if (k, w) == (kind, what))
            assert isinstance(here, frozenset)
            assert isinstance(there, frozenset)
            assert there < here, "the file allows less"


@pytest.mark.parametrize("name", profiles.NAMES)
def test_the_settings_are_said_in_words_too(name: str) -> None:
    module, file = (msgspec.structs.asdict(settings) for settings in settings_of(name))
    assert {key for key in module if module[key] != file[key]} == SETTINGS_APART.get(name, frozenset())


def test_every_word_is_used_in_saying_them() -> None:
    used = {
        key
        for name in profiles.NAMES
        for words in profilefile.load(FILES / f"{name}.toml").said().values()
        for key in words.model_fields_set
    }
    assert set(KindWords.model_fields) - used == UNUSED


def test_a_projects_sub_customer_and_a_missing_product_are_made_only_where_the_company_agrees() -> None:
    files = {name: profilefile.load(FILES / f"{name}.toml") for name in ("billdr", "onedesk")}
    for name, kind, setting in (("billdr", Kind.PROJECT, "project_as"), ("onedesk", Kind.ITEM, "missing_item")):
        brought = said_in(files[name].settings)
        made = meant(files[name], settled(brought, {})).kinds[kind]
        not_made = meant(files[name], settled(brought, {setting: getattr(Settings(), setting)})).kinds[kind]
        assert made.verbs[Side.QBO] >= {Verb.CREATE}
        assert not not_made.verbs.get(Side.QBO)
        assert not_made.default_owner is Owner.KEEP


def test_types_of_lines_without_an_item_keep_everything_waiting() -> None:
    words = profilefile.load(FILES / "ravetree.toml")
    types = ("time", "expense", "retainer", "discount", "other")
    assert meant(words, Settings()).unmapped == types
    assert meant(words, Settings(line_type_map=dict.fromkeys(types[:-1], "Services"))).unmapped == types[-1:]
    renamed = meant(words, Settings(line_types=("hours",), line_type_map={"hours": "Services"}))
    assert (renamed.unmapped, renamed.kinds[Kind.ITEM].only_names) == ((), {"hours"})


def test_an_empty_word_of_the_company_is_none() -> None:
    brought = said_in(profilefile.load(FILES / "ravetree.toml").settings)
    assert settled(brought, {"numbering": ""}).numbering == "source"
    assert settled(brought, {"numbering": "qbo"}).numbering == "qbo"
    assert settled(brought, {"tax_item": ""}).tax_item == ""
    numbered = meant(profilefile.load(FILES / "ravetree.toml"), settled(brought, {"numbering": "qbo"}))
    assert not numbered.kinds[Kind.INVOICE].own_numbers


def test_mail_takes_a_word_of_the_profile_and_a_setting_of_the_company() -> None:
    words = profilefile.load(FILES / "onedesk.toml")
    assert Verb.SEND not in meant(words, Settings()).kinds[Kind.INVOICE].verbs[Side.QBO]
    assert Verb.SEND in meant(words, Settings(send_via_qbo=True)).kinds[Kind.INVOICE].verbs[Side.QBO]
    silent = profilefile.load(FILES / "billdr.toml")
    assert Verb.SEND not in meant(silent, Settings(send_via_qbo=True)).kinds[Kind.INVOICE].verbs[Side.QBO]


def test_whatever_is_left_unsaid_is_held() -> None:
    for kind in (kind for kind, spec in SPECS.items() if kind is not Kind.EXPENSE and not spec.link_only):
        words = ProfileWords.model_validate({"name": "plain", "kind": {kind.value: {}}})
        policy = meant(words, Settings()).kinds[kind]
        quiet = {Case.FOREIGN: Answer.IGNORE, Case.ADOPT_DIFF: Answer.RECORD if kind in PARTIES else Answer.HOLD}
        for case, answer in policy.answers.items():
            assert answer is quiet.get(case, Answer.HOLD), (kind, case)
        assert (policy.withdrawn, policy.source_void, policy.when_asked) == (Answer.HOLD, Answer.HOLD, {})
        assert policy.verbs == {Side.QBO: {Verb.CREATE}, Side.SOURCE: frozenset()}
