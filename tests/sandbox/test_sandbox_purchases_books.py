"""Property: whatever people buy, credit, pay, change, void and delete, the books of the purchase side add up."""

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

from syncd.sandbox.operations import EFFECTS
from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox, running_sandbox
from syncd.sandbox.wire import ZERO, decode
from tests.sandbox.purchasing import CARD, CHECKING, PAYABLE, expense, ref

Json = dict[str, Any]
CENTS = st.integers(1, 20_000).map(lambda cents: Decimal(cents) / 100)
WHERE = st.integers(0, 30)
KINDS = ("Bill", "VendorCredit", "BillPayment", "PurchaseOrder")


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSandbox]:
    with running_sandbox(switches={"throttle": "off"}, speed=0) as running:
        yield running


def books(server: RunningSandbox) -> type[RuleBasedStateMachine]:
    """A machine that buys in a company of its own and adds everything up after every step."""

    class Books(RuleBasedStateMachine):
        @initialize()
        def open_company(self) -> None:
            self.realm = server.create_company()
            self.person: Accountant = server.connect(self.realm)
            self.vendors = [self.person.save("Vendor", {"DisplayName": f"V{n}"})["Id"] for n in range(2)]
            self.tokens: dict[tuple[str, str], int] = {}
            for who in range(2):  # a run may never draw the rules that make documents
                for entity in KINDS[:2]:
                    self.receive(entity, who, [Decimal(100)])
                self.bill_an_order(who, Decimal(40), Decimal(30))
            self.pay(0, 0, Decimal(80), Decimal(30), ZERO)
            self.pay(3, 1, Decimal(20), ZERO, Decimal(5))

        def _pick(self, entity: str, at: int) -> Json | None:
            rows = self.person.query(f"select * from {entity} orderby Id maxresults 1000")
            return rows[at % len(rows)] if rows else None

        @rule(entity=st.sampled_from(KINDS[:2]), who=st.integers(0, 1), amounts=st.lists(CENTS, min_size=1, max_size=3))
        def receive(self, entity: str, who: int, amounts: list[Decimal]) -> None:
            lines = [expense(amount) for amount in amounts]
            self.person.save(entity, {"VendorRef": ref(self.vendors[who]), "Line": lines})

        @rule(who=st.integers(0, 1), amount=CENTS, billed=CENTS)
        def bill_an_order(self, who: int, amount: Decimal, billed: Decimal) -> None:
            order = self.person.save("PurchaseOrder", {"VendorRef": ref(self.vendors[who]), "Line": [expense(amount)]})
            link = {"TxnId": order["Id"], "TxnType": "PurchaseOrder", "TxnLineId": "1"}
            body = {"VendorRef": order["VendorRef"], "Line": [expense(billed, links=[link])]}
            self.person.save("Bill", body)

        @rule(bill=WHERE, credit=WHERE, share=CENTS, used=CENTS, extra=st.sampled_from([ZERO, Decimal("7.5")]))
        def pay(self, bill: int, credit: int, share: Decimal, used: Decimal, extra: Decimal) -> None:
            debt, free = self._pick("Bill", bill), self._pick("VendorCredit", credit)
            if debt is None:
                return
            lines = [{"Amount": share, "LinkedTxn": [{"TxnId": debt["Id"], "TxnType": "Bill"}]}]
            used = min(used, share, debt["Balance"])
            if free is not None and free["VendorRef"] == debt["VendorRef"] and ZERO < used <= free["Balance"]:
                lines.append({"Amount": used, "LinkedTxn": [{"TxnId": free["Id"], "TxnType": "VendorCredit"}]})
            else:
                used = ZERO
            body = {"VendorRef": debt["VendorRef"], "TotalAmt": share - used + extra, "Line": lines, **self._by(bill)}
            self.person.save("BillPayment", body)

        @staticmethod
        def _by(number: int) -> Json:
            if number % 2:
                return {"PayType": "CreditCard", "CreditCardPayment": {"CCAccountRef": ref(CARD)}}
            return {"PayType": "Check", "CheckPayment": {"BankAccountRef": ref(CHECKING)}}

        @rule(at=WHERE, part=st.integers(0, 4))
        def rearrange(self, at: int, part: int) -> None:
            payment = self._pick("BillPayment", at)
            if payment is not None:
                lines = [{**line, "Amount": line["Amount"] * part / 4} for line in payment["Line"]]
                total = sum((line["Amount"] for line in lines), ZERO)
                self.person.save("BillPayment", {**payment, "Line": lines, "TotalAmt": total, **self._by(part)})

        @rule(entity=st.sampled_from(KINDS[:2]), at=WHERE, amount=CENTS)
        def rewrite(self, entity: str, at: int, amount: Decimal) -> None:
            record = self._pick(entity, at)
            if record is not None:
                self.person.save(entity, {**record, "sparse": True, "Line": [expense(amount)]})

        @rule(entity=st.sampled_from(KINDS), at=WHERE, void=st.booleans())
        def end(self, entity: str, at: int, void: bool) -> None:
            record = self._pick(entity, at)
            if record is not None and void and entity == "BillPayment":
                self.person.void(entity, record)
            elif record is not None:
                self.person.delete(entity, record)

        @rule(at=WHERE)
        def refuse(self, at: int) -> None:
            """A refused request changes nothing."""
            bill = self._pick("Bill", at)
            if bill is not None:
                before = len(server.history(self.realm))
                for body in ({**bill, "SyncToken": "999"}, {**bill, "Line": []}):
                    with pytest.raises(RefusedError):
                        self.person.save("Bill", body)
                assert len(server.history(self.realm)) == before

        def _held(self) -> dict[str, dict[str, Json]]:
            _, _, answer = server.send("GET", f"/_sandbox/companies/{self.realm}/export")
            held: dict[str, dict[str, Json]] = {entity: {} for entity in (*KINDS, "Vendor", "Account")}
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
            applied: Counter[tuple[str, str]] = Counter()
            named: dict[tuple[str, str], set[str]] = {}
            spare: Counter[str] = Counter()
            for payment in held["BillPayment"].values():
                net = ZERO
                for line in payment["Line"]:
                    (link,) = line["LinkedTxn"]
                    key = (link["TxnType"], link["TxnId"])
                    applied[key] += line["Amount"]
                    named.setdefault(key, set()).add(payment["Id"])
                    net += line["Amount"] if link["TxnType"] == "Bill" else -line["Amount"]
                assert payment["TotalAmt"] >= net
                spare[payment["VendorRef"]["value"]] += payment["TotalAmt"] - net
            for entity in ("Bill", "VendorCredit"):
                for number, row in held[entity].items():
                    assert row["Balance"] == row["TotalAmt"] - applied.pop((entity, number), 0)
                    assert row["Balance"] >= 0
                    links = [link for link in row.get("LinkedTxn", []) if link["TxnType"] == "BillPaymentCheck"]
                    assert {link["TxnId"] for link in links} == named.get((entity, number), set())
            assert not applied
            for number, vendor in held["Vendor"].items():
                owed = sum(row["Balance"] for row in held["Bill"].values() if row["VendorRef"]["value"] == number)
                owed -= sum(r["Balance"] for r in held["VendorCredit"].values() if r["VendorRef"]["value"] == number)
                assert vendor["Balance"] == owed - spare[number]
            self._accounts(held)
            self._orders(held)

        def _accounts(self, held: dict[str, dict[str, Json]]) -> None:
            accounts = {number: row["CurrentBalance"] for number, row in held["Account"].items()}
            paid = {"Check": ZERO, "CreditCard": ZERO}
            for payment in held["BillPayment"].values():
                paid[payment["PayType"]] += payment["TotalAmt"]
            assert accounts[PAYABLE] == -sum(vendor["Balance"] for vendor in held["Vendor"].values())
            assert (accounts[CHECKING], accounts[CARD]) == (-paid["Check"], paid["CreditCard"])

        def _orders(self, held: dict[str, dict[str, Json]]) -> None:
            for number, order in held["PurchaseOrder"].items():
                bills = {
                    row["Id"]: sum(line["Amount"] for line in row["Line"] if "LinkedTxn" in line)
                    for row in held["Bill"].values()
                    if any(link["TxnId"] == number for link in row.get("LinkedTxn", []))
                }
                assert {link["TxnId"] for link in order.get("LinkedTxn", [])} == set(bills)
                assert order["POStatus"] == ("Closed" if sum(bills.values()) >= order["TotalAmt"] else "Open")

        def teardown(self) -> None:
            if not hasattr(self, "realm"):
                return
            assert server.sandbox is not None
            book = server.sandbox.world.companies[self.realm].book
            for entity in ("Bill", "VendorCredit", "BillPayment"):
                for version in server.history(self.realm, entity=entity):
                    if version["op"] != "delete":
                        assert sum(EFFECTS[entity](book, version["record"]).postings.values()) == 0
            server.admin("DELETE", f"/companies/{self.realm}")

    Books.TestCase.settings = settings(
        max_examples=10,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    return Books


def test_the_purchase_side_adds_up_whatever_people_do(server: RunningSandbox) -> None:
    machine = books(server)
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)
