"""Before the first run: suppliers and purchase orders are matched as clients and invoices are (B-10, B-43, B-46)."""

from __future__ import annotations

import pytest

from syncd.matching import Proposer
from syncd.report import CycleRequest
from tests.e2e.helpers import held
from tests.purchasing.buying import ITEM, attached, ordered
from tests.support.world import World


@pytest.mark.behaviour("B-10", "B-43", "B-46")
def test_suppliers_and_orders_that_are_there_are_proposed_by_number_and_supplier(world: World) -> None:
    line = {"Amount": 100, "DetailType": ITEM, ITEM: {"ItemRef": {"value": "1"}, "Qty": 1, "UnitPrice": 100}}
    there = {}
    for name in ("Hicks", "Crane", "Crane & Sons"):
        vendor = world.accountant.save("Vendor", {"DisplayName": name})
        order = {"VendorRef": {"value": vendor["Id"]}, "DocNumber": f"PO-{name[0]}{len(name)}", "TxnDate": "2026-03-04"}
        there[name] = (vendor["Id"], world.accountant.save("PurchaseOrder", order | {"Line": [line]})["Id"])
    hicks, crane = world.member("Hicks"), world.member("CRANE")
    ordered(world, hicks, "PO-H5")
    ordered(world, crane, "PO-C5")
    attached(world, "purchase_order", 1, "drawing.pdf")
    parts = world.engine.parts
    proposed = Proposer(parts, parts.books.facts()).run()
    rows = {kind.value: {row.source_id: row for row in found} for kind, found in proposed.rows.items()}
    assert "attachment" not in rows, "files are found by their documents"
    assert rows["vendor"][str(hicks)].use == there["Hicks"][0]
    assert rows["purchase_order"]["1"].use == there["Hicks"][1]
    assert rows["vendor"][str(crane)].use != there["Crane & Sons"][0]
    assert world.books("Attachable") == []
    world.engine.reconcile(CycleRequest(dry_run=True))
    assert held(world) == []
