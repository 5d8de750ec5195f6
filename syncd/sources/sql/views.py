"""The view of the reference schema that shows what is open on each invoice, for people and their reports (R-61)."""

from __future__ import annotations


def statement(dialect: str, *, sent: bool = True) -> str:
    """What creates ``invoice_status``: what was paid and credited, the balance, and open, sent, paid, draft or void.
    ``sent``: as it is since there is that state (migration 0004).

    ``paid`` holds the credit that payments used, since their allocations contain it (C-R3). On SQLite, whose numbers
    are binary fractions, sums are made of whole ten-thousandths, so that they are exact.
    """
    if dialect == "sqlite":
        return _view("CAST(ROUND({} * 10000) AS INTEGER)", "{} / 10000.0", sent=sent)
    return _view("{}", "{}", sent=sent)


def _view(exact: str, shown: str, *, sent: bool) -> str:
    stays, open_as = ("<> 'published'", "'open'")
    if sent:
        stays, open_as = ("NOT IN ('published', 'sent')", "CASE s.state WHEN 'sent' THEN 'sent' ELSE 'open' END")
    part = exact.format("a.amount")
    balance = "s.total - s.paid - s.credited"
    # All that is put into this statement are the constant names here.
    return f"""
        CREATE VIEW invoice_status AS
        SELECT s.id AS invoice_id, {shown.format("s.paid")} AS paid, {shown.format("s.credited")} AS credited,
          {shown.format(f"({balance})")} AS balance,
          CASE WHEN s.state {stays} THEN s.state WHEN {balance} <= 0 THEN 'paid' ELSE {open_as} END AS status
        FROM (
          SELECT i.id, i.state, {exact.format("i.total")} AS total,
            COALESCE((SELECT SUM({part}) FROM payment_allocation a JOIN payment p ON p.id = a.payment_id
              WHERE a.invoice_id = i.id AND p.state = 'live'), 0) AS paid,
            COALESCE((SELECT SUM({part}) FROM credit_application_part a
              JOIN credit_application c ON c.id = a.credit_application_id
              WHERE a.invoice_id = i.id AND c.state = 'live'), 0) AS credited
          FROM invoice i
        ) s
    """  # noqa: S608 - constant names only
