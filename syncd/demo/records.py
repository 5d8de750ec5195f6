"""What the demonstration's business has: clients in many scripts, invoices in five currencies, payments, drafts.

Always the same, made by a seeded generator, so that every run of the story ends in the same figures.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa

from syncd.demo.samples import Row, insert_all
from syncd.sources.sql import layout

CLIENTS = (
    ("Acme Rockets Inc.", "USD"), ("Bäckerei Müller GmbH", "EUR"), ("Café Crème SARL", "EUR"),
    ("Dublin Harbour Ltd", "EUR"), ("Łódź Design Studio", "EUR"), ("O'Brien & Sons", "GBP"),
    ("東京デザイン株式会社", "JPY"), ("Ελληνικά Ναυπηγεία", "EUR"), ("Società Bella \"Vista\"", "EUR"),
    ("Кофейня на углу", "USD"), ("شركة الواحة", "USD"), ("बेंगलुरु सॉफ्टवेयर", "USD"),
    ("Maple Leaf Surveys", "CAD"), ("Québec Nordique inc.", "CAD"), ("Norrsken & Co", "EUR"),
    ("Smith, Jones + Partners", "GBP"), ("100% Organic", "USD"), ("Back\\slash Labs", "USD"),
    ("Hash #1 Consulting", "USD"), ("Ampersand & Ampersand", "USD"), ("Emoji 🚀 Ventures", "USD"),
    ("Zoë's Atelier", "EUR"), ("Ærø Ferry", "EUR"), ("Ñandú Viajes", "EUR"),
    ("Kyoto Crafts", "JPY"), ("Osaka Robotics", "JPY"), ("Toronto Tidal", "CAD"),
    ("Leeds Looms", "GBP"), ("Bristol Bikes", "GBP"), ("Cardiff Cranes", "GBP"),
    ("Denver Drones", "USD"), ("Eugene Electric", "USD"), ("Fargo Freight", "USD"),
    ("Galveston Gulf Supply", "USD"), ("Helena Heights", "USD"), ("Ithaca Instruments", "USD"),
    ("Juneau Jigs", "USD"), ("Knoxville Kilns", "USD"), ("Laramie Lenses", "USD"),
    ("Mobile Marine", "USD"), ("Nashville Notes", "USD"), ("Omaha Optics", "USD"),
    ("Provo Printing", "USD"), ("Quincy Quarries", "USD"),
)  # fmt: skip
ITEMS = ("Hours", "Design", "Support retainer", "Travel")
WORK = ("Design workshop", "Implementation", "Review — räsumé", "On-site support", "Travel, km", "Übersetzung")
RATES = {"EUR": "1.0854", "GBP": "1.2711", "CAD": "0.7294", "JPY": "0.0064"}
"""US dollars for one unit, as the look-alike quotes them."""

PUBLISHED, DRAFTS, PAYMENTS = 324, 24, 150
FIRST_DAY = date(2026, 1, 5)


class Business:
    """The rows to be inserted, and what they add up to."""

    def __init__(self) -> None:
        self._random = random.Random(20260105)  # noqa: S311 - sample data, not a secret
        self.clients = [self._client(place) for place in range(1, len(CLIENTS) + 1)]
        self.items: list[Row] = [{"id": place, "name": name} for place, name in enumerate(ITEMS, start=1)]
        self.lines: list[Row] = []
        self.invoices = [self._invoice(place) for place in range(1, PUBLISHED + DRAFTS + 1)]
        self.allocations: list[Row] = []
        self.payments: list[Row] = []
        self._pay()

    @property
    def published(self) -> list[Row]:
        """The invoices that belong in QuickBooks."""
        return [invoice for invoice in self.invoices if invoice["state"] == "published"]

    def totals(self) -> dict[str, Decimal]:
        """What the published invoices come to, by currency."""
        sums: dict[str, Decimal] = {}
        for invoice in self.published:
            sums[invoice["currency"]] = sums.get(invoice["currency"], Decimal(0)) + invoice["total"]
        return dict(sorted(sums.items()))

    def insert(self, engine: sa.Engine) -> None:
        """Write everything to a database with the reference schema."""
        tables = (
            (layout.client, self.clients),
            (layout.item, self.items),
            (layout.invoice, self.invoices),
            (layout.invoice_line, self.lines),
            (layout.payment, self.payments),
            (layout.payment_allocation, self.allocations),
        )
        insert_all(engine, tables)

    def _client(self, place: int) -> Row:
        name, currency = CLIENTS[place - 1]
        return {"id": place, "name": name, "currency": currency, "email": f"books{place}@example.com"}

    def _invoice(self, place: int) -> Row:
        client = self._random.choice(self.clients) if place > len(self.clients) else self.clients[place - 1]
        currency = client["currency"]
        total = Decimal(0)
        for position in range(1, self._random.randint(2, 5)):
            total += self._line(place, position, currency)
        discount = _cents(total * Decimal("0.05"), currency) if place % 9 == 0 else Decimal(0)
        taxed = currency == "USD" and place % 7 == 0 and not discount
        tax = _cents(total * Decimal("0.08"), currency) if taxed else Decimal(0)
        issued = FIRST_DAY + timedelta(days=place // 2)
        for line in self.lines[-4:]:
            if line["invoice_id"] == place:
                line["taxable"] = taxed
        return {
            "id": place,
            "number": f"INV-{1000 + place}",
            "client_id": client["id"],
            "state": "published" if place <= PUBLISHED else "draft",
            "issue_date": issued,
            "due_date": issued + timedelta(days=30),
            "currency": currency,
            "discount": discount,
            "tax": tax,
            "tax_code": "California" if taxed else None,
            "total": total - discount + tax,
            "notes": f"Project {place % 12 + 1}. Thank you.",
        }

    def _line(self, invoice: int, position: int, currency: str) -> Decimal:
        quantity = Decimal(self._random.randint(1, 60)) / 4
        rate = Decimal(self._random.randint(4000, 21000)) / 100
        if currency == "JPY":
            rate = Decimal(self._random.randint(4000, 21000))
        amount = _cents(quantity * rate, currency)
        self.lines.append(
            {
                "invoice_id": invoice,
                "position": position,
                "item_id": self._random.randint(1, len(ITEMS)),
                "description": self._random.choice(WORK),
                "quantity": quantity,
                "rate": rate,
                "amount": amount,
                "taxable": False,
            }
        )
        return amount

    def _pay(self) -> None:
        """Payments in full, in part, and some over two invoices of one client."""
        open_by_client: dict[int, list[Row]] = {}
        for invoice in self.published:
            open_by_client.setdefault(invoice["client_id"], []).append(invoice)
        for client_id in sorted(open_by_client) * PAYMENTS:
            if len(self.payments) == PAYMENTS:
                return
            waiting = open_by_client[client_id]
            take = min(len(waiting), 2 if len(self.payments) % 5 == 0 else 1)
            paid, open_by_client[client_id] = waiting[:take], waiting[take:]
            if paid:
                self._payment(client_id, paid)

    def _payment(self, client_id: int, paid: list[Row]) -> None:
        place = len(self.payments) + 1
        currency = paid[0]["currency"]
        parts = [(i["id"], i["total"] if place % 4 else _cents(i["total"] / 2, currency)) for i in paid]
        self.allocations += [{"payment_id": place, "invoice_id": i, "amount": amount} for i, amount in parts]
        self.payments.append(
            {
                "id": place,
                "client_id": client_id,
                "date": max(i["issue_date"] for i in paid) + timedelta(days=20),
                "amount": sum((amount for _, amount in parts), Decimal(0)),
                "currency": currency,
                "reference": f"WIRE-{7000 + place}",
            }
        )


def _cents(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1) if currency == "JPY" else Decimal("0.01"))
