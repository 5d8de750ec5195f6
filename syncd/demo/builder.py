"""Billdr's story: a builder's office. Projects, invoices, receipts and orders go out and stay the office's own."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from syncd.demo.samples import Row, Sample
from syncd.demo.stage import Scenery, Stage
from syncd.demo.telling import Telling, sparse
from syncd.report import CycleRequest
from syncd.sources.sql import layout

CLIENTS = (
    ("Familie Öztürk", ("Kitchen, 12 Elm Street", "Garage, 12 Elm Street")),
    ("Harbour Dental Ltd", ("Practice, second floor",)),
    ("Jean & Maude Côté", ("Attic conversion",)),
    ("Łazienki Condominium", ("Stairwells A–C", "Roof 2026")),
    ("O'Brien & Daughters", ("Bakery fit-out",)),
    ("St. Mary's Parish", ("Parish hall floor", "Ramp")),
    ("Zoë Ångström", ("Garden wall",)),
    ("Northern Lights Hotel", ("Bathrooms 101–112", "Sauna")),
)
SUPPLIERS = (
    "Timber & Sons",
    "Électro Québec",
    "Plumb Line Supplies",
    "Kovač Tiling",
    "Ready-Mix Concrete",
    "City Permits",
)
COST_CODES = ("Framing", "Electrical", "Plumbing", "Tiling", "Concrete", "Permits")
SUBMITTED, DRAFTS, EXPENSES, ORDERS = 36, 4, 30, 8
FIRST_DAY = date(2026, 2, 2)


class Office(Sample):
    """What the office has."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(20260202)  # noqa: S311 - sample data, not a secret
        for name in COST_CODES:
            self.add(layout.item, name=name)
            self.add(layout.expense_category, name=name)
        for name, projects in CLIENTS:
            client = self.add(layout.client, name=name, currency="USD", email=f"office{len(name)}@example.com")
            for project in projects:
                self.add(layout.project, name=project, client_id=client)
        for name in SUPPLIERS:
            self.add(layout.member, name=name, currency="USD")
        for place in range(1, SUBMITTED + DRAFTS + 1):
            self._invoice(place)
        self._pay()
        for place in range(1, EXPENSES + 5):
            self._expense(place)
        for place in range(1, ORDERS + 1):
            self._order(place)

    @property
    def submitted(self) -> list[Row]:
        """The invoices that belong in QuickBooks."""
        return [invoice for invoice in self.rows(layout.invoice) if invoice["state"] == "published"]

    @property
    def approved(self) -> list[Row]:
        """The expenses that do."""
        return [expense for expense in self.rows(layout.expense) if expense["status"] == "approved"]

    @property
    def files(self) -> int:
        """How many files go along with what does."""
        theirs = {("invoice", i["id"]) for i in self.submitted} | {("expense", e["id"]) for e in self.approved}
        return sum((f["owner_kind"], f["owner_id"]) in theirs for f in self.rows(layout.attachment))

    def _invoice(self, place: int) -> None:
        project = self.rows(layout.project)[(place - 1) % len(self.rows(layout.project))]
        issued = FIRST_DAY + timedelta(days=2 * place)
        lines = [self._random.randint(200, 9000) * Decimal("0.5") for _ in range(self._random.randint(1, 4))]
        invoice = self.add(
            layout.invoice,
            number=str(1000 + place),
            client_id=project["client_id"],
            project_id=project["id"],
            state="published" if place <= SUBMITTED else "draft",
            issue_date=issued,
            due_date=issued + timedelta(days=14),
            currency="USD",
            total=sum(lines, Decimal(0)),
            notes=f"Stage {place % 4 + 1}",
        )
        for position, amount in enumerate(lines, start=1):
            code = self._random.randint(1, len(COST_CODES))
            self.add(
                layout.invoice_line,
                invoice_id=invoice,
                position=position,
                item_id=code,
                description=f"{COST_CODES[code - 1]}, as agreed",
                amount=amount,
                taxable=False,
            )
        if place % 6 == 0:
            self._file("invoice", invoice, f"Plan {invoice}.pdf")

    def _pay(self) -> None:
        for invoice in self.submitted[: SUBMITTED // 2]:
            whole = invoice["id"] % 3 != 0
            amount = invoice["total"] if whole else (invoice["total"] / 2).quantize(Decimal("0.01"))
            payment = self.add(
                layout.payment,
                client_id=invoice["client_id"],
                project_id=invoice["project_id"],
                date=invoice["issue_date"] + timedelta(days=10),
                amount=amount,
                currency="USD",
                reference=f"CHQ-{500 + invoice['id']}",
            )
            self.add(layout.payment_allocation, payment_id=payment, invoice_id=invoice["id"], amount=amount)

    def _expense(self, place: int) -> None:
        code = place % len(COST_CODES) + 1
        expense = self.add(
            layout.expense,
            member_id=code,
            date=FIRST_DAY + timedelta(days=3 * place),
            amount=self._random.randint(1000, 90000) * Decimal("0.01"),
            currency="USD",
            status="approved" if place <= EXPENSES else "pending_approval",
            category_id=code,
            project_id=place % len(self.rows(layout.project)) + 1,
            merchant=SUPPLIERS[code - 1],
        )
        if place % 3 == 0:
            self._file("expense", expense, f"Receipt {expense}.txt")

    def _order(self, place: int) -> None:
        quantity, rate = Decimal(self._random.randint(2, 40)), Decimal(self._random.randint(500, 9000)) / 100
        amount = (quantity * rate).quantize(Decimal("0.01"))
        order = self.add(
            layout.purchase_order,
            number=f"PO-{place}",
            member_id=place % len(SUPPLIERS) + 1,
            date=FIRST_DAY + timedelta(days=5 * place),
            currency="USD",
            total=amount,
        )
        self.add(
            layout.purchase_order_line,
            purchase_order_id=order,
            position=1,
            category_id=place % len(COST_CODES) + 1,
            description="Material",
            quantity=quantity,
            rate=rate,
            amount=amount,
        )

    def _file(self, kind: str, owner: int, name: str) -> None:
        content = f"{name}\n{'scanned ' * 20}\n".encode()
        self.add(layout.attachment, owner_kind=kind, owner_id=owner, file_name=name, content=content)


SCENERY = Scenery(
    profile="billdr",
    business=Office,
    books={"name": "Demo Builders Ltd.", "country": "US", "custom_txn_numbers": True},
    settings={
        "default_item": "Services",
        "deposit_account": "Undeposited Funds",
        "default_expense_account": "Purchases",
        "payment_account": "Checking",
        "purchase_orders": True,
    },
)


class Story(Telling):
    """All chapters."""

    def __init__(self, set_up: Stage) -> None:
        super().__init__(set_up)
        self._office = Office()

    def tell(self) -> None:
        """All chapters, in order."""
        self._two_books()
        self.first_plan(4)
        self._first_run()
        self._edits()
        self._second_plan()
        self._second_run()
        self._a_person_decides()
        self.nothing_left()
        office = self._office
        kept = sum(len(office.rows(t)) for t in (layout.client, layout.project, layout.member, layout.purchase_order))
        documents = len(office.submitted) + len(office.rows(layout.payment)) + len(office.approved) + office.files
        self.proof(kept + documents - 3)
        self.further("status", "held list", "reconcile --dry-run")

    # ---- chapters

    def _two_books(self) -> None:
        office = self._office
        self.title("A builder's office, and its books")
        self.say(
            f"The office's database has {len(CLIENTS)} clients with {len(office.rows(layout.project))} projects, "
            f"{len(office.submitted)} submitted invoices and {DRAFTS} drafts, {len(office.rows(layout.payment))} "
            f"payments, {len(office.approved)} approved expenses, {ORDERS} purchase orders, and plans and receipts. "
            "QuickBooks (the built-in look-alike, on this machine only) has none of them. Everything goes one way: the "
            "office decides, and the accountant's own notes stay."
        )
        self.check("QuickBooks starts without invoices", self.count("Invoice") == 0)

    def _first_run(self) -> None:
        self.title("Approved: the plan is applied", "syncd reconcile --approve-first-run")
        self.applied(CycleRequest(approve_first_run=True))
        office = self._office
        customers = {c["Id"]: c for c in self.books("Customer")}
        below = [c for c in customers.values() if c.get("ParentRef")]
        self.say(
            f"QuickBooks now has {len(customers) - len(below)} customers with {len(below)} sub-customers below them, "
            f"{self.count('Invoice')} invoices, {self.count('Payment')} payments, {self.count('Purchase')} expenses, "
            f"{self.count('PurchaseOrder')} purchase orders and {self.count('Attachable')} files."
        )
        projects = office.rows(layout.project)
        parents = {c["DisplayName"]: customers[c["ParentRef"]["value"]]["DisplayName"] for c in below}
        names = [name for name, _ in CLIENTS]
        self.check("every client is a customer", len(customers) - len(below) == len(CLIENTS))
        self.check(
            "every project is a sub-customer below its client",
            parents == {p["name"]: names[p["client_id"] - 1] for p in projects},
        )
        self.check("every submitted invoice is there once", self._totals() == self._expected(), self._totals())
        self.check("the drafts are not", self.count("Invoice") == len(office.submitted))
        self.check("every payment is there once", self.count("Payment") == len(office.rows(layout.payment)))
        self.check("every approved expense is there once, as money spent", self._spent() == self._approved())
        self.check("every order is there once", self.count("PurchaseOrder") == ORDERS)
        self.check("every file is there once", self.count("Attachable") == office.files, self.count("Attachable"))

    def _edits(self) -> None:
        self.title("Life goes on: people work on both sides")
        sql, office = self.stage.sql, self._office
        self._frozen = office.submitted[-1]
        sql(
            "UPDATE invoice_line SET amount = amount + 100 WHERE invoice_id = :id AND position = 1",
            id=self._frozen["id"],
        )
        sql("UPDATE invoice SET total = total + 100 WHERE id = :id", id=self._frozen["id"])
        self.act(f"somebody raises invoice {self._frozen['number']}, which was submitted, by 100.00")
        self._voided = office.submitted[-2]
        sql("UPDATE invoice SET state = 'void' WHERE id = :id", id=self._voided["id"])
        self.act(f"the office voids invoice {self._voided['number']}")
        sql("UPDATE project SET name = 'Sauna and pool' WHERE name = 'Sauna'")
        self.act("the hotel's sauna becomes a sauna and a pool, which two expenses name")
        self._dearer = office.approved[0]
        sql("UPDATE expense SET amount = '512.34' WHERE id = :id", id=self._dearer["id"])
        self.act(f"an expense at {self._dearer['merchant']} was 512.34 in truth")
        self._mistaken = office.approved[1]
        sql("DELETE FROM expense WHERE id = :id", id=self._mistaken["id"])
        self.act("another expense was entered twice, and one of the two is deleted")
        sql(
            "UPDATE attachment SET content = :content WHERE file_name = 'Plan 6.pdf'",
            content=b"Plan 6, second version\n",
        )
        self.act("the plan of invoice 1006 gets a second version")
        self._bounced = office.rows(layout.payment)[-1]
        sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=self._bounced["id"])
        sql("DELETE FROM payment WHERE id = :id", id=self._bounced["id"])
        self.act(f"the cheque {self._bounced['reference']} bounced, and its payment is deleted")
        noted = self.invoice("1001")
        self.stage.accountant.save("Invoice", sparse(noted, CustomerMemo={"value": "Thank you for your patience."}))
        self.act("the accountant writes a friendlier note on invoice 1001 in QuickBooks")

    def _second_plan(self) -> None:
        self.title("The second plan, with the reason for each step", "syncd reconcile --dry-run")
        report = self.run(CycleRequest(dry_run=True))
        self.show(report)
        planned = sorted((str(o.verb), str(o.kind)) for o in report.plan.writes)
        expected = [
            *(("create", "attachment"), ("delete", "attachment")),
            *(("delete", "payment"), ("delete", "purchase"), ("update", "project")),
            *(("update", "purchase"),) * 3,  # the dearer one, and two that name the sauna
            ("void", "invoice"),
        ]
        self.check("exactly what the office may change is planned", planned == expected, planned)
        self.check("the raised invoice is held", [o.label for o in report.plan.holds] == [self._frozen["number"]])

    def _second_run(self) -> None:
        self.title("Applied", "syncd reconcile")
        self.applied(outcome="held")
        frozen, voided = self.invoice(self._frozen["number"]), self.invoice(self._voided["number"])
        self.check(
            "the submitted invoice is as it was", frozen["TotalAmt"] == self._frozen["total"], frozen["TotalAmt"]
        )
        self.check("the void one is void there, too", not voided["TotalAmt"] and voided["PrivateNote"] == "Voided")
        names = {c["DisplayName"] for c in self.books("Customer")}
        self.check("the project has its new name", "Sauna and pool" in names and "Sauna" not in names)
        spent = self._spent()
        self.check("the expense was overwritten", Decimal("512.34") in spent and self._dearer["amount"] not in spent)
        self.check("the mistaken one is gone", len(spent) == len(self._office.approved) - 1)
        self.check("no file is there twice", self.count("Attachable") == self._office.files, self.count("Attachable"))
        self.check("the payment is gone", self.count("Payment") == len(self._office.rows(layout.payment)) - 1)
        note = self.invoice("1001")["CustomerMemo"]["value"]
        here = self.stage.value("SELECT notes FROM invoice WHERE number = '1001'")
        self.check(
            "the accountant's note stays in QuickBooks, and there alone", "patience" in note and here == "Stage 2"
        )

    def _a_person_decides(self) -> None:
        self.title("What waits for a person", "syncd held list")
        (held,) = self.stage.store.held("demo")
        self.say(f"{held.kind} {held.label}: {held.reason}.")
        sql = self.stage.sql
        sql(
            "UPDATE invoice_line SET amount = amount - 100 WHERE invoice_id = :id AND position = 1",
            id=self._frozen["id"],
        )
        sql("UPDATE invoice SET total = total - 100 WHERE id = :id", id=self._frozen["id"])
        self.act("the office puts the change back, and the hold goes by itself")
        self.applied()
        self.check("nothing is held any more", not self.stage.store.held("demo"))

    # ---- parts

    def _raise(self, by: int) -> None:
        """The frozen invoice is worth so much more than when it was submitted."""
        office, one = self._office, self._frozen["id"]
        first = next(row for row in office.rows(layout.invoice_line) if row["invoice_id"] == one)
        said = "UPDATE invoice_line SET amount = :amount WHERE invoice_id = :id AND position = 1"
        self.stage.sql(said, amount=str(first["amount"] + by), id=one)
        self.stage.sql("UPDATE invoice SET total = :t WHERE id = :id", t=str(self._frozen["total"] + by), id=one)

    def _totals(self) -> dict[str, Decimal]:
        return {i["DocNumber"]: Decimal(i["TotalAmt"]) for i in self.books("Invoice")}

    def _expected(self) -> dict[str, Decimal]:
        return {invoice["number"]: invoice["total"] for invoice in self._office.submitted}

    def _spent(self) -> list[Decimal]:
        return sorted(Decimal(p["TotalAmt"]) for p in self.books("Purchase"))

    def _approved(self) -> list[Decimal]:
        return sorted(expense["amount"] for expense in self._office.approved)
