"""Properties: the books balance, tokens only rise, and the feeds show every change exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox, running_sandbox
from syncd.sandbox.wire import decode

Json = dict[str, Any]
CENTS = st.integers(1, 50_000).map(lambda cents: Decimal(cents) / 100)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSandbox]:
    with running_sandbox(switches={"throttle": "off"}, speed=0) as running:
        yield running


def books(server: RunningSandbox, rounds: int) -> type[RuleBasedStateMachine]:
    """A machine that keeps books in a company of its own and adds them up after every step."""

    class Books(RuleBasedStateMachine):
        @initialize()
        def open_company(self) -> None:
            self.realm = server.create_company()
            self.person: Accountant = server.connect(self.realm)
            self.customers = [
                self.person.save("Customer", {"DisplayName": f"C{n}"} | extra)["Id"]
                for n, extra in enumerate(({}, {}, {"Job": True, "ParentRef": {"value": "1"}}))
            ]
            self.tokens: dict[tuple[str, str], int] = {}
            self.cursor = server.admin("GET", "/clock")["now"]
            self.seen: Counter[tuple[str, str, str]] = Counter()
            self.history = len(server.history(self.realm))
            server.advance(2)

        def _pick(self, entity: str, at: int) -> Json | None:
            rows = self.person.query(f"select * from {entity} orderby Id maxresults 1000")
            return rows[at % len(rows)] if rows else None

        def _line(self, amount: Decimal, taxed: bool) -> Json:
            detail = {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "TAX" if taxed else "NON"}}
            return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}

        @rule(who=st.integers(0, 2), amounts=st.lists(CENTS, min_size=1, max_size=3), taxed=st.booleans(), off=CENTS)
        def bill(self, who: int, amounts: list[Decimal], taxed: bool, off: Decimal) -> None:
            lines = [self._line(amount, taxed) for amount in amounts]
            if off <= sum(amounts):
                lines.append({"Amount": off, "DetailType": "DiscountLineDetail", "DiscountLineDetail": {}})
            body = {"CustomerRef": {"value": self.customers[who]}, "Line": lines}
            self.person.save("Invoice", {**body, "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "3"}}})

        @rule(at=st.integers(0, 50), share=CENTS, extra=st.sampled_from([Decimal(0), Decimal("7.5")]))
        def pay(self, at: int, share: Decimal, extra: Decimal) -> None:
            invoice = self._pick("Invoice", at)
            if invoice is not None:
                link = {"Amount": share, "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]}
                body = {"CustomerRef": invoice["CustomerRef"], "TotalAmt": share + extra, "Line": [link]}
                self.person.save("Payment", body)

        @rule(at=st.integers(0, 50), part=st.integers(0, 4))
        def rearrange(self, at: int, part: int) -> None:
            payment = self._pick("Payment", at)
            if payment is not None:
                lines = [{**line, "Amount": line["Amount"] * part / 4} for line in payment["Line"]]
                self.person.save("Payment", {**payment, "Line": lines})

        @rule(at=st.integers(0, 50), amount=CENTS)
        def rewrite(self, at: int, amount: Decimal) -> None:
            invoice = self._pick("Invoice", at)
            if invoice is not None:
                slim = {"Id": invoice["Id"], "SyncToken": invoice["SyncToken"], "sparse": True}
                self.person.save("Invoice", {**slim, "Line": [self._line(amount, False)]})

        @rule(
            entity=st.sampled_from(["Invoice", "Payment"]),
            at=st.integers(0, 50),
            how=st.sampled_from(["void", "delete"]),
        )
        def end(self, entity: str, at: int, how: str) -> None:
            record = self._pick(entity, at)
            if record is not None:
                getattr(self.person, how)(entity, record)

        @rule(at=st.integers(0, 50))
        def refuse(self, at: int) -> None:
            """A refused request changes nothing."""
            invoice = self._pick("Invoice", at)
            if invoice is not None:
                before = len(server.history(self.realm))
                for body in ({**invoice, "SyncToken": "999"}, {**invoice, "Line": []}):
                    with pytest.raises(RefusedError):
                        self.person.save("Invoice", body)
                assert len(server.history(self.realm)) == before

        @rule()
        def tick(self) -> None:
            server.advance(1)

        def _held(self) -> dict[str, dict[str, Json]]:
            _, _, answer = server.send("GET", f"/_sandbox/companies/{self.realm}/export")
            held: dict[str, dict[str, Json]] = {"Customer": {}, "Invoice": {}, "Payment": {}}
            for line in answer.splitlines():
                for entity, row in decode(line).items():
                    if entity in held:
                        held[entity][row["Id"]] = row
                        assert int(row["SyncToken"]) >= self.tokens.get((entity, row["Id"]), 0)
                        self.tokens[(entity, row["Id"])] = int(row["SyncToken"])
            return held

        @precondition(lambda self: hasattr(self, "realm"))
        @invariant()
        def balances(self) -> None:
            held = self._held()
            invoices, payments = held["Invoice"], held["Payment"]
            paid: Counter[str] = Counter()
            for payment in payments.values():
                shares = {line["LinkedTxn"][0]["TxnId"]: line["Amount"] for line in payment["Line"]}
                paid.update(shares)
                assert payment["UnappliedAmt"] == payment["TotalAmt"] - sum(shares.values())
                assert payment["UnappliedAmt"] >= 0
            for number, invoice in invoices.items():
                assert invoice["Balance"] == invoice["TotalAmt"] - paid[number]
                assert invoice["Balance"] >= 0
                linked = {link["TxnId"] for link in invoice["LinkedTxn"]}
                assert linked == {
                    key for key, row in payments.items()
                    if any(line["LinkedTxn"][0]["TxnId"] == number for line in row["Line"])
                }  # fmt: skip
            assert set(paid) <= set(invoices)
            for customer in held["Customer"].values():
                owed = sum(row["Balance"] for row in invoices.values() if row["CustomerRef"]["value"] == customer["Id"])
                spare = sum(r["UnappliedAmt"] for r in payments.values() if r["CustomerRef"]["value"] == customer["Id"])
                assert customer["Balance"] == owed - spare

        @rule()
        def follow(self) -> None:
            """A follower that keeps the answer's time as its cursor knows every record's last version."""
            groups, self.cursor = self.person.cdc("Customer,Invoice,Payment", self.cursor)
            for entity, rows in groups.items():
                assert len({row["Id"] for row in rows}) == len(rows)
                self.seen.update((entity, row["Id"], row.get("SyncToken", "gone")) for row in rows)
            latest: dict[tuple[str, str], str] = {}
            for version in server.history(self.realm, after=self.history):
                gone = version["op"] == "delete"
                latest[(version["entity"], version["id"])] = "gone" if gone else version["token"]
            assert {(entity, key, token) for (entity, key), token in latest.items()} <= set(self.seen)

        def teardown(self) -> None:
            if not hasattr(self, "realm"):
                return
            for entity in ("Customer", "Invoice", "Payment"):
                since = (
                    "where MetaData.LastUpdatedTime >= '2000-01-01' orderby MetaData.LastUpdatedTime maxresults 1000"
                )
                by_time = [
                    (row["Id"], row["SyncToken"]) for row in self.person.query(f"select * from {entity} {since}")
                ]
                held = {row["Id"]: row["SyncToken"] for row in server.records(self.realm, entity)}
                assert Counter(by_time) == Counter(held.items())
            versions = Counter((v["entity"], v["id"], v["token"], v["op"]) for v in server.history(self.realm))
            assert max(versions.values()) == 1
            server.admin("DELETE", f"/companies/{self.realm}")

    Books.TestCase.settings = settings(
        max_examples=rounds,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    return Books


def test_the_books_balance_whatever_people_do(server: RunningSandbox) -> None:
    machine = books(server, rounds=12)
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)
