"""Logs: one JSON line per event, with its context, and never a secret, whoever writes it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from syncd import log
from syncd.errors import QboUnavailable
from tests.support.logs import captured

CANARY = "c4n4ry-of-the-logs"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logs into memory; everything as it was afterwards."""
    with captured("info") as target:
        yield target


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_has_time_level_action_and_its_context(stream: io.StringIO) -> None:
    logger = log.get_logger("test")
    with log.context(company="acme", cycle="run-7"), log.context(operation="op-1"):
        logger.info("written", kind="invoice")
    logger.warning("outside")
    first, second = lines(stream)
    assert list(first)[:3] == ["time", "level", "action"]
    assert first["time"].endswith("Z")
    expected = {"action": "written", "company": "acme", "cycle": "run-7", "operation": "op-1", "kind": "invoice"}
    assert expected.items() <= first.items()
    assert "company" not in second


def test_libraries_have_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("some.library").warning("hello %s", "there")
    (line,) = lines(stream)
    assert line["action"] == "library"
    assert line["logger"] == "some.library"
    assert line["message"] == "hello there"


def test_levels_and_chatty_libraries(stream: io.StringIO) -> None:
    log.get_logger("test").debug("too much")
    logging.getLogger("apscheduler.scheduler").info("Added job")
    logging.getLogger("urllib3.connectionpool").info("Starting new HTTPS connection")
    assert lines(stream) == []


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"Authorization: Basic {CANARY}==",
        f'{{"access_token": "{CANARY}", "expires_in": 3600}}',
        f"grant_type=refresh_token&refresh_token={CANARY}&x=1",
        f"client_secret={CANARY}",
        f"postgresql+psycopg://syncd:{CANARY}@db.example.com/psa",
        f"GET /callback?state=x&code={CANARY}&realmId=1",
        f"password: '{CANARY}'",
    ],
)
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(stream: io.StringIO, text: str) -> None:
    logger = log.get_logger("test")
    logger.info("said", text=text, deep={"list": [text, {"more": text}]})
    logging.getLogger("library").error("it failed: %s", text)
    try:
        raise ValueError(text)
    except ValueError as error:
        logger.exception("broken", error=log.describe(error))
    assert CANARY not in stream.getvalue()
    assert log.HIDDEN in stream.getvalue()


@pytest.mark.parametrize("key", ["refresh_token", "client_secret", "Authorization", "db_password", "encryption_key"])
def test_what_is_called_a_secret_is_hidden(stream: io.StringIO, key: str) -> None:
    log.get_logger("test").info("said", **{key: CANARY}, inner={key: [CANARY]})
    assert CANARY not in stream.getvalue()


def test_known_secrets_are_hidden_in_any_guise(stream: io.StringIO) -> None:
    log.protect("plain-word-secret")
    log.get_logger("test").info("said", text="it is plain-word-secret here")
    logging.getLogger("library").warning("plain-word-secret")
    assert "plain-word-secret" not in stream.getvalue()


def test_a_short_secret_does_not_blot_out_everything(stream: io.StringIO) -> None:
    log.protect("a", "")
    log.get_logger("test").info("said", text="banana")
    assert lines(stream)[0]["text"] == "banana"


def test_codes_of_faults_stay_readable(stream: io.StringIO) -> None:
    log.get_logger("test").info("said", text="refused, code=5010", code="5010")
    assert lines(stream)[0]["text"] == "refused, code=5010"
    assert lines(stream)[0]["code"] == "5010"


def test_odd_values_never_break_a_line(stream: io.StringIO) -> None:
    log.get_logger("test").info("said", value=object(), raw=b"\xff", many=frozenset({1}), text="a\nb\x1b[31m")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_errors_are_described_in_one_line() -> None:
    assert log.describe(QboUnavailable("It is away.", remedy="Wait.")) == "It is away. Wait."
    assert log.describe(KeyError("x")) == "KeyError: 'x'"
    assert "\n" not in log.describe(ValueError("a\nb"))


def test_the_console_form_is_for_people(stream: io.StringIO) -> None:
    log.configure("info", "console", stream)
    log.get_logger("test").info("written", kind="invoice", token=CANARY)
    text = stream.getvalue()
    assert "written" in text
    assert "kind=invoice" in text.replace("\x1b[0m", "")
    assert CANARY not in text
    assert not text.startswith("{")
