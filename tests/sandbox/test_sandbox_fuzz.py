"""Whatever is sent: a proper answer, no fault of the server's own, and nothing changed by what was refused.

Derived from valid requests; ``SYNCD_HYPOTHESIS_PROFILE=nightly`` tries many times as much.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.sandbox.server import Accountant, RunningSandbox, running_sandbox
from syncd.sandbox.specs import SPECS
from tests.support.hostile import Answer, ErrorLog, Wire, broken, check, damaged, error_log
from tests.support.valid import BILL, CREATES, FORM, METADATA, TAX_SERVICE

tries = settings(max_examples=settings().max_examples // 2)
Json = dict[str, Any]
Headers = list[tuple[str, str]]
JSON_HEADERS: Headers = [("Accept", "application/json"), ("Content-Type", "application/json")]
REALM = "4620816365000000001"


class Target:
    """The server under fire, one company in it, and the means to see whether it changed."""

    def __init__(self, running: RunningSandbox, log: ErrorLog) -> None:
        assert running.sandbox is not None
        self._sandbox = running.sandbox
        self.log = log
        self.wire = Wire(urlsplit(running.base_url).port or 80)
        self.person = _prepared(running)
        self.token = self.person.tokens["access_token"]
        self.records = {
            entity: [record.body for record in table.rows(True)]
            for entity, table in self._sandbox.world.companies[REALM].book.tables.items()
            if SPECS[entity].operations
        }
        self._sandbox.snapshots.take(REALM, "start")
        self._versions = len(self._sandbox.world.companies[REALM].book.history)

    @property
    def state(self) -> tuple[int, dict[str, int], int]:
        """What a refused request must leave as it is."""
        book = self._sandbox.world.companies[REALM].book
        raws = [record.raw for table in book.tables.values() for record in table.records.values()]
        return len(book.history), dict(book.counters), hash(tuple(raws))

    def again(self) -> None:
        """Back to the beginning, where something was changed."""
        if len(self._sandbox.world.companies[REALM].book.history) != self._versions:
            self._sandbox.snapshots.restore(REALM, "start")

    def call(self, method: str, path: str, headers: Headers, body: bytes | None = None, token: bool = True) -> Answer:
        """One request to the accounting API, and all that must be true of its answer and of the books after it."""
        self.again()
        return self.more(method, path, headers, body, token)

    def more(self, method: str, path: str, headers: Headers, body: bytes | None = None, token: bool = True) -> Answer:
        """The same on top of what was done before."""
        before, self.log.lines = self.state, []
        signed = [("Authorization", f"Bearer {self.token}"), *headers] if token else headers
        answer = self.wire.ask(method, path if path.startswith("/") else f"/v3/company/{REALM}/{path}", signed, body)
        faults = check(answer, method)
        assert self.log.lines == []
        content = answer.content if faults else {}
        items = content.get("BatchItemResponse", content.get("AttachableResponse", []))
        if answer.status != 200 or (faults and len(faults) >= len(items)):
            assert self.state == before
        return answer

    def look(self, entity: str, headers: Headers) -> None:
        """Every way of reading an entity still works, whatever was written."""
        for tail in ("", "where MetaData.LastUpdatedTime > '2026-01-01' orderby MetaData.LastUpdatedTime desc"):
            statement = f"select * from {entity} {tail} maxresults 1000"
            assert self.more("GET", f"query?query={quote(statement)}", headers).status == 200
        if SPECS[entity].in_cdc:
            since = (datetime.now(UTC) - timedelta(days=20)).isoformat()
            assert self.more("GET", f"cdc?entities={entity}&changedSince={quote(since)}", headers).status == 200


def _prepared(running: RunningSandbox) -> Accountant:
    running.create_company(
        realm=REALM, multicurrency=True, exchange_rates={"EUR": 1.2}, custom_fields=["Crew"], track_departments=True,
        class_tracking_per_line=True, default_tax_code="2",
    )  # fmt: skip
    person = running.connect(REALM)
    assert person.save("Customer", {"DisplayName": "Ada", "PrimaryEmailAddr": {"Address": "a@b.co"}})["Id"] == "1"
    assert person.save("Vendor", {"DisplayName": "Bob"})["Id"] == "2"
    assert person.save("Class", {"Name": "Red"})["Id"] == "5000000000000000001"
    for number, (entity, body) in enumerate((("Invoice", FORM), ("Bill", BILL)), 101):
        assert person.save(entity, {**body, "DocNumber": f"D-{number}"})["Id"] == str(number)
    for entity, body in CREATES:
        path = {"ExchangeRate": "exchangerate"}.get(entity, entity.lower())
        person.call("POST", path, body)
    person.call("POST", "taxservice/taxcode", {**TAX_SERVICE, "TaxCode": "First"})
    return person


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with error_log() as log, running_sandbox(switches={"throttle": "off", "batch_shuffle": False}) as running:
        found = Target(running, log)
        yield found
        found.wire.close()


def entity_bodies(target: Target) -> st.SearchStrategy[tuple[str, Json]]:
    """Creates, and full and sparse updates and slim bodies of what is there, each with its entity."""
    rows = [(entity, row) for entity, rows in target.records.items() for row in rows]
    updates = [(entity, row) for entity, row in rows if "Id" in row]
    sparse = [(entity, {**row, "sparse": True}) for entity, row in updates]
    slim = [(entity, {"Id": row["Id"], "SyncToken": row.get("SyncToken", "0")}) for entity, row in updates]
    return st.one_of(*map(st.sampled_from, (CREATES, updates, sparse, slim)))


WAYS = st.sampled_from(
    ("",) * 8
    + (
        "operation=update", "operation=delete", "operation=void", "operation=update&include=void", "operation=revert",
        "include=void", "include=allowduplicatedocnum", "operation=DELETE", "operation=", "minorversion=75",
        "requestid=7", "minorversion=-1", "requestid=" + "9" * 60, "requestid=%00", "operation=%F0%9F%98%80",
    )
)  # fmt: skip
ACCEPTS = st.sampled_from(("application/json",) * 4 + ("application/xml", "*/*", "text/html, application/json;q=0.1"))


@tries
@given(data=st.data())
def test_bodies_of_records(target: Target, data: st.DataObject) -> None:
    entity, body = data.draw(entity_bodies(target))
    text = data.draw(damaged(st.just(body)))
    way = data.draw(WAYS)
    headers = [("Accept", data.draw(ACCEPTS)), ("Content-Type", "application/json")]
    raw = text.encode("utf-8", "surrogatepass")
    answer = target.call("POST", f"{entity.lower()}{'?' if way else ''}{way}", headers, raw)
    if answer.status == 200:
        held = answer.content.get(entity, {}) if answer.headers["content-type"].startswith("application/json") else {}
        again = data.draw(damaged(st.just(held))) if held else "{}"
        target.more("POST", entity.lower(), JSON_HEADERS, again.encode("utf-8", "surrogatepass"))
        target.look(entity, headers)


SERVICES = [("taxservice/taxcode", TAX_SERVICE), ("exchangerate", dict(CREATES)["ExchangeRate"])]


@tries
@given(data=st.data())
def test_bodies_of_services_and_preferences(target: Target, data: st.DataObject) -> None:
    single = [(name.lower(), row) for name in ("Preferences", "CompanyInfo") for row in target.records[name]]
    path, body = data.draw(st.sampled_from([*SERVICES, *single]))
    target.call("POST", path, JSON_HEADERS, data.draw(damaged(st.just(body))).encode("utf-8", "surrogatepass"))


KINDS = st.sampled_from(
    ("application/json",) * 16
    + ("application/json; charset=latin-1", "text/plain", "", "application/xml", "multipart/form-data", "a/b;;=")
)
ENCODINGS = st.sampled_from(("",) * 16 + ("gzip", "deflate", "br", "identity", "gzip, gzip", "\xff"))


@tries
@given(data=st.data())
def test_broken_bytes(target: Target, data: st.DataObject) -> None:
    entity, body = data.draw(entity_bodies(target))
    raw = data.draw(broken(damaged(st.just(body), most=1)))
    encoding = data.draw(ENCODINGS)
    headers = [("Accept", data.draw(ACCEPTS)), ("Content-Type", data.draw(KINDS))]
    if encoding:
        headers.append(("Content-Encoding", encoding))
        raw = gzip.compress(raw) if encoding == "gzip" and data.draw(st.booleans()) else raw
    if data.draw(st.integers(0, 9)) == 0:
        headers.append(("Transfer-Encoding", "chunked"))
    target.call("POST", entity.lower(), headers, raw)


WORDS = (
    "select", "*", "from", "where", "and", "or", "not", "in", "like", "order", "by", "orderby", "startposition",
    "maxresults", "count(*)", "count", "(", ")", ",", "*", "=", "<", ">", "<=", ">=", "!=", "'", "''", "\\'", "'a'",
    "'1'", "'%'", "'\\\\'", "1", "-1", "0", "1001", "99999999999999999999", "1e5", ".5", "true", "false", "null",
    "current_date", "Customer", "Invoice", "Payment", "Bill", "Account", "TaxCode", "Attachable", "ExchangeRate",
    "CompanyInfo", "Nothing", "Id", "DisplayName", "TotalAmt", "Balance", "TxnDate", "Active",
    "MetaData.LastUpdatedTime", "CustomerRef", "AttachableRef.EntityRef.value", "Line", "Metadata", "asc", "desc",
    "'2026-01-01'", "'2026-13-45'", "'2026-01-01T00:00:00+99:99'", "'0001-01-01'", "'9999-12-31T23:59:59-14:00'",
    "'NaN'", "'1e400'", "'+1'", "'٣'", ";",
)  # fmt: skip
STATEMENTS = (
    "select * from Invoice where TxnDate >= '2026-01-01' and TotalAmt > '5' orderby TxnDate desc startposition 1 "
    "maxresults 5",
    "select count(*) from Customer where Active in (true, false)",
    "select Id, DisplayName from Customer where DisplayName like '%a%' order by DisplayName asc",
    "select * from Payment where MetaData.LastUpdatedTime > '2026-01-01T00:00:00-08:00' and CustomerRef = '1'",
    "select * from Attachable where AttachableRef.EntityRef.type = 'Invoice' and AttachableRef.EntityRef.value = '101'",
    "select * from ExchangeRate where sourcecurrencycode in ('EUR', 'USD') and asofdate = '2026-01-05'",
)


@st.composite
def statements(draw: st.DrawFn) -> str:
    """A valid statement with words taken out, put in or replaced; or words in any order."""
    valid = draw(st.integers(0, 5)) > 0
    words = draw(st.sampled_from(STATEMENTS)).split() if valid else draw(st.lists(st.sampled_from(WORDS)))
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2, 4)))):
        at = draw(st.integers(0, len(words)))
        deed = draw(st.sampled_from(("put", "replace", "replace", "drop", "odd")))
        new = [] if deed == "drop" else [draw(st.text(max_size=8) if deed == "odd" else st.sampled_from(WORDS))]
        words[at : at + (deed != "put")] = new
    return draw(st.sampled_from((" ", " ", " ", "  \n", ""))).join(words)


@tries
@given(statement=statements(), posted=st.booleans(), accept=ACCEPTS)
def test_query_statements(target: Target, statement: str, posted: bool, accept: str) -> None:
    raw = statement.encode("utf-8", "surrogatepass")
    if posted:
        target.call("POST", "query", [("Accept", accept), ("Content-Type", "application/text")], raw)
    else:
        target.call("GET", f"query?query={quote(raw)}", [("Accept", accept)])


PARTS = (
    "customer", "invoice", "Invoice", "INVOICE", "invoic", "bill", "query", "cdc", "batch", "upload", "download",
    "reports", "reports/ProfitAndLoss", "companyinfo", "preferences", "exchangerate", "taxservice", "taxcode",
    "attachable", "attachable-thumbnail", "recurringtransaction", "creditcardpayment", "1", "101", "102", "0", "-1",
    "9" * 30, "pdf", "send", "x" * 300, "%00", "%2e%2e", "..", ".", "%ff%fe", "%F0%9F%98%80", "%2F", "a%20b", "%",
    "%zz", ";v=1", "'", '"', "{realm}", "__class__", REALM, "%D9%A3",
)  # fmt: skip
PATHS = (
    "customer/1", "invoice/101", "invoice/101/pdf", "invoice/101/send", "bill/102", "query", "cdc", "batch", "upload",
    "companyinfo/1", f"companyinfo/{REALM}", "preferences", "exchangerate", "download/1", "taxcode/TAX",
    "taxservice/taxcode", "attachable-thumbnail/1", "estimate/9/send", "companycurrency/EUR", "reports/x", "invoice",
)  # fmt: skip
NAMES = st.sampled_from(
    ("operation", "include", "requestid", "minorversion", "query", "entities", "changedSince", "changedsince", "sendTo",
     "sourcecurrencycode", "asofdate", "Operation", "", "x", "include[]")
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        ("", "delete", "void", "update", "75", "-1", "1e9", "٣", "Customer,Invoice", "Nothing", ",", "*", "a@b", "\0",
         "2026-01-01", "2026-01-01T00:00:00", "0000-00-00", "9999-12-31T23:59:59Z", "EUR", "eur", "USD", "XXXX",
         "x" * 4000,
         "invoiceLink", "enhancedAllCustomFields", "allowduplicatedocnum", "2026-02-30", "1" * 51, "a@b.co", "@", "<x>")
    ),
    st.text(max_size=6),
)  # fmt: skip
ROOTS = st.sampled_from(
    (f"/v3/company/{REALM}/",) * 40
    + ("/v3/company/", "/v3/company/1/", "/v3/company//", f"/v3/company/{REALM}", "/v4/company/1/", "/v3", "/x/",
       f"/v3/company/{REALM}%00/", "/V3/Company/1/", "/v3/company/%D9%A3/", f"//v3/company/{REALM}/", "/v2/oauth2/x")
)  # fmt: skip
METHODS = st.sampled_from(("GET",) * 6 + ("POST",) * 4 + ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PROPFIND"))


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """A path that may be one: a good one, one with a part put in, replaced or left out, or parts in any order."""
    parts = draw(st.sampled_from(PATHS)).split("/")
    deed = draw(st.sampled_from(("good", "good", "put", "replace", "drop", "any")))
    at = draw(st.integers(0, len(parts)))
    if deed == "any":
        parts = draw(st.lists(st.sampled_from(PARTS), max_size=4))
    elif deed != "good":
        parts[at : at + (deed != "put")] = [] if deed == "drop" else [draw(st.sampled_from(PARTS))]
    return str(draw(ROOTS)) + "/".join(parts)


@tries
@given(data=st.data())
def test_addresses_parameters_and_methods(target: Target, data: st.DataObject) -> None:
    path = data.draw(addresses())
    pairs = data.draw(st.lists(st.tuples(NAMES, VALUES), max_size=3))
    joined = urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in pairs])
    tail = data.draw(
        st.sampled_from(("", "", "", "&", "&&=", "%", "?", "&a=%ff", "&requestid", ";x", "&" + "y" * 9000))
    )
    method = data.draw(METHODS)
    body = None if method in ("GET", "HEAD") else data.draw(st.sampled_from((b"", b"{}", b"[]", b"x", b'{"Id":"1"}')))
    target.call(method, f"{path}?{joined}{tail}", [("Accept", data.draw(ACCEPTS)), JSON_HEADERS[1]], body)


LONG = "x" * 5000
AUTHORIZATIONS = st.sampled_from(
    ("", "Bearer", "Bearer ", "bearer {token}", "BEARER  {token}", "Bearer {token} ", "Bearer x{token}", "Bearer \t",
     "Basic {token}", "Bearer {token},{token}", f"Bearer {LONG}", "{token}", "Bearer \xe9", "OAuth oauth_token={token}",
     "\xff")
)  # fmt: skip
ODD_HEADERS = st.sampled_from(
    (
        ("Accept", ""), ("Accept", "json"), ("Accept", "\xe9"), ("Accept", "application/pdf"), ("Accept", LONG),
        ("Accept-Encoding", "gzip"), ("Accept-Encoding", "gzip;q=0"), ("Accept-Encoding", ";;q=x,\xff"),
        ("Content-Type", "\xff/\xfe"), ("Content-Encoding", "x" * 200), ("X-Forwarded-Proto", "javascript:"),
        ("If-None-Match", "*"), ("Range", "bytes=0-1"), ("Cookie", "a=b"), ("User-Agent", ""), ("Date", "yesterday"),
        ("Origin", "null"), ("intuit_tid", "mine"), ("X-HTTP-Method-Override", "DELETE"), ("Request-Id", LONG),
    )
)  # fmt: skip


@tries
@given(
    authorization=AUTHORIZATIONS,
    headers=st.lists(ODD_HEADERS, max_size=4),
    path=st.sampled_from(("invoice/101", "invoice/101/pdf", "query?query=select%20*%20from%20Customer", "cdc")),
)
def test_headers(target: Target, authorization: str, headers: Headers, path: str) -> None:
    signed = [("Authorization", authorization.replace("{token}", target.token))] if authorization else []
    target.call("GET", path, [*signed, *headers], token=False)


def batches(target: Target) -> st.SearchStrategy[Json]:
    bodies = st.one_of(
        entity_bodies(target).flatmap(
            lambda one: st.fixed_dictionaries(
                {"operation": st.sampled_from(("create", "update", "delete", "void", "send")), one[0]: st.just(one[1])},
                optional={"optionsData": st.sampled_from(("void", "allowduplicatedocnum"))},
            )
        ),
        st.sampled_from(STATEMENTS).map(lambda text: {"Query": text}),
        st.just({"CDCQuery": {"Entities": "Customer,Invoice", "ChangedSince": "2026-01-01"}}),
    )
    numbered = st.lists(bodies, min_size=1, max_size=4).map(
        lambda items: [{"bId": f"b{place}", **item} for place, item in enumerate(items)]
    )
    return st.fixed_dictionaries({"BatchItemRequest": numbered})


@tries
@given(data=st.data(), requestid=st.sampled_from(("", "", "?requestid=1", "?requestid=" + "2" * 40)))
def test_batches(target: Target, data: st.DataObject, requestid: str) -> None:
    text = data.draw(damaged(batches(target)))
    answer = target.call("POST", f"batch{requestid}", JSON_HEADERS, text.encode("utf-8", "surrogatepass"))
    if answer.status == 200:
        assert isinstance(answer.content["BatchItemResponse"], list)


@st.composite
def uploads(draw: st.DrawFn) -> tuple[str, bytes]:
    """Content-Type and body of a multipart upload, more or less in order."""
    parts = []
    for at in range(draw(st.integers(0, 3))):
        suffix = draw(st.sampled_from((f"_{at}", f"_{at:02d}", "", "_\xe9", "_0")))
        text = draw(damaged(st.just(METADATA), most=1)).encode("utf-8", "surrogatepass")
        kind = draw(st.sampled_from(("application/json", "text/plain", "", "x/y")))
        name = draw(st.sampled_from(("file_metadata", "file_metadata", "file_content", "other", "")))
        parts.append(
            f'Content-Disposition: form-data; name="{name}{suffix}"\r\nContent-Type: {kind}'.encode() + text_part(text)
        )
        disposition = draw(
            st.sampled_from(
                ('; filename="a.txt"', '; filename="b.exe"', "", "; filename=", '; filename="\xe9\x00"', ';filename*=x',
                 f'; filename="{LONG}.pdf"')
            )
        )  # fmt: skip
        coding = draw(
            st.sampled_from(("", "\r\nContent-Transfer-Encoding: base64", "\r\nContent-Transfer-Encoding: x"))
        )
        head = (
            f'Content-Disposition: form-data; name="file_content{suffix}"{disposition}\r\nContent-Type: {kind}{coding}'
        )
        parts.append(
            head.encode() + text_part(draw(st.sampled_from((b"", b"hello", b"aGVsbG8=", b"\xff\x00", b"a=b"))))
        )
    body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + draw(
        st.sampled_from((b"--B--\r\n", b"--B--", b""))
    )
    spoilt = draw(st.one_of(st.just(body), broken(st.just(body.decode("latin-1")))))
    kind = draw(st.sampled_from(("multipart/form-data; boundary=B",) * 5 + ("multipart/form-data", "text/plain", "")))
    return kind, spoilt


def text_part(content: bytes) -> bytes:
    return b"\r\n\r\n" + content


@tries
@given(upload=uploads(), accept=ACCEPTS)
def test_uploads(target: Target, upload: tuple[str, bytes], accept: str) -> None:
    kind, body = upload
    target.call("POST", "upload", [("Accept", accept), ("Content-Type", kind)], body)


OAUTH = st.sampled_from(
    ("/oauth2/v1/tokens/bearer",) * 3
    + ("/v2/oauth2/tokens/revoke", "/connect/oauth2", "/v1/openid_connect/userinfo", "/op/v1/jwks",
       "/.well-known/openid_configuration")
)  # fmt: skip
FORM_NAMES = st.sampled_from(
    ("grant_type", "refresh_token", "code", "redirect_uri", "client_id", "client_secret", "scope", "state", "realm",
     "decision", "response_type", "token", "")
)  # fmt: skip
FORM_VALUES = st.one_of(
    st.sampled_from(
        ("refresh_token", "authorization_code", "password", "sandbox-client", "sandbox-secret", "code", "openid",
         REALM, "com.intuit.quickbooks.accounting", "http://127.0.0.1/cb", "javascript:alert(1)", "connect", "deny",
         "\0", LONG)
    ),
    st.text(max_size=5),
)  # fmt: skip
CREDENTIALS = st.sampled_from((b"sandbox-client:sandbox-secret", b"sandbox-client:x", b":", b"", b"\xff:\xfe", b"a"))


@tries
@given(
    path=OAUTH,
    method=METHODS,
    form=st.dictionaries(FORM_NAMES, FORM_VALUES, max_size=6),
    credentials=CREDENTIALS,
    spoil=st.sampled_from((b"", b"", b"%", b"\xff", b"{", b'{"token":1}', b'{"token":"x"}', b"[[")),
)
def test_oauth_forms(
    target: Target, path: str, method: str, form: dict[str, str], credentials: bytes, spoil: bytes
) -> None:
    encoded = urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in form.items()})
    blob = base64.b64encode(credentials).decode()
    target.log.lines = []
    kind = "application/json" if spoil.startswith(b"{") else "application/x-www-form-urlencoded"
    headers = [("Authorization", f"Basic {blob}"), ("Accept", "application/json"), ("Content-Type", kind)]
    bodiless = method in ("GET", "HEAD")
    address = f"{path}?{encoded}"[:8000] if bodiless else path
    answer = target.wire.ask(method, address, headers, None if bodiless else encoded.encode() + spoil)
    assert target.log.lines == []
    assert answer.status in (200, 302, 400, 401, 403, 405, 414), (answer.status, answer.body[:300])
    assert answer.headers["intuit_tid"]
    if answer.status >= 400 and method != "HEAD" and not answer.headers["content-type"].startswith("text/html"):
        assert isinstance(answer.content["error"], str)
