"""The behaviours of QuickBooks that a client depends on most, and how sure they are, for docs/sandbox-reference.md.

The numbers are those of the protocol sheet's checklist; tests carry them as ``@pytest.mark.checklist(n)``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

DOC, REC, REP, GUESS, SWITCH = "documented", "recorded", "reported", "guessed", "switch"

ITEMS: dict[int, tuple[str, str, str]] = {
    1: ("SyncToken: digits as text, from \"0\", up with every saved change", DOC, ""),
    2: ("a stale SyncToken: 400, code 5010, nothing changed", DOC, ""),
    3: ("LastUpdatedTime: whole seconds, Pacific offset, moves with every write", REC, ""),
    4: ("change feed: every object changed since, whole, once", DOC, ""),
    5: ("change feed: deletions as stubs without SyncToken", REC, ""),
    6: ("change feed: the nesting of the answer, `{}` for nothing", REC, ""),
    7: ("change feed: groups in another order than asked", REC, "cdc_shuffle"),
    8: ("change feed: in a group live objects by time, then deletions", REC, ""),
    9: ("change feed: cut at 1,000 without a word", REP, "cdc_cap"),
    10: ("change feed: more than 30 days back", SWITCH, "cdc_too_old"),
    11: ("a payment changes and bumps what it pays", REC, ""),
    12: ("undoing a payment opens and bumps it again", REP, ""),
    13: ("`time` in an answer is the start of the request, with fractions", REC, ""),
    14: ("a repeated requestid gets the first answer, nothing is done twice", DOC, ""),
    15: ("a requestid belongs to the company; in a batch with the bId", DOC, ""),
    16: ("how long request ids live, other bodies, faults, two at once", SWITCH,
         "requestid_ttl_seconds, requestid_mismatch, requestid_faults, requestid_concurrent"),
    17: ("an answer lost after the work was done", REP, ""),
    18: ("a create answers 200 with the whole object", DOC, ""),
    19: ("delete: Id and SyncToken are enough; the answer's stub", DOC, ""),
    20: ("a deleted object: code 610", DOC, ""),
    21: ("a full update clears what is left out", DOC, ""),
    22: ("a sparse update keeps what is left out, but replaces lists whole", DOC, "sparse_payment"),
    23: ("a fault under status 200; a void that does nothing", REP, ""),
    24: ("void: amounts zero, note, links gone, a live object in the feed", REC, ""),
    25: ("access tokens live an hour; then 401, code 3200, in lower case", REC, ""),
    26: ("refresh tokens: the same within a day, then another", DOC, ""),
    27: ("a superseded refresh token", SWITCH, "refresh_grace"),
    28: ("invalid_grant: 400 and its texts", REP, "invalid_grant_text"),
    29: ("revoking ends both tokens", DOC, ""),
    30: ("an authorization code works once", DOC, "code_seconds, code_reuse"),
    31: ("the redirect back: code, state, realmId, or access_denied", DOC, ""),
    32: ("another company's or app's token: 403, code 3100", REC, ""),
    33: ("hard expiry only when asked for; idle expiry stops near five years", DOC, ""),
    34: ("redirect addresses match exactly", DOC, ""),
    35: ("500 requests a minute and 10 a second", DOC, "throttle, requests_per_minute, requests_per_second"),
    36: ("40 batches a minute for an app, 120 for a company", DOC, "batches_per_minute_app, batches_per_minute_realm"),
    37: ("429 without Retry-After, in several forms", REP, "throttle_body"),
    38: ("metered reads of a month", DOC, "monthly_cap"),
    39: ("gateway errors, cut connections and silence, before or after the work", REP, ""),
    40: ("code 10000, for a whole change feed, too", REP, ""),
    41: ("intuit_tid on every answer", DOC, ""),
    42: ("queries: 100 rows unless asked, 1,000 at most, from 1", DOC, ""),
    43: ("queries: nothing found leaves the entity out; a count is only a count", REC, ""),
    44: ("queries: maxResults is what came; totalCount for some entities", REC, ""),
    45: ("queries: inactive records only when asked for", DOC, ""),
    46: ("queries: operators, AND only, Id only by = and IN", DOC, "query_unequal"),
    47: ("queries: quoting, case, numbers in quotes, bare booleans", DOC, ""),
    48: ("queries: the texts of 4000 and 4001", REC, ""),
    49: ("queries: offsets are honoured, whole seconds", DOC, "naive_times"),
    50: ("queries: pages over changing data skip and repeat; no order of their own", REP, "default_order"),
    51: ("queries: POST as GET", DOC, ""),
    52: ("batch: 30 items, then code 1040", DOC, "batch_objects"),
    53: ("batch: items on their own, in any order, known by bId", DOC, "batch_shuffle, duplicate_bid"),
    54: ("batch: queries and voids inside", DOC, ""),
    55: ("one name over customers, vendors and employees, case aside: 6240", DOC, "duplicate_name_id"),
    56: ("document numbers: 6140 with the holder, allowduplicatedocnum, counting by itself", DOC, "document_pool"),
    57: ("2500, 2020, 2010, 2050 and their kin", DOC, "inactive_reference"),
    58: ("closed periods 6210, deposited payments 6540, lapsed companies 6190", DOC, ""),
    59: ("deactivation: the name's suffix; lists are never deleted", REC, "reactivated_name"),
    60: ("sums are computed: 6070, journals that balance, the subtotal row", REC, ""),
    61: ("webhooks: both forms, signed over the raw bytes", DOC, ""),
    62: ("webhooks: twice, in another order, bundled, lost, late, repeated", DOC, "webhook_*"),
    63: ("one's own writes come back as events and in the feed", REP, "webhook_linked"),
    64: ("files: upload, metadata or not, a link for 15 minutes", DOC, ""),
    65: ("send marks the form as sent; PDF", REC, ""),
    66: ("minorversion does not matter; unknown members may come", DOC, "unknown_members"),
    67: ("without Accept: XML", REP, "missing_accept"),
}  # fmt: skip


def marks(source: str) -> Iterator[tuple[str, int]]:
    """The tests of a module, each with the items its ``@pytest.mark.checklist(n)`` marks name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.checklist":
                    yield from ((node.name, int(ast.unparse(argument))) for argument in mark.args)
