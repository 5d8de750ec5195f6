"""The built-in QuickBooks Online look-alike ("sandbox"): a server for tests, demos and trials, on loopback only.

It is written from protocol.md and entities.md alone and shares no code with the rest of syncd. ``docs/sandbox.md`` has
the full description (admin API, options, switches, faults, scenarios); this is the short one for those who code against
it.

As a process: ``python -m syncd.sandbox --port 0 --port-file F`` (``--help`` lists the rest), or ``syncd sandbox``.

In a test, with the pytest plugin of this package::

    def test_my_program(qbo_company):
        my_program.run(qbo_company.base_url, qbo_company.realm_id, qbo_company.access_token)

In Python, in a thread (or ``process=True`` for a process that can be killed: ``sandbox.process.kill()``)::

    from syncd.sandbox.server import running_sandbox

    with running_sandbox(switches={"throttle": "off"}) as sandbox:      # data=, clock_start=, speed=, port=, process=
        realm = sandbox.create_company(country="US", custom_txn_numbers=True)
        tokens = sandbox.tokens(realm)      # access_token, refresh_token, realmId, client_id, client_secret, ...
        person = sandbox.connect(realm)     # the accountant, with a token of their own
        customer = person.save("Customer", {"DisplayName": "Ada"})
        sandbox.base_url                    # http://127.0.0.1:PORT, a page to look at in a browser

``RunningSandbox``: ``base_url``, ``create_company``, ``change_company``, ``tokens``, ``connect``, ``load``,
``records(realm, entity)``, ``history(realm, entity=, id=, after=)``, ``last_request``,
``requests(entity=, operation=, status=, after=)``, ``request(seq)``, ``summary(...)``, ``add_fault(kind, ...)``,
``faults``, ``clear_faults``, ``switch(...)``, ``set_clock``, ``advance``, ``set_speed``, ``snapshot(name, realm)``,
``restore(name, realm)``, ``scenario(toml)``, ``events``, ``admin(method, path, body)``; ``.sandbox.world`` in a thread,
``.process`` in a process.
``Accountant`` (from ``connect``): ``save``, ``read``, ``delete``, ``void``, ``query``, ``count``, ``cdc``, ``batch``,
``call``; a fault raises ``RefusedError`` with ``status``, ``code``, ``body``. Numbers come as ``Decimal`` or ``int``.
``Admin(base_url)`` gives the same methods for a server that runs elsewhere.

Addresses: ``{base}/v3/company/{realm}/...``, ``{base}/oauth2/v1/tokens/bearer``, ``{base}/v2/oauth2/tokens/revoke``,
``{base}/connect/oauth2`` (consent page; with ``&realm=R&decision=connect`` or ``decision=deny`` it redirects at once),
``{base}/_sandbox/...`` (admin), ``{base}/`` (page). Known from the start: the app ``sandbox-client`` with the secret
``sandbox-secret``.

A lost answer is ``sandbox.add_fault("reset", when="after", entity="Invoice", operation="create")``. Throttling is on,
as in QBO (10 requests a second!): start with ``switches={"throttle": "off"}`` where it is in the way.
"""

from __future__ import annotations
