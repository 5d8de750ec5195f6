"""QBO's faults as an exception and as wire bodies (protocol.md 9, entities.md 10).

Only the code is a fact a client may rely on; messages and details follow protocol.md 9.3 word for word where a live
text is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.sandbox.wire import Json

INACTIVE = (
    "Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)


@dataclass(frozen=True)
class Error:
    """One entry of a Fault's Error list."""

    code: str
    message: str
    detail: str
    element: str = ""


class FaultError(Exception):
    """A request, or one item of a batch, ends in a Fault."""

    def __init__(self, *errors: Error, kind: str = "ValidationFault", status: int = 400) -> None:
        super().__init__("; ".join(f"{error.code} {error.detail}" for error in errors))
        self.errors = errors
        self.kind = kind
        self.status = status

    def envelope(self) -> Json:
        """What the answer holds, beside its time."""
        return {"Fault": self.body()}

    def body(self) -> Json:
        """The value of the ``Fault`` member (protocol.md 9.1)."""
        return {
            "Error": [
                {"Message": e.message, "Detail": e.detail, "code": e.code, "element": e.element} for e in self.errors
            ],
            "type": self.kind,
        }


class NothingDoneError(FaultError):
    """No fault at all: HTTP 200 with an empty batch answer, and nothing happened (protocol.md 8.5)."""

    def __init__(self) -> None:
        super().__init__(Error("", "", "nothing done"), status=200)

    def envelope(self) -> Json:
        """What the answer holds."""
        return {"BatchItemResponse": []}


def fault(code: int, message: str, detail: str, element: str = "") -> FaultError:
    """A ValidationFault with one error."""
    return FaultError(Error(str(code), message, detail, element))


def unsupported(operation: str) -> FaultError:
    """500: the operation is not offered for this entity (protocol.md 8.5)."""
    return fault(500, "Unsupported Operation", f"Operation {operation} is not supported.", "Operation")


def not_offered(method: str) -> FaultError:
    """405: the address knows no such method (protocol.md 9.1)."""
    return FaultError(Error("500", "Unsupported Operation", f"Method {method} is not supported.", "Method"), status=405)


def no_resource(path: str) -> FaultError:
    """404 with code 10000: no such address (protocol.md 9.1)."""
    detail = f"System Failure Error: Could not find resource for relative : {path}"
    return system_failure(detail, 404)


def too_large(limit: int) -> FaultError:
    """413: the body is longer than the server takes (protocol.md 9.2)."""
    return FaultError(
        Error("500", "Unsupported Operation", f"The request body is larger than {limit} bytes."), status=413
    )


def address_too_long(limit: int) -> FaultError:
    """414: the address is longer than the server takes."""
    return FaultError(Error("500", "Unsupported Operation", f"The address is longer than {limit} bytes."), status=414)


def bad_media(detail: str, status: int = 415) -> FaultError:
    """415: a body in a form that is not understood."""
    return FaultError(Error("500", "Unsupported Operation", detail, "Content-Type"), status=status)


def not_found() -> FaultError:
    """610: no such object, or it was deleted."""
    return fault(610, "Object Not Found", f"Object Not Found : {INACTIVE}")


def cannot_link(detail: str) -> FaultError:
    """620: the linked transaction cannot be linked."""
    return fault(620, "Transaction cannot be linked", detail, "LinkedTxn")


def unknown_property(name: str) -> FaultError:
    """2010: a member that the entity does not have, or of the wrong type."""
    return fault(
        2010,
        "Request has invalid or unsupported property",
        f"Property Name:Can not deserialize or unrecognized property {name}",
        name,
    )


def missing(name: str) -> FaultError:
    """2020: a required member is missing."""
    return fault(
        2020,
        "Required param missing, need to supply the required value for the API",
        f"Required parameter {name} is missing in the request",
        name,
    )


def bad_id(name: str) -> FaultError:
    """2030: an Id that cannot be one."""
    return fault(2030, "Invalid ID", f"Invalid ID : {name}", name)


def bad_string(name: str) -> FaultError:
    """2040: forbidden characters."""
    return fault(2040, "Invalid String", f"Invalid String : {name} contains characters not supported", name)


def bad_length(name: str, low: int, high: int, supplied: int) -> FaultError:
    """2050: too short or too long."""
    return fault(
        2050,
        "String length is either shorter or longer than supported by specification",
        "String length specified does not match the supported length. "
        f"Min:{low} Max:{high} supported. Supplied length:{supplied}",
        name,
    )


def bad_date(name: str, value: str) -> FaultError:
    """2060: not a date."""
    return fault(2060, "Invalid Date", f"Invalid Date : {value}", name)


def bad_number(name: str, value: str) -> FaultError:
    """2090: not a number."""
    return fault(2090, "Invalid Number", f"Invalid Number : {value}", name)


def bad_decimal(name: str, value: str) -> FaultError:
    """2100: too many digits for the decimal."""
    return fault(2100, "Invalid Decimal Value", f"Invalid Decimal Value : {value}", name)


def bad_request_id(value: str) -> FaultError:
    """2130: an ill-formed request id."""
    return fault(2130, "Invalid Request ID", f"Invalid Request ID : {value}", "requestid")


