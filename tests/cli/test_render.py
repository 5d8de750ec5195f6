"""How plans look: every action, every field, within the width, and nothing from the books can play tricks."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from syncd.cli import render, reports
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Problem
from syncd.model.writes import Verb
from syncd.reconciler.plan import Brake, Change, Money, Operation, Plan
from syncd.report import AuditReport, CycleReport, Difference
from syncd.state.values import Held


def operation(
    verb: Verb, kind: Kind = Kind.INVOICE, side: Side = Side.QBO, label: str = "INV-1", **more: object
) -> Operation:
    given_ = {"id": f"{verb}-{label}", "case": "C11", "reason": "because of a test", "source_id": "1"} | more
    return Operation(side=side, verb=verb, kind=kind, label=label, **given_)  # type: ignore[arg-type]


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


LINES_OLD = (("7", "Analysis", "1", "100", "100.00", ""), ("7", "Analysis", "1", "100", "100.00", ""))
LINES_NEW = (("7", "Analysis", "1", "100", "100.00", ""), ("8", "Travel", "", "", "20.00", ""))

PLAN = Plan(
    operations=(
        operation(Verb.LINK, Kind.CLIENT, Side.STATE, "Bob", reason="is the same on both sides already"),
        operation(Verb.CREATE, Kind.CLIENT, label="Ada"),
        operation(Verb.CREATE, money=usd("1500.00")),
        operation(Verb.CREATE, label="INV-2", money=Money(Decimal("99.50"), "EUR")),
        operation(
            Verb.UPDATE,
            label="INV-3",
            money=usd("120.00"),
            changes=(
                Change("due_date", "2026-01-01", "2026-02-01"),
                Change("client", "12", "+client:77"),
                Change("lines", LINES_OLD, LINES_NEW),
                Change("notes", "", "thanks"),
            ),
        ),
        operation(Verb.VOID, label="INV-4"),
        operation(Verb.DELETE, Kind.PAYMENT, label="W9", money=usd("10.00")),
        operation(Verb.DEACTIVATE, Kind.CLIENT, label="Old"),
        operation(Verb.UPDATE, side=Side.SOURCE, label="INV-5", changes=(Change("number", "5", "INV-5"),)),
        operation(Verb.DELETE, Kind.PAYMENT, Side.SOURCE, label="W8"),
        operation(
            Verb.HOLD, side=Side.STATE, label="INV-6", problems=(Problem("tax", "Tax is off.", "Switch it on."),)
        ),
        operation(Verb.HOLD, side=Side.STATE, label="INV-7", wait=True, reason="QuickBooks could not be read"),
    ),
    withheld=(
        operation(Verb.DELETE, Kind.PAYMENT, label="W1", money=usd("5.00")),
        operation(Verb.DELETE, Kind.PAYMENT, label="W2", money=usd("6.00")),
    ),
    brakes=(Brake("removals", "12 payments would go.", "--allow-removals payment=12", count=12, stopped=("a", "b")),),
    ignored={"invoice": 3, "client": 4},
    unchanged=41,
)


def test_a_plan_is_grouped_by_kind_then_action_with_reasons_changes_and_money() -> None:
    text = render.plan_text("acme", PLAN)
    clients, invoices, payments = text.index("CLIENTS"), text.index("INVOICES"), text.index("PAYMENTS")
    assert clients < invoices < payments
    for expected in (
        "create in QuickBooks (2)",
        "INV-1, 1,500.00 USD",
        "because of a test",
        "due_date: 2026-01-01 → 2026-02-01",
        "client: 12 → the new client 77",
        "- item 7, description Analysis, quantity 1, rate 100, amount 100.00",
        "+ item 8, description Travel, amount 20.00",
        "notes: thanks",
        "void in QuickBooks (1)",
        "deactivate in QuickBooks (1)",
        "update in the source (1)",
        "remove from the source (1)",
        "hold for a person (1)",
        "Tax is off. Switch it on.",
        "wait until it can be read again (1)",
        "link: is the same on both sides already",
        "to let it through once: --allow-removals payment=12",
        "99.50 EUR",
        "WITHHELD PAYMENTS",
        "withheld, payments to delete: 11.00 USD",
    ):
        assert expected in text, expected
    assert text.count("- item 7") == 1, "one of two equal lines goes"
    assert text.splitlines()[-1] == (
        "acme: 3 to create, 1 to update, 1 to void, 1 to delete, 1 to deactivate, 1 to update in the source, "
        "1 to remove from the source, 1 held, 1 waiting, 1 to note, stopped by 1 brake: 2 to delete; 41 unchanged; "
        "7 in QuickBooks are not ours."
    )


def test_an_empty_plan() -> None:
    assert render.plan_text("acme", Plan(unchanged=2)) == "acme: nothing to do; 2 unchanged."


def test_every_line_but_the_summary_fits() -> None:
    long = operation(
        Verb.CREATE, label="A very long name " * 20, reason="word " * 100, changes=(Change("notes", "", "x" * 900),)
    )
    lines = render.plan_text("acme", Plan(operations=(*PLAN.operations, long))).splitlines()
    assert [line for line in lines[:-1] if len(line) > render.WIDTH] == []


def test_thousands_of_links_are_summed_up() -> None:
    links = tuple(operation(Verb.LINK, Kind.CLIENT, Side.STATE, f"Client {n}") for n in range(5000))
    text = render.plan_text("acme", Plan(operations=links))
    assert len(text.splitlines()) < 10
    assert "and 4992 more" in text


def test_the_same_facts_as_json_with_exact_amounts() -> None:
    value = json.loads(reports.dump(render.plan_json(PLAN)))
    assert value["summary"] == {
        "create": 3, "update": 1, "send": 0, "void": 1, "delete": 1, "deactivate": 1, "import": 0, "take": 1,
        "remove": 1, "hold": 1, "wait": 1, "note": 1, "withheld": 2, "unchanged": 41,
    }  # fmt: skip
    assert value["withheld_money"] == {"delete": {"USD": "11.00"}}
    assert [row["label"] for row in value["withheld"]] == ["W1", "W2"]
    assert value["money"]["create"] == {"EUR": "99.50", "USD": "1500.00"}
    assert value["operations"][4]["changes"][2]["new"] == [list(row) for row in LINES_NEW]
    assert value["operations"][2]["money"] == {"amount": "1500.00", "currency": "USD"}
    assert value["brakes"][0]["override"] == "--allow-removals payment=12"


@given(st.text(max_size=80))
def test_text_from_the_books_is_harmless(text: str) -> None:
    shown = render.plan_text(
        text, Plan(operations=(operation(Verb.CREATE, label=text, changes=(Change("notes", "", text),)),))
    )
    for char in shown:
        assert char == "\n" or unicodedata.category(char) not in {"Cc", "Cs"}
        assert unicodedata.bidirectional(char) not in {"LRO", "RLO", "LRE", "RLE", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_the_outcome_of_a_run() -> None:
    report = CycleReport(
        company="acme",
        run_id="run-1",
        outcome="held",
        plan=PLAN,
        applied=9,
        failed=1,
        held=1,
        notes=("One note.",),
        duration_seconds=3.21,
    )
    text = reports.cycle_text(report)
    assert "note: One note." in text
    assert "acme: 9 applied, 1 failed, 1 held, 0 in doubt, in 3.2 s; done, with records that need a person" in text
    assert reports.cycle_text(report, dry_run=True).endswith("acme: dry run, nothing was written.")


def test_an_audit_ends_in_its_proof() -> None:
    agreed = AuditReport(company="acme", compared=3, agree=3)
    assert reports.audit_text(agreed) == "acme: 3 records compared, 3 agree, 0 differ, money difference 0.00."
    differs = AuditReport(
        company="acme",
        compared=3,
        agree=1,
        accepted=1,
        differ=(
            Difference(
                Kind.INVOICE,
                "INV-1",
                "1",
                "9",
                "The total differs.",
                (Change("total", "1.00", "1.01"),),
                Decimal("0.01"),
                "USD",
            ),
        ),
        money_difference={"USD": Decimal("0.01")},
        waiting=2,
        unknown=1,
    )
    text = reports.audit_text(differs)
    assert "total: 1.00 → 1.01" in text
    assert " ".join(text.split()).endswith(
        "acme: 3 records compared, 1 agree, 1 differ as the policy allows, 1 differ, 2 are not in QuickBooks yet, "
        "1 could not be read, money difference 0.01 USD."
    )
    assert json.loads(reports.dump(reports.audit_json(differs)))["money_difference"] == {"USD": "0.01"}


def test_a_held_record_shows_what_differs_and_what_may_be_done() -> None:
    held = Held(
        company="acme",
        kind=Kind.INVOICE,
        source_id="1",
        qbo_id="9",
        case="C26",
        reason="Both sides changed the total.",
        label="INV-1",
        source_value={"number": "INV-1", "total": "100.00", "lines": LINES_NEW},
        qbo_value={"number": "INV-1", "total": "110.00", "lines": LINES_NEW},
        base_value={"number": "INV-1", "total": "90.00", "lines": LINES_OLD},
        actions=("accept-source", "accept-qbo"),
        id=7,
    )
    text = reports.held_text(held)
    assert "source:" in text
    assert "100.00" in text
    assert "number" not in text, "what agrees is not shown"
    assert "syncd held accept-qbo 7" in text
    assert "syncd held retry" not in text
    assert "INV-1" in reports.held_table([held])
