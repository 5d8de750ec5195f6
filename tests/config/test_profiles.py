"""Profile files: what they mean, and that every fault is named with file, key and reason."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from syncd import profiles
from syncd.config import CompanyConfig, load_config
from syncd.errors import ConfigError
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side, State
from syncd.model.writes import Verb
from syncd.profiles.meaning import policy as meant
from syncd.profiles.said import Said
from syncd.profiles.updates import UPDATES
from syncd.profiles.words import KINDS, Brought, KindWords, ProfileWords
from syncd.reconciler.cases import ALLOWED
from syncd.reconciler.policy import Answer, Case

Write = Callable[..., Path]
DATES = frozenset({"expense_bills_from", "expense_bills_to", "sync_start_date", "reconciled_until"})
ROOT = Path(__file__).resolve().parents[2]
SHOP = """\
name = "shop"
[kind.item]
[kind.client]
update = "source_wins"
[kind.invoice]
update = "frozen"
"""


@pytest.fixture
def refused(write: Write, company_text: Callable[..., str], tmp_path: Path) -> Callable[..., list[str]]:
    """What a profile file is refused for, with the configuration that names it."""

    def tried(text: str, settings: str = "") -> list[str]:
        (tmp_path / "shop.toml").write_text(text, encoding="utf-8")
        company = company_text("acme", "1001").replace('"ruddr"', '"shop.toml"') + settings
        with pytest.raises(ConfigError) as caught:
            load_config(write(company=company), {})
        return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return tried


def test_a_file_stands_beside_the_configuration(write: Write, company_text: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(SHOP, encoding="utf-8")
    config = load_config(write(company=company_text("acme", "1001").replace('"ruddr"', '"shop.toml"')), {})
    policy = config.companies[0].policy()
    assert policy.profile == "shop"
    assert set(policy.kinds) == {Kind.ITEM, Kind.CLIENT, Kind.INVOICE}
    assert policy.kinds[Kind.INVOICE].flows == {State.PUBLISHED}
    assert policy.kinds[Kind.INVOICE].verbs[Side.QBO] == {Verb.CREATE}


def test_a_changed_file_is_another_configuration(
    write: Write, company_text: Callable[..., str], tmp_path: Path
) -> None:
    place = tmp_path / "shop.toml"
    place.write_text(SHOP, encoding="utf-8")
    path = write(company=company_text("acme", "1001").replace('"ruddr"', '"shop.toml"'))
    before, again = load_config(path, {}), load_config(path, {})
    place.write_text(SHOP.replace("frozen", "overwrite"), encoding="utf-8")
    after = load_config(path, {})
    assert before.companies[0] == again.companies[0]
    assert before.companies[0] != after.companies[0], "the service has to notice when it reads its configuration again"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            SHOP.replace("update", "updates"),
            "shop.toml: kind.invoice.updates: found an unknown key; expected perhaps update",
        ),
        (SHOP + "[kind.invoise]\n", "shop.toml: kind.invoise: found an unknown key; expected perhaps invoice"),
        (SHOP + "[kind.expense]\n", "shop.toml: kind.expense: found an unknown key"),
        (SHOP + "colour = 1\n", "shop.toml: kind.invoice.colour: found an unknown key"),
        (SHOP.replace('"frozen"', '"iced"'), "shop.toml: kind.invoice.update: found 'iced'; expected 'qbo_wins', "),
        (
            SHOP.replace('"frozen"', '["frozen", "overwrite"]'),
            "shop.toml: kind.invoice.update: found frozen and overwrite; expected one of qbo_wins, source_wins, "
            "overwrite, frozen, manual, careful, qbo_only, leave: they contradict each other",
        ),
        (SHOP.replace('"shop"', '"My Shop"'), "shop.toml: name: found 'My Shop'"),
        (SHOP.replace('name = "shop"\n', ""), "shop.toml: name: found nothing; expected a value"),
        (
            SHOP.replace("[kind.client]\n", "[kind.client]\nstates = []\n"),
            "kind.client.states: found a list; expected no ",
        ),
        (SHOP + "states = []\n", "shop.toml: kind.invoice.states: found none; expected at least one state"),
        (SHOP + 'states = ["void"]\n', "shop.toml: kind.invoice.states: found void; expected states that belong"),
        (
            SHOP + 'states = ["draft", "published"]\nsource_withdrawn = "delete"\n',
            "kind.invoice.source_withdrawn: found 'delete'; expected nothing: drafts go out",
        ),
        (
            SHOP + 'source_removed = "deactivate"\n',
            "kind.invoice.source_removed: found 'deactivate'; expected delete, hold, leave, void: QuickBooks can do",
        ),
        (
            SHOP.replace("[kind.client]\n", '[kind.client]\nsource_removed = "void"\n'),
            "kind.client.source_removed: found 'void'; expected deactivate, hold, leave",
        ),
        (SHOP.replace("[kind.client]\n", '[kind.client]\nqbo_removed = "withdraw"\n'), "clients have no drafts"),
        (SHOP.replace("[kind.client]\n", '[kind.client]\nqbo_voided = "void"\n'), "clients cannot be void"),
        (SHOP + 'from_qbo = "import"\n', "kind.invoice.from_qbo: found 'import'; expected another word"),
        (SHOP + 'goes_out = "when_needed"\n', "kind.invoice.goes_out: found 'when_needed'; expected always or never"),
        (SHOP + 'goes_out = "never"\n', "kind.invoice.goes_out: found 'never'; expected another word, or from_qbo"),
        (
            SHOP + '[kind.payment]\ngoes_out = "never"\nfrom_qbo = "import"\nqbo_removed = "recreate"\n',
            "kind.payment.qbo_removed: found 'recreate'; expected another word: goes_out says that none is ever sent",
        ),
        (
            SHOP.replace("[kind.client]\n", "[kind.client]\nticks = true\n"),
            "kind.client.ticks: found true; expected no",
        ),
        (
            SHOP + 'returned = ["nummer"]\n',
            "kind.invoice.returned: found nummer; expected fields of the kind invoice: ",
        ),
        (SHOP + 'match_on = ["title"]\n', "kind.invoice.match_on: found title; expected fields of the kind invoice: "),
        (SHOP.replace("[kind.item]\n", '[kind.item]\nupdate = "frozen"\n'), "items are matched by name, never written"),
        (
            SHOP.replace('[kind.client]\nupdate = "source_wins"\n', ""),
            "shop.toml: kind.invoice: found no [kind.client]; expected one, since a record of the kind invoice refers",
        ),
        ("name = ", "shop.toml is not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused(refused: Callable[..., list[str]], text: str, said: str) -> None:
    problems = refused(text)
    assert any(said in problem for problem in problems), problems


def test_every_fault_of_both_files_comes_at_once(refused: Callable[..., list[str]]) -> None:
    text = SHOP.replace('"frozen"', '"iced"') + "[kind.invoise]\n"
    problems = refused(text, '[company.settings]\non_qbo_delete = "unpublish"\ndefault_item = 3\n')
    assert len(problems) == 4, problems
    assert any(
        "config.toml: company[0].settings.on_qbo_delete: found a setting; expected nothing: shop.toml says" in problem
        for problem in problems
    )


def test_settings_that_only_fill_in_a_shipped_profile_are_refused_beside_a_file(
    refused: Callable[..., list[str]],
) -> None:
    """Ignored, they would be taken for the rules that hold."""
    said = {
        **dict.fromkeys(("save_invoice_on_publish", "save_payment_on_entry"), "false"),
        **dict.fromkeys(("remove_invoice_on_unpublish", "remove_payment_on_delete"), "true"),
        **dict.fromkeys(("on_source_delete", "on_qbo_delete", "on_qbo_void"), '"ignore"'),
        "update_policy": '{ invoice = "frozen" }',
    }
    problems = refused(SHOP, "[company.settings]\n" + "".join(f"{key} = {value}\n" for key, value in said.items()))
    for key in said:
        assert any(f"settings.{key}: found a setting; expected nothing: shop.toml says" in each for each in problems), (
            key
        )


def test_a_file_that_is_not_there(write: Write, company_text: Callable[..., str]) -> None:
    with pytest.raises(ConfigError, match=r"There is no profile file .*shop\.toml\. See docs/write-a-profile\.md"):
        load_config(write(company=company_text("acme", "1001").replace('"ruddr"', '"shop.toml"')), {})


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_said_the_table_of_cases_allows_it(kind: Kind, update: str) -> None:
    words = KindWords.model_validate(
        {"update": update, "source_removed": "leave", "qbo_removed": "leave", "qbo_voided": "leave"}
    )
    policy = meant(ProfileWords.model_validate({"name": "any", "kind": {kind.value: words.model_dump()}}), Settings())
    answers = policy.kinds[kind].answers
    assert {case: answer for case, answer in answers.items() if answer not in ALLOWED[case]} == {}
    if update == "frozen" and not policy.kinds[kind].owners and kind is not Kind.ITEM:
        assert Verb.UPDATE not in policy.kinds[kind].verbs.get(Side.QBO, frozenset())
    assert answers.get(Case.SRC_GONE, Answer.ORPHAN) is Answer.ORPHAN


def test_every_word_is_explained() -> None:
    page = (ROOT / "docs" / "write-a-profile.md").read_text(encoding="utf-8")
    keys = set(re.findall(r"^\| `(\w+)` \|", page.partition("Who is followed")[0], re.MULTILINE))
    assert keys == set(KindWords.model_fields)
    values = {
        word for field in KindWords.model_fields.values() for word in re.findall(r"'(\w+)'", str(field.annotation))
    }
    assert {word for word in values if f"`{word}`" not in page} == {"bool", "str"} & values
    whole = {*ProfileWords.model_fields, *Brought.model_fields} - {"name", "kind", "settings"}
    assert [word for word in sorted(whole) if f"`{word}" not in page] == []
    assert {*UPDATES, "import_when_needed", "withdraw"} <= values


def test_a_profile_brings_settings_along_that_the_file_may_say_otherwise(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples/onedesk/syncd.toml"
    environ = {
        "SYNCD__STATE_URL": f"sqlite:///{tmp_path}/state.db",
        "SYNCD__ENCRYPTION_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
        "SYNCD__COMPANY__0__QBO__REALM_ID": "123",
        "SYNCD__COMPANY__0__QBO__CLIENT_ID": "app",
        "SYNCD__COMPANY__0__QBO__CLIENT_SECRET": "s3cret",
    }
    (company,) = load_config(example, environ).companies
    settings = company.settings
    assert company.said.tax_mode is None, "what holds is put together from what is said, and never written over it"
    assert (settings.missing_item, settings.tax_mode, settings.currency_mode) == ("create", "line", "home_only")
    assert company.policy().kinds[Kind.INVOICE].asked_only
    said = {"SYNCD__COMPANY__0__SETTINGS__TAX_MODE": "code", "SYNCD__COMPANY__0__SETTINGS__PUSH_ON": "publish"}
    (company,) = load_config(example, environ | said).companies
    assert (company.settings.tax_mode, company.settings.missing_item) == ("code", "create")
    assert not company.policy().kinds[Kind.INVOICE].asked_only
    with pytest.raises(ConfigError, match="push_on: one of button, publish"):
        load_config(example, environ | {"SYNCD__COMPANY__0__SETTINGS__PUSH_ON": "sent"})


@pytest.mark.parametrize("name", profiles.NAMES)
def test_the_settings_of_a_company_are_those_that_hold_however_it_was_made(
    write: Write, company_text: Callable[..., str], name: str
) -> None:
    read = load_config(write(company=company_text("acme", "1001").replace('"ruddr"', f'"{name}"')), {}).companies[0]
    made = CompanyConfig.model_construct(profile=name)
    brought = profiles.defaults(name)
    for company in (read, made):
        assert {key: getattr(company.settings, key) for key in brought} == brought
        assert company.said == Said(), "nothing was said"
        assert not isinstance(company.said, Settings), "what is said is nothing that could be worked with"
    assert read.settings == made.settings
    otherwise = {key: value for key, value in msgspec.structs.asdict(Settings()).items() if key in brought}
    assert otherwise != brought or not brought
    told = CompanyConfig.model_construct(profile=name, settings=Said.model_validate(otherwise))
    assert told.settings == Settings(), "a company's own word counts, also where it is what holds for all"


def test_a_profile_file_brings_settings_along_in_the_same_way(
    write: Write, company_text: Callable[..., str], tmp_path: Path
) -> None:
    place = tmp_path / "shop.toml"
    place.write_text(SHOP.replace("[kind.item]", '[settings]\ntax_mode = "line"\n[kind.item]'), encoding="utf-8")
    text = company_text("acme", "1001").replace('"ruddr"', '"shop.toml"')
    read = load_config(write(company=text), {}).companies[0]
    made = CompanyConfig.model_construct(profile=str(place))
    assert read.settings == made.settings == Settings(tax_mode="line")
    assert read.said == made.said == Said()
    otherwise = load_config(write(company=text + '[company.settings]\ntax_mode = "code"\n'), {}).companies[0]
    assert otherwise.settings == Settings()
    place.write_text(SHOP, encoding="utf-8")
    assert load_config(write(company=text), {}).companies[0] != read, "another configuration, to be accepted anew"


def test_only_the_profiles_know_what_they_bring_along() -> None:
    assert {name for name in profiles.NAMES if profiles.defaults(name)} == {"billdr", "onedesk"}
    for field in msgspec.structs.fields(Settings):
        empty = field.default is None
        assert not empty or field.name in DATES, (
            f"{field.name}: None means that no date is set, and never that the profile is to be asked"
        )
