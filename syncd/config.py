"""The configuration: one TOML file, overridden by the environment, with its secrets in files of their own.

It is checked whole. Every problem found is named with its file, its key, what was found and what is expected (never
with a secret's value), all of them in one ``ConfigError``; nothing starts before the list is empty.

* ``SYNCD__POLL_INTERVAL_SECONDS=60`` overrides ``[syncd] poll_interval_seconds``; ``SYNCD__HTTP__PORT=9000`` a key of
  ``[http]``; ``SYNCD__COMPANY__0__QBO__CLIENT_ID=…`` a key of the first ``[[company]]``.
* Any secret ``name`` may be given as ``name_file``: a path, or ``credential:ID`` for a systemd credential.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import difflib
import json
import os
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import time
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin
from urllib.parse import unquote, urlsplit

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PrivateAttr,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from syncd import profiles
from syncd.errors import ConfigError
from syncd.model.facts import Settings
from syncd.model.values import decimal_of
from syncd.qbo.settings import QboConfig
from syncd.reconciler.policy import Limits
from syncd.sources.settings import SqlSourceConfig

DEFAULT_PATH = Path("/etc/syncd/config.toml")
ENVIRONMENT_PREFIX = "SYNCD__"
CREDENTIAL_SCHEME = "credential:"

_SECTIONS = frozenset({"http", "company"})
_TELLING = ("secret", "password", "token", "key", "url")
_STATE_URL = re.compile(r"sqlite:///.+|postgresql\+psycopg://.+")
_Tree: TypeAlias = "dict[str, Any]"
_Loc: TypeAlias = "tuple[str | int, ...]"


class _Struct:
    """Lets pydantic check a msgspec struct field by field, so that all faults of a section are reported at once."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields: dict[str, Any] = {}
        for field in msgspec.structs.fields(source):
            default = field.default
            if default is msgspec.NODEFAULT:
                default = field.default_factory()
            bounds = Field(ge=0, le=100 if field.name.endswith("_percent") else None)
            fields[field.name] = (Annotated[int, bounds] if field.type is int else field.type, default)
        mirror = create_model(source.__name__, __config__=ConfigDict(extra="forbid"), **fields)

        def build(checked: BaseModel) -> Any:
            return source(**{name: getattr(checked, name) for name in fields})

        return core_schema.no_info_after_validator_function(
            build,
            handler(mirror),
            serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins),
        )


class _Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SyncdConfig(_Section):
    """``[syncd]``: what the service as a whole needs."""

    state_url: SecretStr
    encryption_key: SecretStr
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    poll_interval_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    poll_jitter_seconds: Annotated[int, Field(ge=0, le=3_600)] = 15
    audit_time: str = "02:30"

    @field_validator("state_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        if _STATE_URL.fullmatch(value.get_secret_value()) is None:
            raise ValueError("a URL such as sqlite:////var/lib/syncd/state.db or postgresql+psycopg://…")
        return value

    @field_validator("encryption_key")
    @classmethod
    def _usable_key(cls, value: SecretStr) -> SecretStr:
        keys = value.get_secret_value().split()
        with contextlib.suppress(binascii.Error, ValueError):
            if keys and all(len(base64.b64decode(key, altchars=b"-_", validate=True)) == 32 for key in keys):
                return value
        raise ValueError("keys as `syncd token-key` prints them, one on each line, the newest first")

    @field_validator("audit_time")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        if value and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value) is None:
            raise ValueError('a time of day in UTC such as "02:30", or "" for no nightly audit')
        return value

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        """The keys that tokens are encrypted with, the newest first; older ones still decrypt."""
        return tuple(self.encryption_key.get_secret_value().split())

    @property
    def audit_at(self) -> time | None:
        """When the nightly audit starts (UTC), or None for never."""
        return time.fromisoformat(self.audit_time) if self.audit_time else None


class HttpConfig(_Section):
    """``[http]``: the one port with metrics and health. There is no password: keep it on loopback or behind a proxy."""

    bind: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    max_body_bytes: Annotated[int, Field(ge=0, le=16_777_216)] = 65_536
    max_concurrency: Annotated[int, Field(ge=1, le=1_000)] = 32


