"""The sample payloads, and companies made so that what a sample refers to exists there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox
from syncd.sandbox.specs import SPECS
from syncd.sandbox.wire import encode
from tests.support.shapes import differences, shape

Json = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "qbo" / "samples"
needs_samples = pytest.mark.skipif(not FOLDER.is_dir(), reason="the sample payloads are not beside the repository")

_ENTITIES = {
    "CustomerRef": "Customer", "ProjectRef": "Customer", "VendorRef": "Vendor", "ItemRef": "Item",
    "GroupItemRef": "Item", "ClassRef": "Class", "DepartmentRef": "Department", "SalesTermRef": "Term",
    "TermRef": "Term", "PaymentMethodRef": "PaymentMethod", "ShipTo": "Customer",
}  # fmt: skip
_ACCOUNTS = {
    "DepositToAccountRef": "Bank", "BankAccountRef": "Bank", "CCAccountRef": "Credit Card",
    "APAccountRef": "Accounts Payable", "DiscountAccountRef": "Income", "IncomeAccountRef": "Income",
    "ExpenseAccountRef": "Cost of Goods Sold", "AssetAccountRef": "Other Current Asset", "ToAccountRef": "Bank",
    "FromAccountRef": "Bank", "AccountRef": "Expense",
}  # fmt: skip
_SUB_TYPES = {
    "Credit Card": "CreditCard", "Accounts Payable": "AccountsPayable", "Income": "ServiceFeeIncome",
    "Cost of Goods Sold": "SuppliesMaterialsCogs", "Other Current Asset": "Inventory", "Expense": "Travel",
    "Fixed Asset": "Vehicles",
}  # fmt: skip
_HOME = {
    "US": {"value": "USD", "name": "United States Dollar"},
    "CA": {"value": "CAD", "name": "Canadian Dollar"},
}
_SERVER_SET = ("Id", "SyncToken", "MetaData", "time")


def sample(name: str) -> Any:
    """A payload, with exact decimals."""
    return json.loads((FOLDER / f"{name}.json").read_text(), parse_float=Decimal)


def names() -> list[str]:
    """Every payload there is; none where the folder is absent."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def missing(theirs: Any, ours: Any) -> list[str]:
    """What our shape lacks or has as another type, but for coordinates of addresses (protocol.md 1.7)."""
    return [
        line
        for line in differences(theirs, ours)
        if not line.startswith("adds") and not line.endswith((".Lat", ".Long"))
    ]


def lacking(name: str, answer: Any) -> list[str]:
    """What an answer lacks of a sample's shape."""
    return missing(shape(sample(name)), shape(answer))


def rows_of(content: Json) -> Iterator[tuple[str, Json]]:
    """The records of an answer, each with its entity."""
    for name, value in content.get("QueryResponse", content).items():
        if name in SPECS:
            yield from ((name, row) for row in (value if isinstance(value, list) else [value]))


def without(body: Json, *members: str) -> Json:
    """The body without these members."""
    return {name: value for name, value in body.items() if name not in members}


def as_new(body: Json) -> Json:
    """What a client would send to create such a record."""
    return without(body, *_SERVER_SET, "domain", "sparse")


