"""What the profile onedesk promises, by area, in our own words: rows O-1 to O-36 of the acceptance list."""

from __future__ import annotations

ROWS: dict[str, dict[str, str]] = {
    "Connecting and settings": {
        "O-1": "which plan of the source is needed is told by its documentation; syncd needs none",
        "O-2": "connecting, signing in and consenting is one command",
        "O-3": "afterwards a default income account and a tax code can be set",
        "O-4": "the default income account is for items that are made; one without account is reported, not changed",
        "O-5": "the country is QuickBooks' own",
        "O-6": "whether a default tax code is needed depends on that country",
        "O-7": "the company can be disconnected, and everything is kept",
    },
    "Copying": {
        "O-8": "invoices are copied to QuickBooks",
        "O-9": "only open ones can be copied",
        "O-10": "copying is asked for, invoice by invoice",
        "O-11": "copying mails nothing",
        "O-12": "the copy is an ordinary invoice",
        "O-13": "what was copied is marked so",
        "O-14": "changes are carried over by copying again, into the same invoice",
    },
    "Sending": {
        "O-15": "sending copies the invoice and has QuickBooks mail it",
        "O-16": "the mail is QuickBooks' own",
        "O-17": "without billing e-mail in the source it is only copied, whatever QuickBooks knows",
        "O-18": "the billing e-mail is that of the client's billing contact",
    },
    "Payments": {
        "O-19": "a payment in QuickBooks appears in the source",
    },
    "Items": {
        "O-20": "service types are items, and the item decides the income account",
        "O-21": "names have to be exactly equal",
        "O-22": "an item that is not there is made on the default income account",
        "O-23": "before the first sync, what would be made can be looked through",
        "O-24": "service types are the source's own",
    },
    "Customers": {
        "O-25": "clients are matched by QuickBooks' display name",
        "O-26": "a customer that is not there is made under the client's name",
        "O-27": "contact name and e-mail go along when it is made",
        "O-28": "an existing customer's contact name and e-mail are left alone",
    },
    "Lines, tax, currency": {
        "O-29": "tax and discount are lines of their own",
        "O-30": "how the source groups lines is left out",
        "O-31": "names of tickets and tasks are shown",
        "O-32": "the currency is not sent; a document in another one than the customer's is held",
    },
    "Deletion": {
        "O-33": "deleted in the source: QuickBooks' copy stays, and is reported",
        "O-34": "deleted in QuickBooks: the source's invoice stays, and is reported",
    },
    "Facts of documents": {
        "O-35": "flat fees, blocks of hours, time and material and blank invoices all go out",
        "O-36": "rates and levels of detail are the source's own; the lines it prints are the lines that go out",
    },
}
