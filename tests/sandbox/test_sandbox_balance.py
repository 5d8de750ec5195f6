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

from syncd.sandbox.operations import EFFECTS
from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox, running_sandbox
from syncd.sandbox.wire import decode

Json = dict[str, Any]
Held = dict[str, dict[str, Json]]
"""Entity to Id to record."""
FORMS = ("Invoice", "CreditMemo", "SalesReceipt", "RefundReceipt", "Estimate")
KINDS = (*FORMS, "Payment")
FOLLOWED = ",".join(("Customer", *KINDS))
RECEIVABLE, FUNDS, CHECKING, TAX_OWED = "84", "4", "35", "89"
CENTS = st.integers(1, 50_000).map(lambda cents: Decimal(cents) / 100)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSandbox]:
    with running_sandbox(switches={"throttle": "off"}, speed=0) as running:
        yield running


def is_debt(line: Json) -> bool:
    return bool(line["LinkedTxn"][0]["TxnType"] == "Invoice")


def _sum(rows: dict[str, Json], member: str, customer: Json) -> Decimal:
    mine = (row[member] for row in rows.values() if row["CustomerRef"]["value"] == customer["Id"])
    return sum(mine, Decimal(0))


def _tax(row: Json) -> Decimal:
    return Decimal(row["TxnTaxDetail"]["TotalTax"])


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

        @rule(entity=st.sampled_from(FORMS[1:]), who=st.integers(0, 2), amount=CENTS, taxed=st.booleans())
        def write(self, entity: str, who: int, amount: Decimal, taxed: bool) -> None:
            body: Json = {"CustomerRef": {"value": self.customers[who]}, "Line": [self._line(amount, taxed)]}
            if entity == "RefundReceipt":
                body["DepositToAccountRef"] = {"value": CHECKING}
            self.person.save(entity, {**body, "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}})

        @rule(at=st.integers(0, 50), cash=CENTS, part=st.integers(1, 4), together=st.booleans())
        def use_credit(self, at: int, cash: Decimal, part: int, together: bool) -> None:
            memo = self._pick("CreditMemo", at)
            if memo is None:
                return
            used = (Decimal(memo["RemainingCredit"]) * part / 4).quantize(Decimal("0.01"))
            links = [{"TxnId": memo["Id"], "TxnType": "CreditMemo"}]
            lines = [{"Amount": used, "LinkedTxn": links}]
            owing = f"CustomerRef = '{memo['CustomerRef']['value']}' and Balance > '0'"
            for invoice in self.person.query(f"select * from Invoice where {owing} maxresults 1"):
                link = {"TxnId": invoice["Id"], "TxnType": "Invoice"}
                if together:
                    links.append(link)
                else:
                    lines.append({"Amount": min(used + cash, invoice["Balance"]), "LinkedTxn": [link]})
            self.person.save("Payment", {"CustomerRef": memo["CustomerRef"], "TotalAmt": cash, "Line": lines})

        @rule(on=st.booleans())
        def prefer(self, on: bool) -> None:
            """From now on QBO applies credits by itself, or no more."""
            server.change_company(self.realm, auto_apply_credit=on)

        @rule(who=st.integers(0, 2), at=st.integers(0, 50))
        def accept(self, who: int, at: int) -> None:
            """An invoice made from an estimate, where that is still open."""
            estimate = self._pick("Estimate", at)
            if estimate is not None and estimate["TxnStatus"] == "Pending":
                link = {"LinkedTxn": [{"TxnId": estimate["Id"], "TxnType": "Estimate"}]}
                body = {"CustomerRef": estimate["CustomerRef"], "Line": estimate["Line"], **link}
                self.person.save("Invoice", body)

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
                lines = [
                    {**line, "Amount": line["Amount"] * part / 4 if is_debt(line) else line["Amount"]}
                    for line in payment["Line"]
                ]
                self.person.save("Payment", {**payment, "Line": lines})

        @rule(entity=st.sampled_from(FORMS), at=st.integers(0, 50), amount=CENTS)
        def rewrite(self, entity: str, at: int, amount: Decimal) -> None:
            record = self._pick(entity, at)
            if record is not None:
                slim = {"Id": record["Id"], "SyncToken": record["SyncToken"], "sparse": True}
                self.person.save(entity, {**slim, "Line": [self._line(amount, False)]})

        @rule(entity=st.sampled_from(KINDS), at=st.integers(0, 50), how=st.sampled_from(["void", "delete"]))
        def end(self, entity: str, at: int, how: str) -> None:
            record = self._pick(entity, at)
            if how == "void" and entity not in ("Invoice", "Payment", "SalesReceipt"):
                how = "delete"
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

        def _held(self) -> Held:
            _, _, answer = server.send("GET", f"/_sandbox/companies/{self.realm}/export")
            held: Held = {entity: {} for entity in (*KINDS, "Customer", "Account")}
            for line in answer.splitlines():
                for entity, row in decode(line).items():
                    if entity in held:
                        held[entity][row["Id"]] = row
                        assert int(row["SyncToken"]) >= self.tokens.get((entity, row["Id"]), 0)
                        self.tokens[(entity, row["Id"])] = int(row["SyncToken"])
            return held

        @precondition(lambda self: hasattr(self, "realm"))
        @invariant()
        def adds_up(self) -> None:
            held = self._held()
            self._balances(held)
            self._estimates(held)
            self._accounts(held)

        def _balances(self, held: Held) -> None:
            invoices, payments, memos = held["Invoice"], held["Payment"], held["CreditMemo"]
            put: Counter[tuple[str, str]] = Counter()
            linked: dict[str, set[str]] = {}
            for payment in payments.values():
                net = Decimal(0)
                for line in payment["Line"]:
                    (link,) = line["LinkedTxn"]
                    put[(link["TxnType"], link["TxnId"])] += line["Amount"]
                    linked.setdefault(link["TxnId"], set()).add(payment["Id"])
                    net += line["Amount"] if is_debt(line) else -line["Amount"]
                assert payment["UnappliedAmt"] == payment["TotalAmt"] - net
                assert payment["UnappliedAmt"] >= 0
            for number, invoice in invoices.items():
                assert invoice["Balance"] == invoice["TotalAmt"] - put.pop(("Invoice", number), 0)
                assert invoice["Balance"] >= 0
                names = {link["TxnId"] for link in invoice["LinkedTxn"] if link["TxnType"] == "Payment"}
                assert names == linked.get(number, set())
            for number, memo in memos.items():
                assert memo["RemainingCredit"] == memo["Balance"]
                assert memo["RemainingCredit"] == memo["TotalAmt"] - put.pop(("CreditMemo", number), 0)
                assert memo["RemainingCredit"] >= 0
            assert not put
            for customer in held["Customer"].values():
                owed = _sum(invoices, "Balance", customer) - _sum(memos, "RemainingCredit", customer)
                assert customer["Balance"] == owed - _sum(payments, "UnappliedAmt", customer)

        def _estimates(self, held: Held) -> None:
            """An invoice and its estimate name each other, and the estimate is closed."""
            links = {
                (link["TxnId"], number)
                for number, row in held["Invoice"].items()
                for link in row["LinkedTxn"]
                if link["TxnType"] == "Estimate"
            }
            back = {(key, link["TxnId"]) for key, row in held["Estimate"].items() for link in row.get("LinkedTxn", [])}
            assert links == back
            closed = {key for key, row in held["Estimate"].items() if row["TxnStatus"] == "Closed"}
            assert closed == {key for key, _ in back}

        def _accounts(self, held: Held) -> None:
            """Each account holds what the documents say, and what the postings of all of them add up to."""
            total = {entity: sum((row["TotalAmt"] for row in held[entity].values()), Decimal(0)) for entity in KINDS}
            tax = {entity: sum((_tax(row) for row in held[entity].values()), Decimal(0)) for entity in FORMS}
            stands = {number: row["CurrentBalance"] for number, row in held["Account"].items()}
            assert stands[RECEIVABLE] == total["Invoice"] - total["Payment"] - total["CreditMemo"]
            assert stands[FUNDS] == total["Payment"] + total["SalesReceipt"]
            assert stands[CHECKING] == -total["RefundReceipt"]
            given_back = tax["CreditMemo"] + tax["RefundReceipt"]
            assert stands[TAX_OWED] == given_back - tax["Invoice"] - tax["SalesReceipt"]
            assert server.sandbox is not None
            book = server.sandbox.world.companies[self.realm].book
            posted: Counter[str] = Counter()
            for entity in KINDS:
                for row in held[entity].values() if entity in EFFECTS else ():
                    postings = EFFECTS[entity](book, row).postings
                    assert sum(postings.values()) == 0
                    posted.update(postings)
            for number, row in held["Account"].items():
                if row["Classification"] not in ("Revenue", "Expense"):
                    assert stands[number] == posted[number]

        @rule()
        def follow(self) -> None:
            """A follower that keeps the answer's time as its cursor knows every record's last version."""
            groups, self.cursor = self.person.cdc(FOLLOWED, self.cursor)
            for entity, rows in groups.items():
                assert len({row["Id"] for row in rows}) == len(rows)
                self.seen.update((entity, row["Id"], row.get("SyncToken", "gone")) for row in rows)
            latest: dict[tuple[str, str], str] = {}
            for version in server.history(self.realm, after=self.history):
                gone = version["op"] == "delete"
                if version["entity"] not in FOLLOWED.split(","):
                    continue
                latest[(version["entity"], version["id"])] = "gone" if gone else version["token"]
            assert {(entity, key, token) for (entity, key), token in latest.items()} <= set(self.seen)

        def teardown(self) -> None:
            if not hasattr(self, "realm"):
                return
            for entity in FOLLOWED.split(","):
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
    machine = books(server, rounds=10)
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)