class Stage:
    """A company in which the references of some payload lead somewhere."""

    def __init__(self, sandbox: RunningSandbox, content: Any, **options: Any) -> None:
        self.sandbox = sandbox
        wanted = {**_options(content), **options}
        self.realm = sandbox.create_company(**wanted)
        self.person: Accountant = sandbox.connect(self.realm)
        self._known = {
            (entity, row["Id"]) for entity in ("Account", "TaxCode") for row in sandbox.records(self.realm, entity)
        }
        self._currency = _HOME.get(wanted.get("country", "US"), _HOME["US"])
        self._numbers = iter(range(90_000, 99_999))
        self._own: dict[str, str] = dict.fromkeys((row["Id"] for _, row in rows_of(content) if "Id" in row), "")
        self._stage(content)

    def _stage(self, content: Any, inside: str = "") -> None:
        if isinstance(content, list):
            for inner in content:
                self._stage(inner, inside)
        elif isinstance(content, dict):
            for name, inner in content.items():
                holder = name if name in SPECS else inside
                if isinstance(inner, dict) and isinstance(inner.get("value"), str):
                    self._refer(name, inner, content, holder)
                self._stage(inner, holder)

    def _refer(self, name: str, ref: Json, holder: Json, entity: str) -> None:
        target = _ENTITIES.get(name)
        if name in ("EntityRef", "Entity"):
            target = str(ref.get("type") or holder.get("Type", "")).title()
        elif name == "ParentRef" and ref["value"] not in self._own:
            target = entity
        if name in _ACCOUNTS:
            kind = _ACCOUNTS[name]
            if name == "AccountRef" and "PaymentType" in holder:
                kind = "Credit Card" if holder["PaymentType"] == "CreditCard" else "Bank"
            if name == "DepositToAccountRef" and ref["value"] == "4":
                return
            self.account(ref["value"], kind, ref.get("name"))
        elif target in ("Customer", "Vendor", "Item", "Class", "Department", "Term", "PaymentMethod", "Employee"):
            self.have(target, ref["value"], ref.get("name"), holder if name == "ParentRef" else {})
        elif name == "TxnTaxCodeRef":
            self.tax_code(ref["value"])
        elif target == "Account":
            self.account(ref["value"], str(holder.get("AccountType", "Expense")), ref.get("name"))

    def tax_code(self, record_id: str) -> None:
        """A tax code of one rate under this Id."""
        rate = {"TaxRateRef": {"value": "3"}, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0}
        rates = {"SalesTaxRateList": {"TaxRateDetail": [rate]}, "PurchaseTaxRateList": {"TaxRateDetail": []}}
        name = f"Code {record_id}"
        body = {"Name": name, "Description": name, "Active": True, "Taxable": True, "TaxGroup": True, **rates}
        self.load("TaxCode", record_id, body)

    def account(self, record_id: str, kind: str, name: str | None) -> None:
        """An account of this type under this Id."""
        kinds = {"AccountType": kind, "AccountSubType": _SUB_TYPES.get(kind, "Checking")}
        self.load("Account", record_id, {**self._named("Account", record_id, name), **kinds})

    def have(
        self, entity: str, record_id: str, name: str | None = None, like: Json | None = None, replace: bool = False
    ) -> None:
        """A list record under this Id; ``like`` has members it may take over."""
        body = self._named(entity, record_id, name)
        if entity == "Item":
            income = {"value": "79", "name": "Sales of Product Income"}
            accounts = {"IncomeAccountRef": income, "ExpenseAccountRef": {"value": "80"}}
            kind = "Category" if (like or {}).get("Type") == "Category" else "Service"
            body |= {"Type": kind, **({} if kind == "Category" else accounts)}
        if entity == "Vendor" and like:
            body |= {"BillAddr": like["BillAddr"]}
        self.load(entity, record_id, body, replace)

    def _named(self, entity: str, record_id: str, name: str | None) -> Json:
        shown = (name or f"{entity} {record_id}").rpartition(":")[2]
        body: Json = {"FullyQualifiedName": shown, "Active": True}
        if entity in ("Term", "PaymentMethod"):
            body = {"Active": True}
        key = "DisplayName" if entity in ("Customer", "Vendor", "Employee") else "Name"
        money = {"Balance": Decimal(0), "CurrencyRef": self._currency}
        more: dict[str, Json] = {
            "Customer": {**money, "Taxable": False, "Job": False, "BalanceWithJobs": Decimal(0)},
            "Vendor": money,
            "Account": {
                "SubAccount": False, "Classification": "Asset", "CurrentBalance": Decimal(0),
                "CurrentBalanceWithSubAccounts": Decimal(0), "CurrencyRef": money["CurrencyRef"],
            },
            "Term": {"DueDays": 30, "Type": "STANDARD"},
            "PaymentMethod": {"Type": "NON_CREDIT_CARD"},
        }  # fmt: skip
        return {**body, key: shown, **more.get(entity, {})}

    def load(self, entity: str, record_id: str, body: Json, replace: bool = False) -> None:
        """Put a finished record in, unless it is there by now."""
        if replace or (entity, record_id) not in self._known:
            self._known.add((entity, record_id))
            self.sandbox.load(self.realm, [encode({entity: {**body, "Id": record_id}})])

    def make(self, entity: str, row: Json) -> Json:
        """Create a record like this one through the API, and what it is linked with."""
        if entity == "Attachable":
            return self._attach(row)
        body = as_new(row)
        if entity in ("Customer", "Vendor"):
            body = without(body, "Balance", "BalanceWithJobs")  # an opening balance, when it is sent
        if body.get("ParentRef", {}).get("value") in self._own:
            body["ParentRef"] = {"value": self._own[body["ParentRef"]["value"]]}
        if entity == "Estimate" and row.get("LinkedTxn"):
            del body["TxnStatus"]  # a closed one takes no invoice
        for line in body.get("Line", []):
            for link in line.get("LinkedTxn", []) if entity in ("Payment", "BillPayment", "Deposit") else ():
                link["TxnId"] = self.linked(entity, body, link["TxnType"], line["Amount"])
        for link in body.get("LinkedTxn", []) if entity == "Invoice" else ():
            if link["TxnType"] == "Estimate":
                link["TxnId"] = self._sale("Estimate", {"CustomerRef": body["CustomerRef"]}, Decimal(1))["Id"]
        made = self.person.save(entity, body, include="allowduplicatedocnum")
        self._own[row.get("Id", "")] = made["Id"]
        for link in row.get("LinkedTxn", []):
            self._settle(entity, made, link["TxnType"], Decimal(row["TotalAmt"]) - Decimal(row.get("Balance", 0)))
        return made

    def _number(self) -> Json:
        return {"DocNumber": str(next(self._numbers))}

    def linked(self, entity: str, body: Json, kind: str, amount: Decimal) -> str:
        """A document that such a line may be applied to."""
        if entity == "Deposit":
            self.have("Customer", "1")
            who = {"CustomerRef": {"value": "1"}}
            if kind == "Payment":
                return str(self.person.save(kind, {**who, "TotalAmt": amount})["Id"])
            return str(self._sale(kind, who, amount)["Id"])
        party = "CustomerRef" if entity == "Payment" else "VendorRef"
        maker = self._sale if entity == "Payment" else self._spending
        return str(maker(kind, {party: body[party]}, amount)["Id"])

    def _attach(self, row: Json) -> Json:
        """A note, or a file where the sample names one."""
        body = as_new(row) or {"Note": "a note"}
        for ref in body.get("AttachableRef", []):
            ref["EntityRef"]["value"] = self.plain(ref["EntityRef"]["type"])["Id"]
        if "FileName" not in body:
            return self.person.save("Attachable", body)
        attachable: Json = self.upload(body)["AttachableResponse"][0]["Attachable"]
        return attachable

    def upload(self, meta: Json) -> Json:
        """The answer to uploading a file with these metadata."""
        kind = meta["ContentType"]
        parts = (
            ('name="file_metadata_01"', "application/json", encode(without(meta, "Size"))),
            (f'name="file_content_01"; filename="{meta["FileName"]}"', kind, b"0123456789"),
        )
        body = b"".join(
            f"--B\r\nContent-Disposition: form-data; {name}\r\nContent-Type: {kind}\r\n\r\n".encode()
            + content
            + b"\r\n"
            for name, kind, content in parts
        )
        headers = {
            "Authorization": f"Bearer {self.person.tokens['access_token']}",
            "Accept": "application/json",
            "Content-Type": "multipart/form-data; boundary=B",
        }
        _, _, answer = self.sandbox.send("POST", f"/v3/company/{self.realm}/upload", body + b"--B--\r\n", headers)
        content: Json = json.loads(answer, parse_float=Decimal)
        return content

    def _sale(self, kind: str, members: Json, amount: Decimal) -> Json:
        detail = {"ItemRef": {"value": "1"}}
        line = {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
        return self.person.save(kind, {**members, **self._number(), "Line": [line]})

    def _spending(self, kind: str, members: Json, amount: Decimal) -> Json:
        detail = {"AccountRef": {"value": "78"}}
        name = "AccountBasedExpenseLineDetail"
        line = {"Amount": amount, "DetailType": name, name: detail}
        return self.person.save(kind, {**members, "Line": [line]})

    def _settle(self, entity: str, made: Json, kind: str, amount: Decimal) -> None:
        """Link what the server links: payments, the invoice of an estimate."""
        line = [{"Amount": amount, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": entity}]}]
        if kind == "Payment":
            self.person.save("Payment", {"CustomerRef": made["CustomerRef"], "TotalAmt": amount, "Line": line})
        elif kind == "BillPaymentCheck":
            paid = {"PayType": "Check", "CheckPayment": {"BankAccountRef": {"value": "35"}}}
            self.person.save("BillPayment", {"VendorRef": made["VendorRef"], "TotalAmt": amount, "Line": line, **paid})
        elif kind == "Invoice":
            self._sale(
                "Invoice",
                {"CustomerRef": made["CustomerRef"], "LinkedTxn": [{"TxnId": made["Id"], "TxnType": entity}]},
                made["TotalAmt"],
            )

    # --- the same operation as the sample's, on a record like the sample's ------------------------------------------

    def call(self, entity: str, body: Json, **params: str) -> Json:
        """POST to an entity; the whole answer."""
        return self.person.call("POST", entity.lower(), body, **params)

    def now(self, entity: str, made: Json) -> Json:
        """The current state of a record."""
        return self.person.read(entity, made["Id"])

    def create(self, content: Json) -> Json:
        """The answer to creating the sample's record."""
        ((entity, row),) = rows_of(content)
        made = self.make(entity, row)
        return {entity: made, "time": "now"}

    def read(self, content: Json) -> Json:
        """The answer to reading it."""
        ((entity, row),) = rows_of(content)
        return self.person.call("GET", f"{entity.lower()}/{self.make(entity, row)['Id']}")

    def update(self, content: Json) -> Json:
        """The answer to a full update with all that the sample has."""
        ((entity, row),) = rows_of(content)
        made = self.now(entity, self.make(entity, row))
        body = {**as_new(row), "Id": made["Id"], "SyncToken": made["SyncToken"]}
        if entity in ("Customer", "Vendor"):
            body = without(body, "Balance", "BalanceWithJobs")
        if "Line" in made and entity in ("Payment", "BillPayment"):
            body["Line"] = made["Line"]
        return self.call(entity, body)

    def sparse(self, content: Json) -> Json:
        """The answer to a sparse update of one member."""
        ((entity, row),) = rows_of(content)
        made = self.now(entity, self.make(entity, row))
        slim = {"Id": made["Id"], "SyncToken": made["SyncToken"], "sparse": True}
        member = next(name for name in ("PrivateNote", "CustomerMemo", "MiddleName", "DueDate", "Name") if name in made)
        return self.call(entity, {**slim, member: made[member]})

    def deactivate(self, content: Json) -> Json:
        """The answer to switching it off."""
        ((entity, row),) = rows_of(content)
        made = self.make(entity, without(row, "Active"))
        return self.call(entity, {**made, "Active": False})

    def query(self, content: Json) -> Json:
        """The answer to a query that finds records like those of the sample, inactive ones too."""
        inactive = False
        entity = ""
        for entity, row in sorted(rows_of(content), key=lambda one: str(one[1].get("FullyQualifiedName")).count(":")):
            try:
                made = self.make(entity, without(row, "Active"))
            except RefusedError as refusal:
                if refusal.code != "6240":  # the company has one of that name from the start
                    raise
                continue
            if row.get("Active") is False:
                inactive = True
                self.call(entity, {**made, "Active": False})
        where = " where Active in (true, false)" if inactive else ""
        return self.person.call("GET", "query", query=f"select * from {entity}{where}")

    def void(self, content: Json) -> Json:
        """The answer to voiding it."""
        ((entity, row),) = rows_of(content)
        made = self.now(entity, self.make(entity, row))
        return {entity: self.person.void(entity, made), "time": "now"}

    def delete(self, content: Json) -> Json:
        """The answer to deleting a record, of which the sample has only the Id."""
        ((entity, _),) = rows_of(content)
        made = self.plain(entity)
        return self.call(entity, {"Id": made["Id"], "SyncToken": made["SyncToken"]}, operation="delete")

    def send(self, content: Json) -> Json:
        """The answer to sending it by e-mail."""
        ((entity, row),) = rows_of(content)
        made = self.make(entity, without(row, "EmailStatus", "DeliveryInfo"))
        return self.person.call("POST", f"{entity.lower()}/{made['Id']}/send", sendTo="a@b.co")

    def plain(self, entity: str) -> Json:
        """The simplest transaction of a kind."""
        self.have("Customer", "1")
        self.have("Vendor", "1")
        who, amount = {"value": "1"}, Decimal(10)
        if entity in ("Bill", "VendorCredit", "PurchaseOrder"):
            return self._spending(entity, {"VendorRef": who}, amount)
        if entity == "Purchase":
            return self._spending(entity, {"PaymentType": "Cash", "AccountRef": {"value": "35"}}, amount)
        if entity == "Payment":
            return self.person.save(entity, {"CustomerRef": who, "TotalAmt": amount})
        if entity == "Attachable":
            return self.person.save(entity, {"Note": "a note"})
        if entity == "BillPayment":
            bill = self._spending("Bill", {"VendorRef": who}, amount)
            line = [{"Amount": amount, "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}]
            paid = {"PayType": "Check", "CheckPayment": {"BankAccountRef": {"value": "35"}}}
            return self.person.save(entity, {"VendorRef": who, "TotalAmt": amount, "Line": line, **paid})
        return self._sale(entity, {"CustomerRef": who}, amount)


def _options(content: Any) -> Json:
    """The options of a company that uses what the payload shows."""
    text = json.dumps(content, default=str)
    options: Json = {"custom_fields": ["Crew #"], "projects": True, "allow_service_date": True}
    if '"DepartmentRef"' in text:
        options["track_departments"] = True
    if '"ClassRef"' in text:
        options["class_tracking_per_line"] = True
    if '"ExchangeRate":' in text and '"HomeTotalAmt"' in text:
        options["multicurrency"] = True
    return options


def refused(work: Any) -> Json:
    """The body of the refusal that the call meets."""
    try:
        work()
    except RefusedError as refusal:
        return refusal.body
    raise AssertionError("it was not refused")
