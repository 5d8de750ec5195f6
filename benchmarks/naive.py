"""The same work as most would write it with python-quickbooks: read everything each time, one record per call.

It does less than syncd: no journal, no base, no second witness, no proof, no reaction to a lost answer; a difference is
carried over in the direction it is told. What it costs is therefore a lower bound of what such a program costs.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from benchmarks import data
from benchmarks.measure import peak_mib
from benchmarks.stage import Spec
from syncd.sandbox.server import Admin

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the look-alike speaks HTTP, on loopback

from quickbooks import QuickBooks
from quickbooks.objects import Customer, CustomerMemo, Invoice, Ref, SalesItemLine, SalesItemLineDetail

PAGE = 1000
PER_MINUTE = 500
Row = dict[str, Any]


class Program:
    """A sync program in fifty lines."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.admin = Admin(spec.base_url)
        grant = self.admin.tokens(spec.realm)
        client = SimpleNamespace(environment="sandbox", **{name: grant[name] for name in _GRANT})
        QuickBooks.sandbox_api_url_v3 = f"{spec.base_url}/v3"
        self.qb = QuickBooks(auth_client=client, company_id=spec.realm, minorversion=75, use_decimal=True)
        self.database = sa.create_engine(spec.source_url)
        self.start_mib = peak_mib()
        self._books: dict[str, Invoice] = {}
        self._rows: dict[str, Row] = {}

    def compare(self, limit: int) -> list[str]:
        """Read both sides and compare them; the numbers of invoices that differ."""
        self._books = {invoice.DocNumber: invoice for invoice in self._all(limit)}
        self._rows = {row["number"]: row for row in self._source(limit)}
        return [number for number, row in self._rows.items() if not _same(row, self._books[number])]

    def carry_over(self, numbers: Sequence[str], *, pull: range) -> None:
        """Write each difference to the other side."""
        for number in numbers:
            row, invoice = self._rows[number], self._books[number]
            if row["id"] in pull:
                with self.database.begin() as connection:
                    connection.execute(
                        sa.text("UPDATE invoice SET due_date = :due WHERE id = :id"),
                        {"due": invoice.DueDate, "id": row["id"]},
                    )
            else:
                invoice.CustomerMemo = _memo(row["notes"])
                invoice.save(qb=self.qb)

    def push(self, *, paced: bool) -> None:
        """Create every client, then every invoice, and note QuickBooks' ids."""
        pace = _Pace(self.spec.speed) if paced else None
        clients = {}
        with self.database.connect() as connection:
            rows = connection.execute(sa.text("SELECT * FROM client ORDER BY id")).mappings().all()
        for row in rows:
            customer = Customer()
            customer.DisplayName = row["name"]
            customer.CurrencyRef = _ref("USD")
            clients[row["id"]] = self._save("client", row["id"], customer, pace)
        for row in self._source(self.spec.size.invoices):
            self._save("invoice", row["id"], _invoice(row, clients[row["client_id"]]), pace)

    def _save(self, table: str, row_id: int, made: Any, pace: _Pace | None) -> str:
        if pace is not None:
            pace.wait()
        identity = made.save(qb=self.qb).Id
        with self.database.begin() as connection:
            connection.execute(
                sa.text(f"UPDATE {table} SET qbo_id = :qbo WHERE id = :id"), {"qbo": identity, "id": row_id}
            )
        return str(identity)

    def _all(self, limit: int) -> Iterator[Invoice]:
        for start in range(1, limit + 1, PAGE):
            yield from Invoice.where(
                order_by="Id", start_position=start, max_results=min(PAGE, limit + 1 - start), qb=self.qb
            )

    def _source(self, limit: int) -> Iterator[Row]:
        lines: dict[int, list[Row]] = defaultdict(list)
        with self.database.connect() as connection:
            for line in connection.execute(
                sa.text("SELECT * FROM invoice_line WHERE invoice_id <= :limit ORDER BY invoice_id, position"),
                {"limit": limit},
            ).mappings():
                lines[line["invoice_id"]].append(dict(line))
            rows = connection.execute(
                sa.text("SELECT * FROM invoice WHERE id <= :limit ORDER BY id"), {"limit": limit}
            ).mappings()
            found = [{**row, "lines": lines[row["id"]]} for row in rows]
        yield from found


_GRANT = ("client_id", "access_token", "refresh_token")


class _Pace:
    """Starts calls no faster than QuickBooks allows."""

    def __init__(self, speed: float) -> None:
        self._gap = 60 / PER_MINUTE / speed
        self._next = time.monotonic()

    def wait(self) -> None:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = max(self._next, time.monotonic()) + self._gap


def _same(row: Row, invoice: Invoice) -> bool:
    lines = [line for line in invoice.Line if line.DetailType == "SalesItemLineDetail"]
    return (
        row["issue_date"] == invoice.TxnDate
        and row["due_date"] == invoice.DueDate
        and Decimal(row["total"]) == invoice.TotalAmt
        and row["notes"] == invoice.CustomerMemo.value
        and len(lines) == len(row["lines"])
        and all(
            Decimal(mine["amount"]) == theirs.Amount and mine["description"] == theirs.Description
            for mine, theirs in zip(row["lines"], lines, strict=True)
        )
    )


def _invoice(row: Row, client: str) -> Invoice:
    invoice = Invoice()
    invoice.DocNumber = row["number"]
    invoice.CustomerRef = _ref(client)
    invoice.CurrencyRef = _ref("USD")
    invoice.TxnDate, invoice.DueDate = row["issue_date"], row["due_date"]
    invoice.CustomerMemo = _memo(row["notes"])
    for mine in row["lines"]:
        line = SalesItemLine()
        line.Amount, line.Description = Decimal(mine["amount"]), mine["description"]
        line.SalesItemLineDetail = SalesItemLineDetail()
        line.SalesItemLineDetail.ItemRef = _ref(str(mine["item_id"]))
        line.SalesItemLineDetail.Qty = Decimal(mine["quantity"])
        line.SalesItemLineDetail.UnitPrice = Decimal(mine["rate"])
        invoice.Line.append(line)
    return invoice


def _memo(text: str) -> CustomerMemo:
    made = CustomerMemo()
    made.value = text
    return made


def _ref(value: str) -> Ref:
    made = Ref()
    made.value = value
    return made


assert data.ITEMS == ("Services", "Hours")  # the items' ids are the same on both sides