def bad_enum(name: str, value: str) -> FaultError:
    """2170: not a value of the enumeration."""
    return fault(2170, "Invalid Enumeration", f"Invalid Enumeration : {value}", name)


def bad_email(name: str, value: str) -> FaultError:
    """2210: not an e-mail address."""
    return fault(
        2210,
        "Invalid Email Address format",
        f"Email Address does not conform to the syntax rules of RFC 822. Supplied value:{value}",
        name,
    )


def out_of_range(name: str, value: str) -> FaultError:
    """2240: out of range."""
    return fault(2240, "Value out of range", f"Value out of range : {value}", name)


def negative(name: str) -> FaultError:
    """2290: a negative amount where none may be."""
    return fault(2290, "Negative amount not supported", f"Amount must not be negative : {name}", name)


def unbalanced() -> FaultError:
    """2300: the debits of a journal entry are not its credits."""
    return fault(2300, "Unbalanced Entry", "Unbalanced Entry : The debits must be equal to the credits.", "Line")


def bad_reference(name: str) -> FaultError:
    """2500: a reference to nothing, or to something inactive."""
    return fault(2500, "Invalid Reference Id", f"Invalid Reference Id : {INACTIVE}", name)


def no_length() -> FaultError:
    """6020: an upload that does not say how long it is (entities.md 7)."""
    return fault(6020, "Missing content length", "The Content-Length header is required for an upload.")


def upload_too_large() -> FaultError:
    """6030: an upload of more than 100 MB (protocol.md 9.3)."""
    return fault(6030, "Attachment size exceeds limit", "The total size of an upload must not exceed 100 MB.")


def bad_file(detail: str) -> FaultError:
    """6041: a file that cannot be attached (protocol.md 11)."""
    return fault(6041, "Invalid file", f"Invalid file : {detail}", "FileName")


def stale() -> FaultError:
    """5010: the SyncToken is not the current one."""
    return fault(
        5010,
        "Stale Object Error",
        "Stale Object Error : You and root were working on this at the same time. "
        "root finished before you did, so your work was not saved.",
    )


def not_permitted(detail: str) -> FaultError:
    """5020: the company's plan or the user's rights do not allow it."""
    return fault(5020, "Permission Denied Error", f"Permission Denied Error : {detail}")


def feature_off(detail: str) -> FaultError:
    """5030: the company does not have this feature switched on."""
    return fault(5030, "Feature Not Supported", detail)


def business(detail: str, element: str = "") -> FaultError:
    """6000: everything that QBO has no code of its own for."""
    return fault(
        6000,
        "A business validation error has occurred while processing your request",
        f"Business Validation Error: {detail}",
        element,
    )


def account_type_missing() -> FaultError:
    """6010: neither AccountType nor AccountSubType was given."""
    return fault(6010, "Account type missing", "AccountType or AccountSubType must be given.", "AccountType")


def amount_mismatch() -> FaultError:
    """6070: Amount differs from Qty x UnitPrice."""
    return fault(
        6070,
        "Amount calculation incorrect in the request",
        "Amount calculation incorrect in the request : Amount is not equal to UnitPrice * Qty. Supplied value",
        "Amount",
    )


def no_name() -> FaultError:
    """6080: none of the name parts was given."""
    return fault(6080, "Name is required", "At least one of the name fields must be given", "DisplayName")


def discount_without_value() -> FaultError:
    """6090: a discount line with neither amount nor percent."""
    return fault(6090, "Discount error", "Discount line needs an amount or a percent", "DiscountLineDetail")


def bill_with_parent() -> FaultError:
    """6130: BillWithParent cannot change once there are invoices."""
    return fault(
        6130, "Bill With Parent error", "Bill with parent cannot be changed: invoices exist.", "BillWithParent"
    )


def bad_tax_code(detail: str, code: int = 6100) -> FaultError:
    """6100, 6160, 6170, 6230: tax codes."""
    return fault(code, "Invalid tax code", detail, "TaxCodeRef")


def duplicate_number(number: str, kind: str, holder: str) -> FaultError:
    """6140: the document number is taken; the Detail names the holder (entities.md 1.7)."""
    return fault(
        6140,
        "Duplicate Document Number Error",
        "Duplicate Document Number Error : You must specify a different number. This number has already "
        f"been used. DocNumber={number} is assigned to TxnType={kind} with TxnId={holder}",
    )


def parent_needed() -> FaultError:
    """6150: a job without a parent."""
    return fault(6150, "Hierarchy error", "A job needs a parent customer.", "ParentRef")


def too_deep() -> FaultError:
    """6180: more than five levels."""
    return fault(6180, "Hierarchy error", "Too many sub-levels in the hierarchy.", "ParentRef")


def deposited() -> FaultError:
    """6540: the transaction is in a bank deposit."""
    return fault(
        6540,
        "Deposited Transaction cannot be changed",
        "Deposited Transaction cannot be changed : This transaction has been deposited. If you want to change or "
        "delete it, you must edit the deposit it appears on and remove it first",
    )


