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
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PrivateAttr,
    SecretStr,
    create_model,
    field_validator,
    model_validator,
)

from syncd import configfile, profilefile, profiles
from syncd.errors import ConfigError
from syncd.model.facts import Settings
from syncd.model.spec import SPECS
from syncd.model.values import decimal_of
from syncd.profiles import meaning
from syncd.profiles.said import Said, said_in, settled
from syncd.profiles.updates import updated
from syncd.profiles.words import ProfileWords
from syncd.qbo.settings import QboConfig, is_loopback
from syncd.reconciler.policy import Limits, Policy
from syncd.sources.registry import SourceConfig

DEFAULT_PATH = Path("/etc/syncd/config.toml")
STATE_DIRECTORY = Path("/var/lib/syncd")
_STATE_URL = re.compile(r"sqlite:///.+|postgresql\+psycopg://.+")


class _Struct:
    """Lets pydantic check a msgspec struct field by field, so that all faults of a section are reported at once."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
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

        return handler(Annotated[mirror, AfterValidator(build), PlainSerializer(msgspec.to_builtins)])


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
    epoch_file: str = ""

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
    """``[http]``: the one port. Off loopback it shows metrics and health; whatever else there is needs ``token``."""

    bind: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    max_body_bytes: Annotated[int, Field(ge=0, le=16_777_216)] = 65_536
    max_concurrency: Annotated[int, Field(ge=1, le=1_000)] = 32

    @property
    def local(self) -> bool:
        """Whether only programs on this machine reach the port."""
        return is_loopback(self.bind)


class CompanyConfig(_Section):
    """``[[company]]``: one QBO company paired with one source. ``profile`` has no default: a wrong one moves money."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    profile: str
    qbo: QboConfig
    source: SourceConfig
    said: Said = Field(default=Said(), alias="settings")  # type: ignore[valid-type]  # made of the struct of settings
    limits: Annotated[Limits, _Struct()] = Limits()
    _words: ProfileWords | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _moment_of_the_profile(self) -> CompanyConfig:
        moments = profiles.moments(self.profile) if self.profile in profiles.NAMES else {""}
        if said_in(self.said).get("push_on", "") not in moments:
            known = ", ".join(sorted(filter(None, moments))) or "nothing: the profile file says when"
            raise ValueError(f"settings.push_on: one of {known}")
        return self

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, value: str) -> str:
        if value not in profiles.NAMES and not value.endswith(profilefile.SUFFIX):
            raise ValueError(f"one of the profiles {', '.join(profiles.NAMES)}, or the path of a profile file (.toml)")
        return value

    @property
    def settings(self) -> Settings:
        """The settings that hold: what is ``said``, else what the profile brings along. There are no others to read."""
        named = self.profile in profiles.NAMES
        brought = profiles.defaults(self.profile) if named else said_in(self._file().settings)
        return settled(brought, said_in(self.said))

    def policy(self) -> Policy:
        """The rules that hold for this company."""
        settings = self.settings
        if self.profile in profiles.NAMES:
            policy = profiles.load(self.profile, settings)
            ways = settings.update_policy
            kinds = {kind: updated(each, ways[kind]) if kind in ways else each for kind, each in policy.kinds.items()}
            return msgspec.structs.replace(policy, kinds=kinds)
        return meaning.policy(self._file(), settings)

    def _file(self) -> ProfileWords:
        """The profile file, read once: with the configuration, where there is one."""
        if self._words is None:
            self._words = profilefile.load(Path(self.profile))
        return self._words

    @field_validator("said")
    @classmethod
    def _written_kinds(cls, value: Any) -> Any:
        written = [kind.value for kind, spec in SPECS.items() if not spec.link_only]
        wrong = sorted((value.update_policy or {}).keys() - set(written))
        if wrong:
            raise ValueError(f"update_policy by kinds that are written ({', '.join(written)}), not {', '.join(wrong)}")
        return value

    @field_validator("said")
    @classmethod
    def _amounts(cls, value: Any) -> Any:
        if value.amount_ceiling:
            try:
                decimal_of(value.amount_ceiling)
            except ValueError:
                raise ValueError('amount_ceiling as an amount such as "25000.00", or "" for none') from None
        return value

    @field_validator("said")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        if value.numbering == "counted" and not (value.first_number or "")[-1:].isdecimal():
            raise ValueError('first_number, which ends in digits, such as "1001" or "INV-0100", to count from')
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
    def epoch_path(self) -> Path:
        """Where is noted how far the state has come; a relative path starts where the configuration is."""
        if self.syncd.epoch_file:
            return self.path.parent / self.syncd.epoch_file
        state = self.syncd.state_url.get_secret_value()
        file = state.removeprefix("sqlite:///").partition("?")[0]
        return Path(f"{file}.epoch") if state.startswith("sqlite:///") else STATE_DIRECTORY / "epoch"

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
    env = os.environ if environ is None else environ
    words: dict[Path, ProfileWords] = {}

    def across(tree: configfile.Tree) -> Iterator[tuple[configfile.Loc, str, str] | str]:
        yield from _twins(tree)
        yield from _profile_files(tree, path.parent, words)

    config = configfile.Loader(AppConfig, path, env, home="syncd", across=across).load()
    config._path = path
    for company in config.company:
        company._words = words.get(path.parent / company.profile)
    return config


