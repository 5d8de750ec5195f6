"""Faults are told apart by code, in every shape in which they come."""

from __future__ import annotations

import json

import pytest
from qbo_world import SAMPLES

from syncd.qbo import faults, wire
from syncd.qbo.faults import FAULTS, Fault, FaultClass


def fault_of(body: dict[str, object]) -> Fault:
    fault = faults.from_envelope(wire.split_object(json.dumps(body).encode()))
    assert fault is not None
    return fault


@pytest.mark.failure("F-29")
@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("5010", FaultClass.CONFLICT),
        ("610", FaultClass.GONE),
        ("6140", FaultClass.DUPLICATE),
        ("6240", FaultClass.DUPLICATE),
        ("6210", FaultClass.PERIOD),
        ("6200", FaultClass.PERIOD),
        ("6190", FaultClass.COMPANY),
        ("6540", FaultClass.LOCKED),
        ("10000", FaultClass.SYSTEM),
        ("31415", FaultClass.UNKNOWN),
    ],
)
def test_codes_have_classes(code: str, group: FaultClass) -> None:
    assert fault_of({"Fault": {"Error": [{"code": code}], "type": "ValidationFault"}}).group is group


def test_every_row_says_what_to_do() -> None:
    for code, rule in FAULTS.items():
        assert code == code.lstrip("0")
        assert rule.meaning.endswith(".")
        assert rule.remedy.endswith(".")
        assert "token" not in rule.remedy.lower() or rule.group is FaultClass.REFRESH


def test_the_gateway_speaks_lower_case() -> None:
    error = {"message": "message=AuthenticationFailed; errorCode=003200; statusCode=401", "code": None}
    fault = fault_of({"warnings": None, "fault": {"error": [error], "type": "AUTHENTICATION"}, "time": 1741761950669})
    assert (fault.code, fault.group) == ("3200", FaultClass.REFRESH)


def test_an_unknown_code_of_a_known_type() -> None:
    fault = fault_of({"Fault": {"Error": [{"code": "12345"}], "type": "SystemFault"}})
    assert fault.group is FaultClass.SYSTEM


def test_leading_zeros_and_xml() -> None:
    body = (
        '<?xml version="1.0"?><IntuitResponse xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE">'
        '<Error code="003001"><Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>'
        "<Detail>The request limit was reached.  Try again later</Detail></Error></Fault></IntuitResponse>"
    )
    fault = faults.from_xml(body)
    assert fault is not None
    assert (fault.code, fault.type, fault.group) == ("3001", "SERVICE", FaultClass.THROTTLE)
    assert faults.from_xml("<html><body>Down</body></html>") is None


@pytest.mark.failure("F-87")
@pytest.mark.parametrize(
    ("detail", "holder"),
    [
        ("DocNumber=1001 is assigned to TxnType=Invoice with TxnId=17984", "17984"),
        ("DocNumber=1001 est attribué à TxnType=Facture avec TxnId = 5", "5"),
        ("Another customer is already using this name. Id=77", "77"),
        ("Another customer is already using this name.", ""),
    ],
)
def test_the_holder_is_found(detail: str, holder: str) -> None:
    assert Fault(code="6140", detail=detail).holder_id == holder


def test_the_text_is_short_and_for_people() -> None:
    fault = Fault(code="6210", detail="x" * 5000, element="TxnDate")
    assert fault.text.startswith("The date lies in a closed period. (field TxnDate) QuickBooks says: xxx")
    assert len(fault.text) < 500


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample payloads are not on this machine")
@pytest.mark.parametrize("name", ["fault-10000-system", "fault-3200-authentication", "fault-610-already-deleted"])
def test_samples_are_understood(name: str) -> None:
    fault = faults.from_envelope(wire.split_object((SAMPLES / f"{name}.json").read_bytes()))
    assert fault is not None
    assert fault.code == name.split("-")[1]
    assert fault.group is not FaultClass.UNKNOWN