def lapsed() -> FaultError:
    """6190: the company's subscription ended; it is read-only."""
    return fault(
        6190,
        "Invalid Company Status",
        "Subscription period has ended or canceled or there was a billing problem : You can't add data to "
        "QuickBooks Online Plus because your trial or subscription period ended.",
    )


def period_closed() -> FaultError:
    """6210: TxnDate on or before the book close date."""
    return fault(
        6210,
        "Account Period Closed, Cannot Update Through Services API",
        "The account period has closed and the account books cannot be updated through the QBO Services "
        "API. Please use the QBO website to make these changes.",
    )


def has_balance() -> FaultError:
    """6220: deactivating a customer who has a balance."""
    return fault(
        6220,
        "Delete List Has Balance Error",
        "Delete List Has Balance Error : You can't delete this because it has a balance.",
        "Active",
    )


def duplicate_name(noun: str, holder: str = "") -> FaultError:
    """6240: the name is taken (entities.md 3.1)."""
    tail = f" Id={holder}" if holder else ""
    return fault(
        6240,
        "Duplicate Name Exists Error",
        f"The name supplied already exists. : Another {noun} is already using this name. "
        f"Please use a different name.{tail}",
    )


def inactive_customer() -> FaultError:
    """6250: the customer of a sales form is inactive."""
    return fault(6250, "Invalid customer", "The customer is missing or was made inactive.", "CustomerRef")


def unbilled_charges() -> FaultError:
    """6280: deactivating a customer who has charges that are not billed yet."""
    return fault(
        6280,
        "Delete List Has Unbilled Charges Error",
        "You can't delete this customer because it has unbilled charges.",
        "Active",
    )


def billable_to_nobody() -> FaultError:
    """6310: a billable line without a customer."""
    return fault(6310, "Billable line needs a customer", "A billable line must name a customer.", "CustomerRef")


def bad_billable_status(status: str) -> FaultError:
    """6320: a billable status that is none, or that the company does not use."""
    return fault(6320, "Invalid billable status", f"Invalid billable status : {status}", "BillableStatus")


def billed_already() -> FaultError:
    """6400: a line of the purchase is on an invoice."""
    return fault(
        6400,
        "Deleting linked purchase results in an invalid invoice",
        "The purchase cannot be deleted since a line of it is on an invoice.",
    )


def no_address() -> FaultError:
    """6420: delivery by e-mail without an address."""
    return fault(6420, "Email address missing", "Delivery by e-mail needs an e-mail address.", "BillEmail")


def wrong_account(name: str) -> FaultError:
    """6430: an account of a type that does not belong here."""
    return fault(6430, "Invalid account type", "Invalid account type used", name)


def too_many_results(limit: int) -> FaultError:
    """10100: an answer with more objects than one may have (protocol.md 9.3)."""
    detail = f"System Failure Error: the result has more than {limit} objects"
    return FaultError(Error("10100", "Result set too large", detail), kind="SystemFault")


def line_without_account() -> FaultError:
    """6440: a line with an amount or a customer, but neither item nor account."""
    return fault(
        6440,
        "Transaction Detail Information Required",
        "You must select a product or service or an account for each split line that has an amount or a billable "
        "customer.",
        "Line",
    )


def batch_too_large(limit: int) -> FaultError:
    """1040: more items than a batch may have."""
    return fault(1040, "Batch size exceeds allowed limit", f"Maximum of {limit} items per batch")


def duplicate_request() -> FaultError:
    """600: the request id was used for something else (switch ``requestid_mismatch``)."""
    return fault(600, "Duplicate Request ID", "Duplicate Request ID : the id was used for another request")


def unparsable(detail: str) -> FaultError:
    """4000: the statement cannot be parsed."""
    return fault(4000, "Error parsing query", f"QueryParserError: {detail}")


def invalid_query(detail: str) -> FaultError:
    """4001: the statement is understood but not allowed."""
    return fault(4001, "Invalid query", f"QueryValidationError: {detail}")


def system_failure(detail: str, status: int = 500) -> FaultError:
    """10000: QBO's own error."""
    return FaultError(
        Error("10000", "An application error has occurred while processing your request", detail),
        kind="SystemFault",
        status=status,
    )


def unsupported_inside() -> FaultError:
    """What QBO makes of a void it does not know: 10000 under HTTP 200 (protocol.md 8.5)."""
    text = "An application error has occurred while processing your request"
    detail = "System Failure Error: java.lang.UnsupportedOperationException"
    return FaultError(Error("10000", text, detail, "SystemFailureError"), kind="SystemFault", status=200)


def gateway(status: int, kind: str, message: str, code: str, detail: str | None, at: float) -> Json:
    """The gateway's lower-case envelope with its integer time (protocol.md 9.4)."""
    return {
        "warnings": None,
        "intuitObject": None,
        "fault": {
            "error": [
                {
                    "message": f"message={message}; errorCode={int(code):06d}; statusCode={status}",
                    "detail": detail,
                    "code": code,
                    "element": None,
                }
            ],
            "type": kind,
        },
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": int(at * 1000),
        "status": None,
        "cdcresponse": [],
    }
