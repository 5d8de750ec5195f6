"""What each profile promises, row by row: the acceptance list. Tests carry the numbers as ``@pytest.mark.behaviour``.

Rows are what has to be shown through the whole program. Readings (C-R, X) settle where rows clash, questions (10.n)
what no row answers; a test may carry their numbers as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

ROWS: dict[str, dict[str, str]] = {
    "Scope": {
        "R-1": "seven parts, each at work by itself: invoices out, changes back, withdrawal, payments both ways, "
        "their removal, credit notes both ways, bills for expenses",
    },
    "Invoices out": {
        "R-2": "a published invoice goes out unless its tick says no; where nothing is ticked, it goes",
        "R-3": "publishing brings the invoice into QuickBooks with the next cycle, without another step",
        "R-4": "an invoice whose tick says no stays in the source alone",
        "R-5": "one that was left out can be ticked later; one that is in QuickBooks is not sent a second time",
        "R-6": "a draft never goes out",
        "R-7": "the source's number is sent only where QuickBooks takes custom numbers",
        "R-8": "issue date and due date go along",
        "R-9": "an invoice keeps its currency; nothing is converted",
        "R-10": "notes go along, up to 1,000 characters",
        "R-11": "the billing address goes along; how it is laid out is up to QuickBooks",
        "R-12": "the customer that stands for the client is used where there is one",
        "R-13": "a client without customer gets one",
        "R-14": "all recipients in one field, separated by commas, up to 100 characters",
        "R-15": "all copies in one field, separated by commas, up to 200 characters",
        "R-16": "tax goes along only where sales tax is on in QuickBooks",
        "R-17": "which tax code is put on it is a setting",
        "R-18": "a discount goes along only with a discount account",
        "R-19": "an exchange rate is sent with foreign currency, and never with the company's own",
        "R-20": "the rate is QuickBooks' of the day, else its present one, else the source's",
        "R-21": "a line has description, quantity, rate and amount",
        "R-22": "the item of a line is found in QuickBooks by its name",
        "R-23": "for an item that is not there the default item stands; none is created",
        "R-24": "each line is taxable or not by itself",
        "R-25": "the number that QuickBooks stored comes back",
        "R-26": "the total comes back",
        "R-27": "tax amount and tax rate come back",
        "R-28": "the numeric part of QuickBooks' number comes back as transaction number",
    },
    "Invoices: changes back": {
        "R-29": "every change of an invoice in QuickBooks is noticed without anybody asking",
        "R-30": "what QuickBooks changed is taken over: QuickBooks wins",
        "R-31": "editing in QuickBooks is an ordinary way of working, for any field",
        "R-32": "in the source a published invoice is withdrawn before people edit it",
        "R-33": "that lock does not keep QuickBooks' changes from coming in",
        "R-34": "one published and saved invoice can be reloaded by hand",
        "R-35": "a reload mends copies that drifted apart",
        "R-36": "an invoice that was never in QuickBooks cannot be reloaded",
        "R-37": "a reload brings number, dates and notes",
        "R-38": "a reload brings the billing address",
        "R-39": "a reload brings total, tax and discount",
        "R-40": "the lines become QuickBooks' lines",
        "R-41": "a line taken out in QuickBooks goes",
        "R-42": "a line put in in QuickBooks comes",
        "R-43": "payments made in QuickBooks on the invoice come along",
    },
    "Invoices: withdrawal": {
        "R-44": "an invoice that is withdrawn can be taken out of QuickBooks in the same step",
        "R-45": "where nothing is ticked, the withdrawn invoice stays in QuickBooks",
        "R-46": "ticked: it is deleted there, not voided",
        "R-47": "unticked: it stays there, its link is kept, and publishing again uses it",
    },
    "Payments": {
        "R-48": "a payment may be entered on either side",
        "R-49": "one entered in QuickBooks appears in the source",
        "R-50": "one entered in the source goes out unless its tick says no; where nothing is ticked, it goes",
        "R-51": "once in QuickBooks it is changed only there; a change in the source is held",
        "R-52": "a change in QuickBooks reaches the source",
        "R-53": "what is sent is the amount less the credit notes used",
        "R-54": "date, reference and notes go along",
        "R-55": "client and currency as for invoices",
        "R-56": "the account for deposits is a setting",
        "R-57": "the payment method is found by its name",
        "R-58": "it is applied to invoices that are in QuickBooks, and to no others",
        "R-59": "it is applied to credit notes that are in QuickBooks, too",
        "R-60": "one payment may pay several invoices of a client",
        "R-61": "an invoice paid in full is paid; one paid in part stays open",
    },
    "Payments: back from QuickBooks": {
        "R-62": "a payment made in QuickBooks is brought in by itself",
        "R-63": "its client is that of the customer",
        "R-64": "its amount in the source is money and credit together",
        "R-65": "date, reference and notes come along",
        "R-66": "reloading an invoice renews its payments: their amounts",
        "R-67": "... their dates, references and notes",
        "R-68": "... their methods",
        "R-69": "which invoices it pays is found by itself",
        "R-70": "credit notes on it are matched, or made in the source",
        "R-71": "what is deleted in QuickBooks is removed from the source",
    },
    "Payments: removal": {
        "R-72": "a payment may be deleted on either side",
        "R-73": "where nothing is ticked, a payment deleted in the source goes from QuickBooks",
        "R-74": "ticked: it goes from both",
        "R-75": "unticked: QuickBooks keeps it",
    },
    "Credit notes out": {
        "R-76": "number, date, currency and client as for invoices",
        "R-77": "notes and addresses within the limits of invoices",
        "R-78": "tax only where sales tax is on in QuickBooks",
        "R-79": "after saving, the lines are those that QuickBooks has",
        "R-80": "in QuickBooks it is a credit memo and a payment that applies it",
        "R-81": "its number comes back",
        "R-82": "total and tax come back",
        "R-83": "the tax rate comes back",
        "R-84": "the transaction number comes back",
        "R-85": "it may be free-standing and used on several invoices; a line needs item and amount",
    },
    "Credit notes: changes back": {
        "R-86": "number, date, notes and address follow QuickBooks",
        "R-87": "totals and tax follow QuickBooks",
        "R-88": "the lines become QuickBooks' lines; what is gone there goes",
    },
    "Expenses": {
        "R-89": "bills for expenses are made only if that is switched on",
        "R-90": "approved reimbursable expenses of a member become a bill to a vendor",
        "R-91": "an expense that is not marked for reimbursement never qualifies",
        "R-92": "only approved ones",
        "R-93": "only reimbursable ones",
        "R-94": "only those not reimbursed yet",
        "R-95": "only those within the dates that are set",
        "R-96": "the vendor that stands for the member is used, else one is created",
        "R-97": "the bill has the date of its earliest expense",
        "R-98": "one line for each expense",
        "R-99": "amounts of lines are rounded to cents",
        "R-100": "the description is put together from client, project, merchant and notes",
        "R-101": "the account is that of the category, else the default account",
        "R-102": "the project stands on the line where it is matched",
        "R-103": "expenses are reimbursed when the bill is paid in full, not before",
        "R-104": "nothing else comes back from a bill",
        "R-105": "of the states of an expense, only approved counts",
        "R-106": "an expense that changes after it was billed changes its bill as long as nothing is paid",
        "R-107": "one marked reimbursed by hand is not billed; the mark can be taken back",
        "R-108": "expenses in different currencies become different bills",
    },
    "Settings and matching": {
        "R-109": "only who may read the configuration can change the link",
        "R-110": "clients spelt identically match by themselves; the rest by hand",
        "R-111": "items likewise",
        "R-112": "tax rates likewise; not at all where no sales tax is charged",
        "R-113": "each match can be seen and corrected by itself",
        "R-114": "each company has a named configuration with its own defaults",
        "R-115": "several companies at once; a business unit decides where a document goes",
    },
    "Currencies": {
        "R-116": "a document in another currency than its customer's is refused with the reason",
        "R-117": "one client and one customer for each currency, matched in pairs, work",
    },
    "Facts of documents": {
        "R-118": "publishing locks time and expenses in the source; withdrawing is the way back",
        "R-119": "purchase order numbers stay in the source",
        "R-120": "QuickBooks Online is the only accounting system that is linked",
    },
}
"""By area: the rows in our own words."""

READINGS: dict[str, str] = {
    "C-R1": "notice, catching up and reloading are one path",
    "C-R2": "payments renew their invoices, and invoices their payments",
    "C-R3": "amount in the source = QuickBooks' total + credit, with no money at all, too",
    "C-R4": "the payment that applies a credit note never comes back as money",
    "C-R5": "an invoice left behind is used again",
    "C-R6": "the lock of a published invoice binds people alone",
    "C-R7": "payments: changes one way, removals both ways",
    "C-R8": "what is billed is told by the bill's lines, not by the mark",
    "C-R9": "one bill for a member, report and currency; later expenses make another",
    "C-R10": "who decides the number",
    "C-R11": "tax is never dropped without being told to",
    "C-R12": "a discount is never dropped without being told to",
    "C-R13": "lists of addresses lose whole addresses only",
    "C-R14": "our own cutting and QuickBooks' layout are no edits",
    "C-R15": "an invoice deleted or voided in QuickBooks waits for a person",
    "C-R16": "lines that are the same keep their links",
    "C-R17": "a client is its name and its currency",
    "X-1": "who wins after posting",
    "X-2": "removal: delete, void or leave",
    "X-3": "a missing customer is created by exact name and currency",
    "X-4": "a missing item: the default item, or refused",
    "X-5": "a customer that syncd did not make is left as it is",
    "X-6": "a number that is taken: the same document is adopted, any other is held",
    "X-7": "nothing is ever mailed",
    "X-8": "expenses become bills",
    "X-9": "nothing before the start date, and a plan first",
    "10.1": "edited on both sides between two cycles",
    "10.2": "overpayments, refunds, unapplied payments, deposits",
    "10.3": "paid in part, then withdrawn or voided",
    "10.4": "closed periods, deposited and reconciled payments",
    "10.5": "customers merged, renamed or made inactive",
    "10.6": "lines that the source does not know",
    "10.7": "tax included or added, automated tax, several rates",
    "10.8": "several credit notes and invoices on one payment",
    "10.9": "expenses changed after billing, bills changed in QuickBooks",
    "10.10": "quantity times rate is not the amount",
    "10.11": "members called like customers",
    "10.12": "business units that change afterwards",
}

WHOLE_PROGRAM = ("tests/e2e/", "tests/cli/", "tests/daemon/")
"""Where tests run source, engine, HTTP and look-alike together. Only these prove a row; others are shown beside."""


def rows() -> dict[str, str]:
    """Every row, without its area."""
    return {number: text for area in ROWS.values() for number, text in area.items()}


def marks(text: str, mark: str = "behaviour") -> Iterator[tuple[str, str]]:
    """The tests of a module with their numbers: in a decorator, on a case, on a class, or for the whole module."""
    tree = ast.parse(text)
    everywhere = [
        number
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
        for number in _numbers(node.value, mark)
    ]
    yield from _tests(tree.body, "", everywhere, mark)


def _tests(body: list[ast.stmt], path: str, outer: list[str], mark: str) -> Iterator[tuple[str, str]]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        numbers = [*outer, *(number for decorator in node.decorator_list for number in _numbers(decorator, mark))]
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, f"{path}{node.name}::", numbers, mark)
        elif node.name.startswith("test"):
            for number in dict.fromkeys(numbers):
                yield f"{path}{node.name}", number


def _numbers(tree: ast.AST, mark: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == mark:
            yield from (str(arg.value) for arg in node.args if isinstance(arg, ast.Constant))
