"""Words of a profile file that cannot be meant together: each is refused with its key and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd import profilefile
from syncd.errors import ConfigError
from syncd.profiles.words import KindWords

ITEM, PAYMENT = "[kind.item]\n", '[kind.payment]\nupdate = "source_wins"\n'
CLIENT = '[kind.client]\nupdate = "source_wins"\n'
INVOICE = "[kind.invoice]\n"


def problems(folder: Path, text: str) -> list[str]:
    """What a file is refused for; nothing where it is not."""
    place = folder / "shop.toml"
    place.write_text(text, encoding="utf-8")
    try:
        profilefile.load(place)
    except ConfigError as error:
        return [problem.removeprefix(f"{place}: ") for problem in error.problems]
    return []


def shop(*, item: str = ITEM, client: str = CLIENT, invoice: str = "", rest: str = "", head: str = "") -> str:
    """A profile file with these words in its tables."""
    return f'name = "shop"\n{head}{item}{client}{INVOICE}{invoice}\n{rest}'


WRONG = {
    # what goes out
    "asked parties": (
        shop(client=CLIENT + 'goes_out = "when_asked"\n'),
        "kind.client.goes_out: found 'when_asked'; expected another word: clients go along with what needs them",
    ),
    "asked and both ways": (
        shop(invoice='goes_out = "when_asked"\nupdate = "qbo_wins"'),
        "kind.invoice.update: found 'qbo_wins'; expected another word: what is sent only when asked for cannot follow "
        "both sides",
    ),
    "asked and imported": (
        shop(rest='[kind.payment]\ngoes_out = "when_asked"\nfrom_qbo = "import"\n'),
        "kind.payment.from_qbo: found 'import'; expected leave: one that nobody sent yet would be there twice",
    ),
    "asked and recreated": (
        shop(invoice='goes_out = "when_asked"\nqbo_removed = "recreate"'),
        "kind.invoice.qbo_removed: found 'recreate'; expected another word: it is made anew when a person asks, and "
        "only then",
    ),
    "asked and recreated after an edit": (
        shop(invoice='goes_out = "when_asked"\nqbo_removed_edited = "recreate"'),
        "kind.invoice.qbo_removed_edited: found 'recreate'; expected another word: it is made anew when a person asks",
    ),
    "never and recreated": (
        shop(rest='[kind.payment]\ngoes_out = "never"\nfrom_qbo = "import"\nqbo_removed_edited = "recreate"\n'),
        "kind.payment.qbo_removed_edited: found 'recreate'; expected another word: goes_out says that none",
    ),
    "mailed payments": (
        shop(rest=PAYMENT + "mails = true\n"),
        "kind.payment.mails: found true; expected nothing: QuickBooks is asked to mail invoices that are sent there",
    ),
    # after both agreed
    "silence about money": (
        shop(invoice='update = "leave"'),
        "kind.invoice.update: found 'leave'; expected another word: what changes in invoices is not passed over in "
        "silence",
    ),
    "held anyway": (
        shop(invoice='update = "frozen"\nboth_changed = "hold"'),
        "kind.invoice.both_changed: found 'hold'; expected nothing: with update = 'frozen' it is held anyway",
    ),
    "held although left": (
        shop(client='[kind.client]\nupdate = "leave"\nboth_changed = "hold"\n'),
        "kind.client.both_changed: found 'hold'; expected nothing: with update = 'leave' each side keeps its own",
    ),
    "said twice": (
        shop(invoice='update = "careful"\nboth_changed = "hold_same_field"'),
        "kind.invoice.both_changed: found 'hold_same_field'; expected nothing: it is what careful does",
    ),
    "no merging": (
        shop(invoice='update = "qbo_only"\nboth_changed = "hold_same_field"'),
        "kind.invoice.both_changed: found 'hold_same_field'; expected nothing: it is no word for qbo_only; hold is",
    ),
    "never left": (
        shop(invoice='update = "source_wins"\nnever_left = ["number"]'),
        "kind.invoice.never_left: found a list; expected no such word with update = 'source_wins': it is about careful",
    ),
    "asked about what never goes out": (
        shop(invoice='update = "frozen"\nasks = ["client"]'),
        "kind.invoice.asks: found a list; expected no such word with update = 'frozen': no change of the source",
    ),
    "a remedy for nothing": (
        shop(invoice='update = "source_wins"\nremedy = "ask Ann"'),
        "kind.invoice.remedy: found a remedy; expected nothing, or asks: no change of the source is held",
    ),
    "marks that stand still": (
        shop(invoice='update = "frozen"\nmarks = ["sent"]'),
        "kind.invoice.marks: found a list; expected update = careful or qbo_wins: marks go out by themselves",
    ),
    "marks that wait": (
        shop(invoice='update = "careful"\ngoes_out = "when_asked"\nmarks = ["sent"]'),
        "kind.invoice.marks: found a list; expected update = careful or qbo_wins: marks go out by themselves",
    ),
    "paid by nothing": (
        shop(invoice='update = "careful"\nmarks = ["paid"]'),
        "kind.invoice.marks: found paid; expected [kind.payment]: the money that a mark stands for is one",
    ),
    "sent and gone": (
        shop(invoice='update = "careful"\nmarks = ["sent"]'),
        'kind.invoice.marks: found sent; expected states with "sent": else what was sent would not belong',
    ),
    "a mark nobody knows": (
        shop(invoice='update = "careful"\nmarks = ["read"]'),
        "kind.invoice.marks: found read; expected marks of the kind invoice: sent, paid",
    ),
    "marks of payments": (
        shop(rest='[kind.payment]\nupdate = "careful"\nmarks = ["sent"]\n'),
        "kind.payment.marks: found sent; expected no such word: payments have no marks",
    ),
    # fields
    "a field nobody knows": (
        shop(invoice='left_out = ["colour"]'),
        "kind.invoice.left_out: found colour; expected fields of the kind invoice: number, ",
    ),
    "money left out": (
        shop(invoice='left_out = ["total", "notes"]'),
        "kind.invoice.left_out: found total; expected others: what matches records, and money, dates and whose it is,",
    ),
    "the key left out": (
        shop(client=CLIENT + 'match_on = ["email"]\nleft_out = ["email"]\n'),
        "kind.client.left_out: found email; expected others: what matches records",
    ),
    "two wishes": (
        shop(invoice='update = "careful"\nreturned = ["tax_rate"]\nleft_out = ["tax_rate"]'),
        "kind.invoice.left_out: found tax_rate; expected others: returned says otherwise",
    ),
    "two wishes about a number": (
        shop(invoice='update = "careful"\nreturned = ["number"]\nnever_left = ["number"]'),
        "kind.invoice.never_left: found number; expected others: returned says otherwise",
    ),
    "asked about what comes back": (
        shop(invoice='update = "careful"\nreturned = ["number"]\nasks = ["number"]'),
        "kind.invoice.asks: found number; expected others: returned says otherwise",
    ),
    # what is there already
    "vendors at first": (
        shop(rest='[kind.vendor]\nfrom_qbo = "import_at_first"\n'),
        "kind.vendor.from_qbo: found 'import_at_first'; expected another word: vendors cannot be brought in like that",
    ),
    "clients at any time": (
        shop(client=CLIENT + 'from_qbo = "import"\n'),
        "kind.client.from_qbo: found 'import'; expected another word: clients cannot be brought in like that",
    ),
    "types of payments": (
        shop(rest=PAYMENT + 'line_types = ["time"]\n'),
        "kind.payment.line_types: found a list; expected no such word: it is about items",
    ),
    "closed invoices": (
        shop(invoice='source_closed = "deactivate"'),
        "kind.invoice.source_closed: found 'deactivate'; expected no such word: it is about projects that are made",
    ),
    # what is matched by name
    "a method that is made": (
        shop(rest='[kind.payment_method]\ngoes_out = "when_needed"\n'),
        "kind.payment_method.goes_out: found 'when_needed'; expected no such word: payment methods are matched by name",
    ),
    "products out of nowhere": (
        shop(item=ITEM + 'goes_out = "when_needed"\n'),
        "kind.item.goes_out: found 'when_needed'; expected [settings] missing_item = \"create\", which says",
    ),
    "products all at once": (
        shop(head='[settings]\nmissing_item = "create"\n', item=ITEM + 'goes_out = "always"\n'),
        "kind.item.goes_out: found 'always'; expected when_needed, or no such word: they cannot go out like that",
    ),
    "products of no table": (
        shop(head='[settings]\nmissing_item = "create"\n'),
        "settings.missing_item: found 'create'; expected goes_out = \"when_needed\" in [kind.item]",
    ),
    "types that are made": (
        shop(
            head='[settings]\nmissing_item = "create"\n',
            item=ITEM + 'goes_out = "when_needed"\nline_types = ["time"]\n',
        ),
        "kind.item.line_types: found types of lines; expected nothing: what line_type_map names is there",
    ),
    "a look-alike of nothing made": (
        shop(item=ITEM + 'match_differs = "leave"\n'),
        "kind.item.match_differs: found 'leave'; expected nothing unless goes_out says that they are made",
    ),
    "projects of no table": (
        shop(head='[settings]\nproject_as = "sub_customer"\n'),
        "settings.project_as: found 'sub_customer'; expected [kind.project], which says whether they are made",
    ),
    "projects as nothing": (
        shop(rest='[kind.project]\ngoes_out = "always"\nupdate = "source_wins"\n'),
        "kind.project.goes_out: found 'always'; expected [settings] project_as = \"sub_customer\", which says what",
    ),
    "projects that stand still": (
        shop(head='[settings]\nproject_as = "sub_customer"\n', rest='[kind.project]\ngoes_out = "always"\n'),
        "kind.project.update: found nothing; expected source_wins: a sub-customer follows its project",
    ),
    "a remedy for no project": (
        shop(
            head='[settings]\nproject_as = "sub_customer"\n',
            rest='[kind.project]\ngoes_out = "always"\nupdate = "source_wins"\nremedy = "ask Ann"\n',
        ),
        "kind.project.remedy: found a remedy; expected nothing, or asks: no change of the source is held",
    ),
    "projects that are deleted": (
        shop(
            head='[settings]\nproject_as = "sub_customer"\n',
            rest='[kind.project]\ngoes_out = "always"\nupdate = "source_wins"\nsource_closed = "delete"\n',
        ),
        "kind.project.source_closed: found 'delete'; expected deactivate, hold or leave",
    ),
    "a project that is gone is deleted": (
        shop(
            head='[settings]\nproject_as = "sub_customer"\n',
            rest='[kind.project]\ngoes_out = "always"\nupdate = "source_wins"\nsource_removed = "delete"\n',
        ),
        "kind.project.source_removed: found 'delete'; expected deactivate, hold or leave",
    ),
    # settings
    "counting from nowhere": (
        shop(head='[settings]\nnumbering = "counted"\n'),
        "settings.numbering: found 'counted'; expected another word: where to begin is said by each company",
    ),
    "a company's setting": (
        shop(head='[settings]\ndeposit_account = "Checking"\n'),
        "settings.deposit_account: found an unknown key; expected one of currency_mode, missing_item, numbering,",
    ),
    "a setting's value": (
        shop(head='[settings]\ntax_mode = "lines"\n'),
        "settings.tax_mode: found 'lines'; expected 'code', 'line' or 'none'",
    ),
}


@pytest.mark.parametrize("which", WRONG)
def test_a_contradiction_is_refused(tmp_path: Path, which: str) -> None:
    text, said = WRONG[which]
    assert [problem for problem in problems(tmp_path, text) if problem.startswith(said)], problems(tmp_path, text)


def test_the_file_without_a_contradiction_is_accepted(tmp_path: Path) -> None:
    assert problems(tmp_path, shop()) == []


def test_all_of_them_come_at_once(tmp_path: Path) -> None:
    text = shop(
        head='[settings]\nnumbering = "counted"\n',
        invoice='goes_out = "when_asked"\nupdate = "qbo_wins"\nqbo_removed = "recreate"\nleft_out = ["total"]\n',
    )
    assert len(problems(tmp_path, text)) == 4, problems(tmp_path, text)


@pytest.mark.parametrize("value", ["1", "1.5", "[]", "[[]]", "[{}]", "{}", '""', "true", '["a", 1]', "2026-01-01"])
@pytest.mark.parametrize("kind", ["item", "project", "client", "invoice", "payment"])
def test_whatever_stands_there_the_file_is_read_or_refused(tmp_path: Path, kind: str, value: str) -> None:
    words = "".join(f"{word} = {value}\n" for word in KindWords.model_fields)
    found = problems(tmp_path, f'name = "shop"\n[settings]\nproject_as = {value}\n[kind.{kind}]\n{words}')
    assert any(problem.startswith(f"kind.{kind}.update: ") for problem in found), found
