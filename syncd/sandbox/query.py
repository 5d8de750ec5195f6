"""The query language: statement to ``Query`` (protocol.md 4.1, 4.2, 4.6). Evaluation is in ``select.py``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from syncd.sandbox.faults import invalid_query, unparsable

MAX_RESULTS = 1000
DEFAULT_RESULTS = 100
_LONGEST_NUMBER = 18

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<op><=|>=|!=|=|<|>)
    | (?P<mark>[(),*])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Value:
    """A literal: a quoted text, a bare boolean (``true``/``false``) or CURRENT_DATE."""

    text: str
    kind: str = "string"


@dataclass(frozen=True)
class Condition:
    """One comparison; IN has several values, everything else one."""

    member: str
    op: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Query:
    """A parsed statement."""

    entity: str
    columns: tuple[str, ...] | None = None  # None: all
    count: bool = False
    where: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()  # (member, descending)
    start: int = 1
    limit: int = DEFAULT_RESULTS


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(statement: str) -> Query:
    """Parse a statement; FaultError 4000 or 4001 says what is wrong with it."""
    return _Parser(statement).statement()


class _Parser:
    def __init__(self, statement: str) -> None:
        self._source = statement
        self._tokens = list(self._scan())
        self._place = 0

    def _scan(self) -> list[_Token]:
        tokens, at = [], 0
        while True:
            match = _TOKEN.match(self._source, at)
            if match is None:
                rest = self._source[at:].lstrip()
                column = len(self._source) - len(rest) + 1
                raise unparsable(f'Lexical error at line 1, column {column}.  Encountered: "{rest[:1]}"')
            kind = match.lastgroup or "end"
            tokens.append(_Token(kind, match.group(kind), match.start(kind)))
            if kind == "end":
                return tokens
            at = match.end()

    @property
    def _now(self) -> _Token:
        return self._tokens[self._place]

    def _fail(self) -> Exception:
        token = self._now
        line = self._source.count("\n", 0, token.at) + 1
        column = token.at - (self._source.rfind("\n", 0, token.at) + 1) + 1
        label = {"name": "IDENTIFIER", "string": "STRING", "number": "NUMBER", "end": "EOF"}.get(token.kind)
        shown = f'<{label}> "{token.text} "' if label else f'"{token.text}"'
        return unparsable(f'Encountered " {shown}" at line {line}, column {column}.')

    def _take(self) -> _Token:
        token = self._now
        self._place += 1
        return token

    def _word(self, *words: str) -> bool:
        """Consume the keywords if they come next."""
        ahead = self._tokens[self._place : self._place + len(words)]
        if [token.text.upper() for token in ahead if token.kind == "name"] != list(words):
            return False
        self._place += len(words)
        return True

    def _mark(self, mark: str) -> bool:
        if self._now.kind == "mark" and self._now.text == mark:
            self._place += 1
            return True
        return False

    def _need(self, found: bool) -> None:
        if not found:
            raise self._fail()

    def _name(self) -> str:
        self._need(self._now.kind == "name")
        return self._take().text

    def statement(self) -> Query:
        self._need(self._word("SELECT"))
        columns, count = self._columns()
        self._need(self._word("FROM"))
        entity = self._name()
        where = self._where()
        order = self._order()
        start = self._bound("STARTPOSITION", 1, 1, None)
        limit = self._bound("MAXRESULTS", DEFAULT_RESULTS, 1, MAX_RESULTS)
        self._need(self._now.kind == "end")
        return Query(entity, columns, count, where, order, start, limit)

    def _columns(self) -> tuple[tuple[str, ...] | None, bool]:
        if self._word("COUNT"):
            self._need(self._mark("(") and self._mark("*") and self._mark(")"))
            return None, True
        star, names = False, []
        while True:
            if self._mark("*"):
                star = True
            else:
                names.append(self._name())
            if not self._mark(","):
                return (None if star else tuple(names)), False

    def _where(self) -> tuple[Condition, ...]:
        if not self._word("WHERE"):
            return ()
        conditions = [self._condition()]
        while self._word("AND"):
            conditions.append(self._condition())
        return tuple(conditions)

    def _condition(self) -> Condition:
        member = self._name()
        if self._word("IN"):
            self._need(self._mark("("))
            values = [self._value()]
            while self._mark(","):
                values.append(self._value())
            self._need(self._mark(")"))
            return Condition(member, "IN", tuple(values))
        if self._word("LIKE"):
            return Condition(member, "LIKE", (self._value(),))
        self._need(self._now.kind == "op")
        return Condition(member, self._take().text, (self._value(),))

    def _value(self) -> Value:
        token = self._now
        if token.kind == "string":
            self._place += 1
            return Value(re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL))
        if token.kind == "name" and token.text.lower() in ("true", "false"):
            self._place += 1
            return Value(token.text.lower(), "boolean")
        if token.kind == "name" and token.text.upper() == "CURRENT_DATE":
            self._place += 1
            return Value("", "today")
        raise self._fail()

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if not (self._word("ORDERBY") or self._word("ORDER", "BY")):
            return ()
        keys = []
        while True:
            member = self._name()
            descending = self._word("DESC")
            if not descending:
                self._word("ASC")
            keys.append((member, descending))
            if not self._mark(","):
                return tuple(keys)

    def _bound(self, word: str, default: int, low: int, high: int | None) -> int:
        if not self._word(word):
            return default
        self._need(self._now.kind == "number" and "." not in self._now.text)
        value = int(self._take().text[:_LONGEST_NUMBER])
        if value < low:
            raise invalid_query(f"value {value} is too small. Min allowed value is {low}")
        if high is not None and value > high:
            raise invalid_query(f"value {value} is too large. Max allowed value is {high}")
        return value
