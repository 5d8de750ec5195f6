"""The built-in QuickBooks Online look-alike ("sandbox"): a server for tests, demos and trials, on loopback only.

It is written from protocol.md and entities.md alone and shares no code with the rest of syncd. ``docs/sandbox.md`` has
the full description; this is the short one for those who code against it.

Starting it
-----------
As a process::

    python -m syncd.sandbox --port 0 --port-file F [--company '{"realm": "123", "country": "US"}' ...]
                            [--data FILE] [--clock 2026-01-05T09:00:00-08:00] [--speed 60] [--switch throttle=off ...]

In Python, in a thread (or ``process=True`` for a process that can be killed: ``sandbox.process.kill()``)::

    from syncd.sandbox.server import running_sandbox

    with running_sandbox(switches={"throttle": "off"}) as sandbox:      # data=, clock_start=, speed=, port=, process=
        realm = sandbox.create_company(country="US", custom_txn_numbers=True)
        tokens = sandbox.tokens(realm)      # access_token, refresh_token, realmId, client_id, client_secret, ...
        person = sandbox.connect(realm)     # the accountant, with a token of their own
        customer = person.save("Customer", {"DisplayName": "Ada"})
        sandbox.base_url                    # http://127.0.0.1:PORT

``RunningSandbox``: ``base_url``, ``create_company``, ``change_company``, ``tokens``, ``connect``, ``load``,
``records(realm, entity)``, ``history(realm, entity=, id=, after=)``, ``last_request``,
``requests(entity=, operation=, status=, after=)``, ``add_fault(kind, ...)``, ``clear_faults``, ``switch(...)``,
``set_clock``, ``advance``, ``set_speed``, ``admin(method, path, body)``; ``.sandbox.world`` in a thread,
``.process`` in a process.
``Accountant`` (from ``connect``): ``save``, ``read``, ``delete``, ``void``, ``query``, ``count``, ``cdc``, ``batch``,
``call``; a fault raises ``RefusedError`` with ``status``, ``code``, ``body``. Numbers come as ``Decimal`` or ``int``.
``Admin(base_url)`` gives the same methods for a server that runs elsewhere.

Addresses
---------
``{base}/v3/company/{realm}/...``  ``{base}/oauth2/v1/tokens/bearer``  ``{base}/v2/oauth2/tokens/revoke``
``{base}/connect/oauth2`` (consent page; with ``&realm=R&decision=connect`` or ``decision=deny`` it redirects at once)
``{base}/_sandbox/...`` (admin). Known from the start: the app ``sandbox-client`` / ``sandbox-secret``.

Served: CompanyInfo, Preferences (read), Customer, Item, PaymentMethod, Term, Invoice, Payment; Account, TaxCode and
TaxRate to read and query; ``/exchangerate`` to read. Other QBO entities read as empty in query and CDC and take no
writes (code 500).

Admin API (JSON; errors are ``{"error": ...}`` with 400 or 404)
---------------------------------------------------------------
``GET  /_sandbox/health``
``GET  /_sandbox/companies``, ``POST`` there with options, all optional: ``realm, name, country ("US"),
    home_currency, seed ("sample" | "empty" | {entity: [wire objects]}), default_terms`` and the changeable ones:
    ``multicurrency, custom_txn_numbers, using_sales_tax, allow_discount, allow_deposit, auto_apply_credit,
    book_close_date, warn_duplicate_numbers, subscription ("PAID"), exchange_rates {"EUR": "1.1"},
    custom_fields ["Crew #"]``
``GET | PATCH | DELETE /_sandbox/companies/{realm}`` (PATCH: the changeable options)
``PATCH /_sandbox/companies/{realm}/preferences`` a piece of Preferences to merge
``POST /_sandbox/companies/{realm}/tokens`` ``{client_id?, access_seconds?}``
``POST /_sandbox/companies/{realm}/disconnect`` all grants of the company end
``POST /_sandbox/companies/{realm}/load`` JSON lines of ``{"Invoice": {finished wire object}}``
``GET  /_sandbox/companies/{realm}/export?entity=`` the same back
``GET  /_sandbox/companies/{realm}/history?entity=&id=&after=&limit=`` every version ever: ``seq, at, entity, id, op
    (create, update, void, delete, linked, load), token, record``
``GET | POST /_sandbox/apps`` ``{client_id, client_secret, redirect_uris?}``
``GET | POST /_sandbox/clock`` ``{set?: date-time or epoch, advance_seconds?, speed?}``
``GET | PATCH /_sandbox/switches`` see ``switches.py``
``GET | POST | DELETE /_sandbox/faults``, ``DELETE /_sandbox/faults/{id}``: a rule is ``{kind, endpoint?, entity?,
    operation?, method?, realm?, nth?, count?, probability?, when? ("before" | "after" the commit), status?, code?,
    detail?, seconds?, then? ("answer" | "reset"), keep_bytes?, body?}`` with ``kind`` one of ``status, reset, stall,
    truncate, html, fault200``; ``endpoint`` one of ``entity, query, cdc, batch, token, revoke``; ``operation`` one of
    ``create, update, delete, void, read``. A lost answer is ``{"kind": "reset", "when": "after"}``.
``GET | DELETE /_sandbox/requests?entity=&operation=&status=&realm=&requestid=&after=&limit=`` the ledger
``POST /_sandbox/throttle/reset``

Throttling is on, as in QBO (10 requests a second!): start with ``switches={"throttle": "off"}`` where it is in the way.
"""

from __future__ import annotations
