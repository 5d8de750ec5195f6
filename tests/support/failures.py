"""How tools of this sort fail in the field, and what keeps syncd from it: the catalogue F-1 to F-123 in our own words.

Tests carry the numbers as ``@pytest.mark.failure``. ``defence`` is what those tests show, not what would be nice to
have; ``cannot`` says why an entry cannot happen here at all, and stands in for a test.
"""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """One entry: what users would tell us, what keeps it from happening, or why it cannot happen."""

    title: str
    defence: str
    cannot: str = ""


_F = Failure

SECTIONS: dict[str, dict[str, Failure]] = {
    "Writes that are doubled or lost": {
        "F-1": _F(
            "an answer is lost, and the invoice is booked a second time",
            "an intent is durable before it leaves; what became of it is looked up, and only the same id with the same "
            "bytes goes out again",
        ),
        "F-2": _F(
            "everybody believes in the idempotency key, and it is not on the wire",
            "checked in the ledger of requests: each change carries one, each item of a batch its own",
        ),
        "F-3": _F(
            "sent anew after a deletion, the old answer comes back and nothing is in the books",
            "a new generation has a new request id; the answer to a create is checked against the books where it tells "
            "of something older than the request",
        ),
        "F-4": _F(
            "the record was edited while its first attempt was open",
            "the journal keeps the bytes; the open attempt is settled with them before the record is looked at again",
        ),
        "F-5": _F("the key is too long and is cut", "32 hexadecimal characters, in a batch with numbers of two digits"),
        "F-6": _F(
            "killed between the write in QuickBooks and our note of it",
            "the journal has it as sent; recovery finds what was written before anything else is done",
        ),
        "F-7": _F(
            "a job that hung is swept up and sent again",
            "nothing is ever sent again because it is old: recovery looks first",
        ),
        "F-8": _F(
            "version 0 is taken for no version", "versions are opaque text; the first edit changes the same record"
        ),
        "F-9": _F("two runs at once send the same", "one runner per company, by a lease that is checked in each write"),
        "F-10": _F(
            "somebody, or another app, entered it already",
            "what is not linked is looked for first; one certain match is linked, anything doubtful waits",
        ),
        "F-11": _F(
            "starting over sends the whole history again",
            "no command forgets links; on an empty state everything is matched before anything is created",
        ),
        "F-12": _F(
            "switched on in an established company, it makes duplicates",
            "the first run only plans; names are matched exactly, the rest by a person",
        ),
        "F-13": _F("the first run exports years of old invoices", "nothing before the start date is ever created"),
        "F-14": _F(
            "an edit is a deletion and a new record, and only half of it works",
            "records are changed in place: the same id, no removal",
        ),
        "F-15": _F(
            "one bad record, and the good ones are deleted again to clean up",
            "each write has an outcome of its own; no error is ever answered with a deletion",
        ),
        "F-16": _F(
            "requests that failed in an outage are carried out hours later, beside our retry",
            "a retry has the identity of the first attempt, whichever of the two arrives first",
        ),
        "F-17": _F(
            "payments are made up from an invoice's balance",
            "payments are read as payments; the balance only has to agree afterwards",
        ),
        "F-18": _F(
            "a line without a counterpart is left out, and the total is too low",
            "the document waits whole; the total of the answer is compared to the cent",
        ),
    },
    "Versions and conflicts": {
        "F-19": _F(
            "each payment moves the invoice's version, and our edit is refused for ever",
            "a refused version means: read again, compare with the base, go on with the new version",
        ),
        "F-20": _F(
            "the newest version is fetched just before writing, and the bookkeeper's correction is gone",
            "a write carries the version that the decision was made from",
        ),
        "F-21": _F(
            "versions are counted up by hand",
            "what is sent is what was read, and after three refusals the record waits for a person",
        ),
        "F-22": _F(
            "an update of the wrong shape blanks what it does not name",
            "header fields travel alone, lines always whole as they were read",
        ),
        "F-23": _F(
            "lines are doubled or lost on update", "lines keep their ids; repeated ones stay as many as they are"
        ),
        "F-24": _F(
            "a field that was emptied comes back",
            "empty is a value, and differs from not knowing; the base says whether it is an edit",
        ),
        "F-25": _F(
            "one side wins all fields of a record",
            "each field is compared with what was agreed and goes its own way; who wins a collision is said by field",
        ),
        "F-26": _F(
            "the last change wins, by two clocks",
            "no time decides anything: contents are compared with the base, whatever the clocks say",
        ),
        "F-27": _F(
            "void here, refused there",
            "what is paid is neither removed nor voided; what QuickBooks voided is a question for a person",
        ),
        "F-28": _F(
            "edited in the wrong system, a pair never syncs again",
            "ownership is by field: an edit on either side is an edit, and a hold has ways out",
        ),
        "F-29": _F(
            "fault codes are put into the wrong drawer",
            "one table from code to what is done, with a drawer for the unknown that stops that record alone",
        ),
    },
    "Reading what changed": {
        "F-30": _F(
            "the change feed is cut at 1,000 and nobody says so",
            "a full answer is read again entity by entity, then by pages, with the list of all ids",
        ),
        "F-31": _F("switched off for longer than the feed remembers", "then everything is read and compared"),
        "F-32": _F(
            "a reading that failed counts as nothing new",
            "failed is a type of its own; the cursor moves only with what was read",
        ),
        "F-33": _F(
            "what is not in the change feed at all never changes for us",
            "tax codes and rates are read as lists, and believed for an hour at most",
        ),
        "F-34": _F(
            "the feed's word deleted is missing, or wrong",
            "nothing is removed on the feed's word: the record is read by its id first",
        ),
        "F-35": _F(
            "a void looks like an invoice of zero",
            "a void is told by all its signs together, and an invoice of zero has not got them",
        ),
        "F-36": _F(
            "the cursor hangs on some of the rows",
            "it is the time of a complete answer, whether it held changes, deletions or nothing",
        ),
        "F-37": _F(
            "the cursor is our own clock", "it is QuickBooks' own time at the start of the answer, less an overlap"
        ),
        "F-38": _F(
            "only the first page is read", "pages are read to the end and counted against QuickBooks' own count"
        ),
        "F-39": _F("rows slip between pages", "a list that changed while it was read is read until it rests, or fails"),
        "F-40": _F("inactive records are not seen", "lists are asked for with their inactive rows"),
        "F-41": _F(
            "a row that is committed late slips behind the cursor",
            "what was changed lately is read again, and counts tell what no time tells",
        ),
        "F-42": _F(
            "the source is read from a replica that lags behind",
            "where our own last write is not to be seen, nothing that was read counts",
        ),
        "F-43": _F("a read error is taken for not there", "present, absent and unknown are three types"),
        "F-44": _F(
            "an outage of the source looks like a mass deletion", "brakes, on by default, lifted once and by number"
        ),
        "F-45": _F("one bad record stops the stream", "it is held by itself; the others and the cursor go on"),
        "F-46": _F("HTML where JSON should be", "what is no answer of the expected form is no answer"),
        "F-47": _F(
            "one object where a list should be",
            "none, one and many rows are read alike, and one that comes without its list, too",
        ),
        "F-48": _F(
            "what was deleted for good is never noticed",
            "the feed, the nightly audit and the list of all ids each find it",
        ),
    },
    "Notices and loops": {
        "F-49": _F("events come twice, late, or in the wrong order", "an event is only a hint to read"),
        "F-50": _F("slow to acknowledge, no more events", "it is acknowledged at once and worked on later"),
        "F-51": _F("events that were missed", "polling is the base; events only make it sooner"),
        "F-52": _F(
            "our own write comes back as a change, for ever",
            "what came back is the base, so an echo is nothing; a field that flips is stopped",
        ),
        "F-53": _F("events in another form", "both forms are understood, and polling does not need either"),
        "F-54": _F("events that nobody signed", "without a secret there is no endpoint, and each signature is checked"),
    },
    "Connections and companies": {
        "F-55": _F("a rotated token is not stored", "it is stored before it is used"),
        "F-56": _F("two renew at once", "one renews, the others take what it got"),
        "F-57": _F("a library renews behind our back", "one module speaks to the token endpoint"),
        "F-58": _F("a failed renewal overwrites the good tokens", "only a whole answer replaces anything"),
        "F-59": _F("a passing failure switches the connection off", "only a final no, after a second look, is final"),
        "F-60": _F("the grant dies of age", "its dates are metrics, with warnings ahead"),
        "F-61": _F("tokens of several companies in one place", "a row for each, replaced only as it was read"),
        "F-62": _F("who connected it has left", "QuickBooks' refusal stops the company and says who has to act"),
        "F-63": _F("sandbox and production mixed", "the environment is part of what is pinned, and of every key"),
        "F-64": _F("connected anew to another company", "realm and name are pinned; anybody else is refused"),
        "F-65": _F("secrets in logs", "known secrets and what looks like one are hidden wherever they stand"),
        "F-66": _F(
            "the subscription lapsed, and every write fails for days",
            "writes wait unsent and go out by themselves once it is renewed; no record is blamed",
        ),
    },
    "Limits": {
        "F-67": _F("a storm of refusals for too many requests", "one pace for the whole company, below the limits"),
        "F-68": _F("the limiter counts by itself in each worker", "all threads of a company share one, atomically"),
        "F-69": _F("the month's reads are used up", "they are counted; a quiet cycle costs one"),
        "F-70": _F(
            "batches of the wrong size",
            "a setting; a batch that is refused as too large goes out again in smaller ones",
        ),
        "F-71": _F("half a batch fails", "an outcome for each item; one that is missing is looked up"),
        "F-72": _F("our timeout is not QuickBooks'", "longer than theirs, and a timeout is an unknown outcome"),
        "F-73": _F(
            "the end of the month takes all day",
            "thirty records a request, so that the pace allows over a thousand a minute",
        ),
    },
    "Names and lists": {
        "F-74": _F(
            "the name is a vendor's or an employee's",
            "all three lists are looked at, and the record waits with the remedy",
        ),
        "F-75": _F(
            "an inactive record with a changed name is missed, and made again",
            "links are by id; the suffix is no part of a name, and one that is inactive is a question for a person",
        ),
        "F-76": _F("customers were merged", "the link follows the documents on a person's word; nothing is made anew"),
        "F-77": _F("characters that names may not have", "said before it is sent"),
        "F-78": _F("names cleaned up until they are others'", "every script goes as it is"),
        "F-79": _F("a quote breaks the look-up", "one way to write a value, shown for every text"),
        "F-80": _F("text that is too long", "it is cut where QuickBooks cuts, and compared as cut"),
        "F-81": _F("several addresses, or none", "whole addresses are kept or dropped, and the document goes"),
        "F-82": _F("something it refers to is inactive", "the record waits, with what is inactive by name"),
        "F-83": _F("a mapping breaks when somebody renames", "matches are kept by id"),
        "F-84": _F("an account of the wrong type in the settings", "checked with the settings, before the first write"),
        "F-85": _F("sub-customers and projects", "projects are matched and never written"),
        "F-86": _F(
            "the company demands fields that we do not send", "`syncd check` reads its preferences and names each"
        ),
    },
    "Numbers and dates": {
        "F-87": _F(
            "the number is taken", "the holder is read from the fault; the same document is linked, another waits"
        ),
        "F-88": _F(
            "a stranger's invoice is taken over by its number", "customer, date and total have to agree as well"
        ),
        "F-89": _F(
            "QuickBooks goes on counting in our series",
            "said at connecting; a number taken by hand is seen before ours is sent",
        ),
        "F-90": _F(
            "custom numbers are switched on or off",
            "the preference decides whether ours is sent; the one stored comes back",
        ),
        "F-91": _F("dates are off by one day", "a date has no time and no zone, wherever syncd and the books are"),
        "F-92": _F(
            "without a date it is booked on the day of the run", "the date is always sent, and always the source's"
        ),
        "F-93": _F("a closed period", "what falls into it waits; nothing is ever dated anew"),
        "F-94": _F(
            "changed inside a period that was reconciled",
            "a date up to which the books are left alone is a setting beside QuickBooks' own",
        ),
    },
    "Money, tax and payments": {
        "F-95": _F("automatic tax changes our total", "the totals are compared, and both are told to a person"),
        "F-96": _F("a line without a tax code is taxed", "each line says whether it is taxable"),
        "F-97": _F("tax off by cents", "exact amounts, no tolerance: a cent is told"),
        "F-98": _F(
            "quantity times rate is not the amount", "the amount counts; the two go along only where they make it"
        ),
        "F-99": _F("money as floats", "decimal from the wire to the database"),
        "F-100": _F("outside the US each line needs a rate", "asked for in the settings, else the document waits"),
        "F-101": _F("the customer has another currency", "a customer for each currency, matched in pairs"),
        "F-102": _F("two exchange rates", "the rate has one owner, and amounts are compared in their own currency"),
        "F-103": _F("QuickBooks uses credits by itself", "said before the first write; what it applied is taken over"),
        "F-104": _F("a payment is accepted and applied to nothing", "what it pays is compared with what was sent"),
        "F-105": _F("one payment over several invoices", "its parts are one set, sent and compared whole"),
        "F-106": _F("a payment in a deposit is locked", "it waits with that reason and is never made anew"),
        "F-107": _F(
            "a payment matched with the bank is locked to its account",
            "the account is set once; afterwards it is theirs",
        ),
        "F-108": _F("income counted twice with the bank feed", "payments go to the account that collects deposits"),
        "F-109": _F("a payment before its invoice", "it waits for it by name, and goes with it"),
        "F-110": _F(
            "a payment on an invoice that is void",
            "it is held whole: not dropped, not put on anything else, nothing reopened",
        ),
        "F-111": _F("credit memos cannot be voided", "they are removed or left; no negative invoices"),
        "F-112": _F(
            "lines that billed time hangs on", "an update sends them back as they were, with what hangs on them"
        ),
    },
    "Running it": {
        "F-113": _F(
            "the state comes from an old backup", "it is noticed, and nothing is written until links are rebuilt"
        ),
        "F-114": _F("deleted on purpose, and brought back", "what is gone stays gone until a person says otherwise"),
        "F-115": _F("stuck in progress after a crash", "each start settles what is open, and the oldest has a metric"),
        "F-116": _F(
            "work that is owed, and nobody can see it",
            "`syncd queue` lists it with its age, last error and what clears it",
        ),
        "F-117": _F("errors that only support can clear", "each hold offers its answers, and repairs clear it"),
        "F-118": _F(
            "alerts that say nothing",
            "each brake and error says what, how many, and the next command; the rules for alerts name them",
        ),
        "F-119": _F("a dry run that lies", "one planner; what was shown is what is done, in that order"),
        "F-120": _F("clients are mailed by accident", "nothing that is sent can mail"),
        "F-121": _F(
            "fields come and go with API versions", "the version is pinned on each request; unknown members are kept"
        ),
        "F-122": _F(
            "a new setting rewrites the past", "after a change of settings a run only plans until it is accepted"
        ),
        "F-123": _F(
            "safety credited to something that does not give it",
            "the fault matrix: counted in the books, not in our state",
        ),
    },
}
"""By section of the catalogue."""


def failures() -> dict[str, Failure]:
    """Every entry, without its section."""
    return {number: failure for section in SECTIONS.values() for number, failure in section.items()}
