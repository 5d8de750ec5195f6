"""What each profile promises, row by row: the acceptance list. Tests carry the numbers as ``@pytest.mark.behaviour``.

Rows are what has to be shown through the whole program. Readings (C-R, X) settle where rows clash, questions (10.n)
what no row answers; a test may carry their numbers as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tests.support.rows import billdr, onedesk, ravetree, ruddr

PROFILES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "ruddr": ruddr.ROWS,
    "billdr": billdr.ROWS,
    "ravetree": ravetree.ROWS,
    "onedesk": onedesk.ROWS,
}
"""By profile, by area: the rows in our own words."""

PROVED = ("ruddr", "billdr", "ravetree", "onedesk")
"""The profiles every row of which has to have a test. The others are being built; the page says what is shown."""

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
    "C-B1": "one way, but for what is read when it is set up",
    "C-B2": "invoices are frozen, expenses overwritten",
    "C-B3": "voided by default; deleted only by going back to draft, and only where nothing hangs on it",
    "C-B4": "without tax: the part of a payment above the open balance is held back and listed",
    "C-B5": "the start of numbering is a setting that is checked",
    "C-B6": "credits are credit memos, applied to their invoices",
    "C-B7": "what is paid is an expense, what is owed a bill",
    "C-B8": "a customer made inactive: found out, can be made active or linked anew, nothing is posted meanwhile",
    "C-B9": "renaming a project follows; closing makes it inactive where nothing is open; moving it is held",
    "C-V1": "content goes one way, money and state both",
    "C-V2": "in step means that",
    "C-V3": "marked paid: a payment is made after confirmation; unmarked: only that one goes",
    "C-V4": "sent when created, or when sent: a setting",
    "C-V5": "deleted or voided: held, or as the settings say",
    "C-O1": "copying again updates, and never makes a second invoice",
    "C-O2": "the address for mail stands on the invoice, the customer is left alone",
    "C-O3": "tax as a line or as a code, never both",
    "C-O4": "made where unknown, reported where it has no account",
    "C-O5": "another currency than the customer's is refused",
    "C-O6": "deletions are mirrored in neither direction, and reported",
    "X-1": "who wins after posting",
    "X-2": "removal: delete, void or leave",
    "X-3": "a missing customer is created by exact name and currency",
    "X-4": "a missing item: the default item, a new one, or refused",
    "X-5": "a customer that syncd did not make is left as it is",
    "X-6": "a number that is taken: the same document is adopted, any other is held",
    "X-7": "nothing is mailed unless a person asks QuickBooks to, and that is switched on",
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

WHOLE_PROGRAM = (
    "tests/e2e/",
    "tests/cli/",
    "tests/daemon/",
    "tests/billdr/",
    "tests/purchasing/",
    "tests/ravetree/",
    "tests/onedesk/",
)
"""Where tests run source, engine, HTTP and look-alike together. Only these prove a row; others are shown beside."""


def rows(profile: str = "") -> dict[str, str]:
    """Every row of a profile, or of all, without its area."""
    chosen = [PROFILES[profile]] if profile else PROFILES.values()
    return {number: text for areas in chosen for area in areas.values() for number, text in area.items()}


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
