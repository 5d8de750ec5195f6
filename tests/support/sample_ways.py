"""How the server is brought to answer, or to take, each sample payload that needs a way of its own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.support.samples import Stage, as_new, rows_of, sample, without

Json = dict[str, Any]


def corrected(name: str, content: Any) -> Any:
    """The sample as it can be sent: without what its own notes, or its sums, show to be a slip of the pen."""
    for entity, row in rows_of(content) if isinstance(content, dict) else ():
        for line in row.get("Line", []):
            detail = line.get("ItemBasedExpenseLineDetail", {})
            if "Qty" in detail:  # S:bill-query has 8 x 10 = 100
                line["Amount"] = Decimal(detail["Qty"]) * Decimal(detail["UnitPrice"])
        if name == "account-update-full":  # the company has an account of that name
            row["Name"] += " 2"
        if name == "invoice-void":  # entities.md 11: its enumerations are in a form seen nowhere else
            row.update(PrintStatus="NeedToPrint", EmailStatus="NotSet", TxnTaxDetail={})
            for field in row["CustomField"]:
                field["Type"] = "StringType"
            for line in row["Line"]:
                line["DetailType"] = "".join(word.title() for word in line["DetailType"].split("_"))
        if entity == "ExchangeRate":
            row["AsOfDate"] = "2026-01-05"
    return content


# --- operations that need their own way -------------------------------------------------------------------------------


def exchange_rate_read(stage: Stage, content: Json) -> Json:
    row = content["ExchangeRate"]
    stage.person.call("POST", "exchangerate", as_new(row))
    return stage.person.call(
        "GET", "exchangerate", sourcecurrencycode=row["SourceCurrencyCode"], asofdate=row["AsOfDate"]
    )


def exchange_rate_query(stage: Stage, content: Json) -> Json:
    for row in content["QueryResponse"]["ExchangeRate"][:20]:
        if row["SourceCurrencyCode"] != row["TargetCurrencyCode"]:
            stage.person.call("POST", "exchangerate", as_new(row))
    return stage.person.call("GET", "query", query="select * from ExchangeRate where AsOfDate = '2026-01-05'")


def columns_of_attachables(stage: Stage, content: Json) -> Json:
    stage.person.save("Attachable", {"Note": "a note"})
    return stage.person.call("GET", "query", query="select Id from Attachable")


def uploaded(stage: Stage, content: Json) -> Json:
    meta = content["AttachableResponse"][0]["Attachable"]
    ref = {"EntityRef": {"type": "Invoice", "value": stage.plain("Invoice")["Id"]}, "IncludeOnSend": False}
    return stage.upload({"FileName": meta["FileName"], "ContentType": meta["ContentType"], "AttachableRef": [ref]})


def company_info(stage: Stage, content: Json) -> Json:
    info = stage.person.call("GET", f"companyinfo/{stage.realm}")["CompanyInfo"]
    slim = {"Id": "1", "SyncToken": info["SyncToken"], "sparse": True}
    stage.person.save("CompanyInfo", {**as_new(content["CompanyInfo"]), **slim})
    return stage.person.call("GET", f"companyinfo/{stage.realm}")


def tax_codes(stage: Stage, content: Json) -> Json:
    for side in ("Sales", "Purchase"):
        rate = {"TaxRateName": f"rate {side}"[:10], "RateValue": "5", "TaxAgencyId": "1", "TaxApplicableOn": side}
        stage.person.call("POST", "taxservice/taxcode", {"TaxCode": f"For {side}", "TaxRateDetails": [rate]})
    return stage.person.call("GET", "query", query="select * from TaxCode where Name like 'For%'")


def automated_tax(stage: Stage, content: Json) -> Json:
    for line in content["SalesReceipt"]["Line"]:
        detail = line.get("SalesItemLineDetail")
        if detail:
            refs = {
                "IncomeAccountRef": detail["ItemAccountRef"],
                "TaxClassificationRef": detail["TaxClassificationRef"],
            }
            item = {"Name": f"Sold {line['Id']}", "Type": "Service", "Active": True, **refs}
            stage.load("Item", detail["ItemRef"]["value"], item, replace=True)
    stage.sandbox.switch(automated_tax_no_address="origin")
    answer = stage.read(content)
    stage.sandbox.switch(automated_tax_no_address="zero")
    return answer


def bundle(stage: Stage, content: Json) -> Json:
    """Bundles cannot be made through the API, so one is loaded with its parts."""
    for row in content["QueryResponse"]["Item"]:
        for part in row.get("ItemGroupDetail", {}).get("ItemGroupLine", []):
            stage.have("Item", part["ItemRef"]["value"])
        stage.load("Item", row["Id"], row)
    return stage.person.call("GET", "query", query="select * from Item where Type = 'Group'")


def purchases(stage: Stage, content: Json) -> Json:
    for row in content["QueryResponse"]["Purchase"]:
        if "RemitToAddr" in row:
            stage.have("Vendor", row["EntityRef"]["value"], like={"BillAddr": row["RemitToAddr"]}, replace=True)
    return stage.query(content)


def credit_applied_by_itself(stage: Stage, content: Json) -> Json:
    who = {"CustomerRef": {"value": content["Payment"]["CustomerRef"]["value"]}}
    line = {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "1"}}}
    stage.person.save("CreditMemo", {**who, "Line": [{**line, "Amount": Decimal("1359.33")}]})
    stage.person.save("Invoice", {**who, "Line": [{**line, "Amount": Decimal("1951.96")}]})
    (made,) = stage.person.query("select * from Payment")
    return stage.person.call("GET", f"payment/{made['Id']}")


def changes(stage: Stage, content: Json) -> Json:
    """CDC over records like those of the sample, the deleted ones made and deleted."""
    before = stage.sandbox.admin("POST", "/clock", {"advance_seconds": 60})["now"]
    groups = [group for group in content["CDCResponse"][0]["QueryResponse"] if group]
    asked = []
    for group in groups:
        ((entity, rows),) = ((name, value) for name, value in group.items() if isinstance(value, list))
        asked.append(entity)
        for row in rows:
            if row.get("status") == "Deleted":
                made = stage.plain(entity)
                stage.call(entity, {"Id": made["Id"], "SyncToken": made["SyncToken"]}, operation="delete")
            elif len(row) == 1:
                stage.plain(entity) if entity != "Customer" else stage.person.save(entity, {"DisplayName": row["Id"]})
            elif "status" not in row:
                stage.make(entity, without(row, "LinkedTxn") if entity in ("Invoice", "Bill") else row)
    return stage.person.call("GET", "cdc", entities=",".join([*asked, "Class"]), changedSince=before)


def changed_together(stage: Stage, content: Json) -> Json:
    answer = changes(stage, content)
    return {**answer, "CDCResponse": [{"QueryResponse": answer["CDCResponse"][0]["QueryResponse"]}]}


def batch_with_faults(stage: Stage, content: Json) -> Json:
    stage.person.save("Vendor", {"DisplayName": "Smith Family Store"})
    ((_, receipt),) = rows_of({"SalesReceipt": content["BatchItemResponse"][3]["QueryResponse"]["SalesReceipt"][0]})
    made = stage.make("SalesReceipt", receipt)
    stage.person.save("SalesReceipt", {**made, "PrivateNote": "moved on"})
    return stage.person.call("POST", "batch", batch_body(made["Id"]))


def batch_body(receipt: str, invoice: str = "129") -> Json:
    body: Json = sample("batch-request")
    body["BatchItemRequest"][1]["Invoice"]["Id"] = invoice
    body["BatchItemRequest"][2]["SalesReceipt"]["Id"] = receipt
    return body


OWN_WAY: dict[str, Callable[[Stage, Any], Json]] = {
    "exchangerate-read": exchange_rate_read,
    "exchangerate-query": exchange_rate_query,
    "exchangerate-recorded": exchange_rate_query,
    "attachable-query": columns_of_attachables,
    "attachable-upload-response": uploaded,
    "item-query-bundle": bundle,
    "purchase-query": purchases,
    "companyinfo-fyle": company_info,
    "companyinfo-read": company_info,
    "taxcode-fyle": tax_codes,
    "salesreceipt-ast-tax-recorded": automated_tax,
    "payment-auto-credit-recorded": credit_applied_by_itself,
    "cdc-creditmemo-deleted-recorded": changes,
    "cdc-multi-entity-recorded": changed_together,
    "cdc-response-with-deleted": changes,
    "batch-response-with-faults": batch_with_faults,
}


# --- requests: taken as they are, but for Ids -------------------------------------------------------------------------


def create_from(entity: str) -> Callable[[Stage, Json], Json]:
    def send(stage: Stage, body: Json) -> Json:
        for line in body.get("Line", []):
            for link in line.get("LinkedTxn", []):
                link["TxnId"] = stage.linked(entity, body, link["TxnType"], line["Amount"])
        return stage.person.save(entity, body)

    return send


def update_from(entity: str, **params: str) -> Callable[[Stage, Json], Json]:
    def send(stage: Stage, body: Json) -> Json:
        made = stage.person.save(entity, {"DisplayName": "Amy"}) if entity == "Customer" else stage.plain(entity)
        for line in body.get("Line", []):
            for link in line.get("LinkedTxn", []):
                link["TxnId"] = stage.linked(entity, body, link["TxnType"], line["Amount"])
        return stage.person.save(entity, {**body, "Id": made["Id"], "SyncToken": made["SyncToken"]}, **params)

    return send


def preferences(stage: Stage, body: Json) -> Json:
    token = stage.person.read("Preferences", "")["SyncToken"]
    return stage.person.save("Preferences", {**body, "SyncToken": token})


def batch(stage: Stage, body: Json) -> Json:
    receipt, invoice = stage.plain("SalesReceipt"), stage.plain("Invoice")
    answers = stage.person.batch(batch_body(receipt["Id"], invoice["Id"])["BatchItemRequest"])
    assert [name for name, answer in answers.items() if "Fault" in answer] == []
    return answers


REQUESTS: dict[str, Callable[[Stage, Json], Json]] = {
    "batch-request": batch,
    "billpayment-create-request": create_from("BillPayment"),
    "creditmemo-create-request": create_from("CreditMemo"),
    "customer-create-request": create_from("Customer"),
    "customer-sparse-request": update_from("Customer"),
    "invoice-create-request": create_from("Invoice"),
    "invoice-full-request": update_from("Invoice"),
    "invoice-sparse-request": update_from("Invoice"),
    "payment-create-request": create_from("Payment"),
    "payment-full-request": update_from("Payment"),
    "payment-void-request": update_from("Payment", operation="update", include="void"),
    "preferences-update-request": preferences,
    "purchase-create-request": create_from("Purchase"),
    "purchaseorder-create-request": create_from("PurchaseOrder"),
    "refundreceipt-create-request": create_from("RefundReceipt"),
}