class CompanyConfig(_Section):
    """``[[company]]``: one QBO company paired with one source. ``profile`` has no default: a wrong one moves money."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    profile: str
    qbo: QboConfig
    source: SqlSourceConfig
    settings: Annotated[Settings, _Struct()] = Settings()
    limits: Annotated[Limits, _Struct()] = Limits()

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, value: str) -> str:
        if value not in profiles.NAMES:
            raise ValueError(f"one of the profiles {', '.join(profiles.NAMES)}")
        return value

    @field_validator("settings")
    @classmethod
    def _amounts(cls, value: Settings) -> Settings:
        if value.amount_ceiling:
            try:
                decimal_of(value.amount_ceiling)
            except ValueError:
                raise ValueError('amount_ceiling as an amount such as "25000.00", or "" for none') from None
        return value


class AppConfig(_Section):
    """The whole configuration, checked."""

    syncd: SyncdConfig
    http: HttpConfig = HttpConfig()
    company: tuple[CompanyConfig, ...]
    _path: Path = PrivateAttr(default=DEFAULT_PATH)

    @field_validator("company")
    @classmethod
    def _some_company(cls, value: tuple[CompanyConfig, ...]) -> tuple[CompanyConfig, ...]:
        if not value:
            raise ValueError("at least one [[company]]")
        return value

    @property
    def path(self) -> Path:
        """The file this was read from."""
        return self._path

    @property
    def companies(self) -> tuple[CompanyConfig, ...]:
        """Every company, in the order of the file."""
        return self.company

    def secrets(self) -> frozenset[str]:
        """Every secret value, for the redaction of logs. Of a URL only its password is one."""
        return frozenset(_secret_values(self))

    def named(self, name: str) -> CompanyConfig:
        """The company of that name; ``ConfigError`` with the names there are, if there is none."""
        for company in self.company:
            if company.name == name:
                return company
        known = ", ".join(company.name for company in self.company)
        raise ConfigError(f"{self.path} has no company {name!r}.", remedy=f"It has: {known}.")


def load_config(path: Path, environ: Mapping[str, str] | None = None) -> AppConfig:
    """Read and check the configuration; ``ConfigError`` with every problem there is, or the usable result."""
    loader = _Loader(path, os.environ if environ is None else environ)
    return loader.load()


def setting_names() -> tuple[str, ...]:
    """Every key that the file may hold, dotted, as docs/configuration.md lists them (it leaves the mapping's own keys
    to docs/source-sql.md)."""
    deep = "company.source.mapping."
    names = (name if not name.startswith(deep) else deep[:-1] for name in _dotted(AppConfig, ""))
    return tuple(dict.fromkeys(names))


class _Loader:
    """Reads one file. Faults gather in ``problems``; only what cannot be read at all ends it early."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.environ = environ
        self.problems: list[str] = []
        self.reported: set[_Loc] = set()

    def load(self) -> AppConfig:
        tree = self._read()
        written_here = list(_secrets_in(AppConfig, tree))
        self._override(tree)
        self._check_own_mode(written_here)
        self._fill_secrets(AppConfig, tree, ())
        self._cross_check(tree)
        config = self._validate(tree)
        if self.problems or config is None:
            raise ConfigError(
                f"{self.path} cannot be used; nothing was started.", problems=tuple(dict.fromkeys(self.problems))
            )
        config._path = self.path
        return config

    def problem(self, loc: _Loc, found: str, expected: str, origin: str = "") -> None:
        self.reported.add(loc)
        key = _key_text(loc)
        self.problems.append(f"{origin or self.path}: {key}: found {found}; expected {expected}")

    def _read(self) -> _Tree:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(
                f"There is no configuration file {self.path}.",
                remedy=f"Make one with: syncd init --config {self.path}",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError(f"{self.path} cannot be read: {reason}.") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{self.path} is not valid TOML: {_safe_toml_fault(error)}.") from None

    def _override(self, tree: _Tree) -> None:
        for name, value in sorted(self.environ.items()):
            if not name.startswith(ENVIRONMENT_PREFIX):
                continue
            parts = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            loc: _Loc = tuple(int(part) if part.isdigit() else part for part in parts)
            if loc[0] not in _SECTIONS:
                loc = ("syncd", *loc)
            annotation = _at(AppConfig, loc)
            stem = _at(AppConfig, (*loc[:-1], str(loc[-1]).removesuffix("_file")))
            if annotation is None and not _is_secret(stem):
                self.problem(loc, "a variable for no known key", self._expected_key(loc), origin=f"environment {name}")
                continue
            parent = _parent(tree, loc)
            if parent is None:
                self.problem(loc, "a variable", "this entry in the file first", origin=f"environment {name}")
                continue
            last = str(loc[-1])
            parent.pop(last.removesuffix("_file") if last.endswith("_file") else f"{last}_file", None)
            parent[last] = value if _is_secret(annotation) else _from_text(value)

    def _check_own_mode(self, written_here: list[_Loc]) -> None:
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(self.path.stat().st_mode)
            if mode & 0o077:
                for loc in written_here:
                    self.problem(
                        loc,
                        f"a secret in a file that others can read (mode {mode:04o})",
                        f"{loc[-1]}_file instead, or: chmod 600 {self.path}",
                    )

    def _fill_secrets(self, annotation: Any, node: Any, loc: _Loc) -> None:
        """Replace every ``name_file`` of a secret ``name`` by what is in that file."""
        if isinstance(node, list):
            for index, child in enumerate(node):
                self._fill_secrets(_step(annotation, index), child, (*loc, index))
            return
        if not isinstance(node, dict) or annotation is None:
            return
        for key in list(node):
            name = key.removesuffix("_file")
            if name != key and _step(annotation, key) is None and _is_secret(_step(annotation, name)):
                where = node.pop(key)
                self.reported.add((*loc, name))
                if name in node:
                    self.problem((*loc, key), f"both {name} and {key}", "one of them")
                elif not isinstance(where, str) or not where:
                    self.problem((*loc, key), "no text", "a path, or credential:NAME")
                else:
                    self._read_secret(node, name, where, (*loc, key))
            else:
                self._fill_secrets(_step(annotation, key), node[key], (*loc, key))

    def _read_secret(self, node: _Tree, name: str, where: str, loc: _Loc) -> None:
        granted = where.startswith(CREDENTIAL_SCHEME)
        if granted:
            ident = where.removeprefix(CREDENTIAL_SCHEME)
            folder = self.environ.get("CREDENTIALS_DIRECTORY", "")
            if not folder:
                expected = f"a unit with LoadCredential={ident}:/path, or a path here"
                self.problem(loc, f"{where}, but no $CREDENTIALS_DIRECTORY", expected)
                return
            if not ident or "/" in ident:
                self.problem(loc, where, "credential:NAME, a plain name")
                return
            path = Path(folder) / ident
        else:
            path = self.path.parent / where
        try:
            info = path.stat()
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            self.problem(loc, f"{path} ({reason})", "a readable file that holds the secret")
            return
        mode = stat.S_IMODE(info.st_mode)
        by_systemd = granted and info.st_uid in {0, os.geteuid()} and not mode & 0o007
        if mode & 0o077 and not by_systemd:
            self.problem(loc, f"{path}, readable by others (mode {mode:04o})", f"a private file: chmod 600 {path}")
        elif not text:
            self.problem(loc, f"{path}, which is empty", "a file that holds the secret")
        else:
            node[name] = text
            self.reported.discard((*loc[:-1], name))

    def _cross_check(self, tree: _Tree) -> None:
        entries = tree.get("company")
        companies = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        names = Counter(str(entry.get("name")) for entry in companies if entry.get("name"))
        for name, count in names.items():
            if count > 1:
                self.problem(("company",), f"{count} companies named {name!r}", "a name of its own for each")
        realms = Counter(
            (str(qbo.get("environment")), str(qbo.get("realm_id")))
            for entry in companies
            if isinstance(qbo := entry.get("qbo"), dict) and qbo.get("realm_id")
        )
        for (_, realm), count in realms.items():
            if count > 1:
                self.problem(("company",), f"realm_id {realm!r} in {count} companies", "one company for each realm")

    def _validate(self, tree: _Tree) -> AppConfig | None:
        try:
            return AppConfig.model_validate(tree)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                loc = _real_loc(fault["loc"])
                if loc in self.reported:
                    continue
                if fault["type"] == "extra_forbidden":
                    self.problem(loc, "an unknown key", self._expected_key(loc))
                else:
                    self.problem(loc, _found(loc, fault), _expected(loc, fault))
            return None

    @staticmethod
    def _expected_key(loc: _Loc) -> str:
        known = list(_keys(_at(AppConfig, loc[:-1])))
        near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
        if near:
            return f"perhaps {near[0]}"
        return f"one of {', '.join(sorted(known))}" if known else "no key here"


def _options(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation


def _keys(annotation: Any) -> dict[str, Any]:
    """The keys of a table and the type of each, for models and structs."""
    keys: dict[str, Any] = {}
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            keys |= {info.alias or name: info.annotation for name, info in option.model_fields.items()}
        elif isinstance(option, type) and issubclass(option, msgspec.Struct):
            keys |= {field.name: field.type for field in msgspec.structs.fields(option)}
    return keys


def _step(annotation: Any, part: str | int) -> Any:
    """The type one step further down, or None where there is none."""
    if not isinstance(part, int):
        keys = _keys(annotation)
        if part in keys:
            return keys[part]
    for option in _options(annotation):
        origin, args = get_origin(option), get_args(option)
        if isinstance(part, int) and origin in {list, tuple}:
            return args[0]
        if not isinstance(part, int) and isinstance(origin, type) and issubclass(origin, Mapping):
            return args[1]
    return None


def _at(annotation: Any, loc: _Loc) -> Any:
    for part in loc:
        annotation = _step(annotation, part)
    return annotation


def _is_secret(annotation: Any) -> bool:
    return SecretStr in list(_options(annotation))


def _real_loc(loc: tuple[int | str, ...]) -> _Loc:
    """Where pydantic points, without the parts that name no key (tags of unions, names of validators)."""
    real: list[str | int] = []
    annotation: Any = AppConfig
    for place, part in enumerate(loc):
        below = _step(annotation, part)
        if below is None and place < len(loc) - 1:
            continue
        real.append(part)
        annotation = below if below is not None else annotation
    return tuple(real)


def _parent(tree: _Tree, loc: _Loc) -> _Tree | None:
    node: Any = tree
    for part in loc[:-1]:
        if isinstance(part, int):
            if not isinstance(node, list) or part >= len(node):
                return None
            node = node[part]
        elif isinstance(node, dict):
            node = node.setdefault(part, {})
        else:
            return None
    return node if isinstance(node, dict) else None


def _from_text(value: str) -> Any:
    """A value of the environment: tables and lists as JSON, everything else as the text it is."""
    if value[:1] in {"{", "["}:
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value


def _secrets_in(annotation: Any, node: Any, loc: _Loc = ()) -> Iterator[_Loc]:
    """Where secrets are written into the file itself. A URL is one only if it holds a password."""
    if isinstance(node, list):
        for index, child in enumerate(node):
            yield from _secrets_in(_step(annotation, index), child, (*loc, index))
    elif isinstance(node, dict):
        for key, child in node.items():
            below = _step(annotation, key)
            if _is_secret(below) and isinstance(child, str):
                if not key.endswith("url") or _has_password(child):
                    yield (*loc, key)
            else:
                yield from _secrets_in(below, child, (*loc, key))


def _has_password(url: str) -> bool:
    try:
        return bool(urlsplit(url).password)
    except ValueError:
        return True


def _secret_values(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, BaseModel):
                yield from _secret_values(item)
            elif isinstance(item, SecretStr):
                text = item.get_secret_value()
                if name.endswith("url"):
                    with contextlib.suppress(ValueError):
                        yield from filter(None, (urlsplit(text).password, unquote(urlsplit(text).password or "")))
                else:
                    yield from text.split()


def _key_text(loc: _Loc) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def _found(loc: _Loc, fault: ErrorDetails) -> str:
    """What stands there, shown only where it can be no secret."""
    if fault["type"] == "missing":
        return "nothing"
    value = fault["input"]
    if isinstance(value, bool | int | float):
        return str(value)
    telling = any(word in str(part) for part in loc for word in _TELLING)
    if isinstance(value, str) and not telling and not _is_secret(_at(AppConfig, loc)):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    names = {str: "text", dict: "a table", list: "a list", SecretStr: "text"}
    return names.get(type(value), type(value).__name__)


def _expected(loc: _Loc, fault: ErrorDetails) -> str:
    if fault["type"] == "missing":
        secret = _is_secret(_at(AppConfig, loc))
        return f'a value, or {loc[-1]}_file = "…" with the path of a private file' if secret else "a value"
    text = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return text[:1].lower() + text[1:] if text[:1].isupper() and not text[1:2].isupper() else text


def _safe_toml_fault(error: tomllib.TOMLDecodeError) -> str:
    """Where the fault is; some of tomllib's messages quote the text, which may be a secret."""
    place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
    return f"see {place.group(1)}" if place else "check its quotes and brackets"


def _dotted(annotation: Any, prefix: str) -> Iterator[str]:
    for option in _options(annotation):
        origin, args = get_origin(option), get_args(option)
        if origin in {list, tuple}:
            yield from _dotted(args[0], prefix)
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            yield from _dotted(args[1], f"{prefix}.NAME")
    for key, below in _keys(annotation).items():
        name = f"{prefix}.{key}" if prefix else key
        inner = list(_dotted(below, name))
        if not inner or _is_scalar_too(below):
            yield name
        yield from inner


def _is_scalar_too(annotation: Any) -> bool:
    return any(option in {str, int, float, bool} for option in _options(annotation))