def setting_names() -> tuple[str, ...]:
    """Every key that the file may hold, dotted, as docs/configuration.md lists them (it leaves the mapping's own keys
    to docs/source-sql.md)."""
    deep = "company.source.mapping."
    names = (name if not name.startswith(deep) else deep[:-1] for name in configfile.dotted(AppConfig))
    return tuple(dict.fromkeys(names))


def _twins(tree: configfile.Tree) -> Iterator[tuple[configfile.Loc, str, str]]:
    """Companies that share what only one may have. Looks at the unchecked tree: nothing in it is certain."""
    entries = tree.get("company")
    companies = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    names = Counter(str(entry.get("name")) for entry in companies if entry.get("name"))
    for name, count in names.items():
        if count > 1:
            yield ("company",), f"{count} companies named {name!r}", "a name of its own for each"
    realms = Counter(
        (str(qbo.get("environment")), str(qbo.get("realm_id")))
        for entry in companies
        if isinstance(qbo := entry.get("qbo"), dict) and qbo.get("realm_id")
    )
    for (_, realm), count in realms.items():
        if count > 1:
            yield ("company",), f"realm_id {realm!r} in {count} companies", "one company for each realm"


_SAID_BY_A_FILE = frozenset(
    {"save_invoice_on_publish", "save_payment_on_entry", "remove_invoice_on_unpublish", "remove_payment_on_delete"}
    | {"on_source_delete", "on_qbo_delete", "on_qbo_void", "update_policy"}
)
"""Settings that only fill in what the profiles of syncd leave open: a profile file says these things itself."""


def _profile_files(
    tree: configfile.Tree, folder: Path, words: dict[Path, ProfileWords]
) -> Iterator[tuple[configfile.Loc, str, str] | str]:
    """What is wrong with the profile files of companies, and with settings beside them; good ones go into ``words``."""
    entries = tree.get("company")
    for place, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("profile") if isinstance(entry, dict) else None
        if not isinstance(name, str) or name in profiles.NAMES or not name.endswith(profilefile.SUFFIX):
            continue
        settings = entry.get("settings")
        for key in sorted(_SAID_BY_A_FILE & settings.keys()) if isinstance(settings, dict) else ():
            yield ("company", place, "settings", key), "a setting", f"nothing: {name} says what holds instead"
        try:
            words[folder / name] = profilefile.load(folder / name)
        except ConfigError as error:
            yield from error.problems or (str(error),)


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
