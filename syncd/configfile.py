"""Reading a configuration file: TOML, the environment over it, secrets from files of their own; all faults at once.

Knows no setting by name: what keys there are, and which of them are secrets, it learns from the model it is given.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Generic, TypeAlias, TypeVar, Union, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, SecretStr, ValidationError

from syncd.errors import ConfigError

ENVIRONMENT_PREFIX = "SYNCD__"
CREDENTIAL_SCHEME = "credential:"

Tree: TypeAlias = dict[str, Any]
Loc: TypeAlias = tuple[str | int, ...]
Across: TypeAlias = Callable[[Tree], Iterable[tuple[Loc, str, str] | str]]
M = TypeVar("M", bound=BaseModel)

_TELLING = ("secret", "password", "token", "key", "url")


class Loader(Generic[M]):
    """Reads one file into one model. Faults gather in ``problems``; only what cannot be read at all ends it early.

    ``home`` is the section whose keys stand in the environment without its name. ``across`` finds what is wrong
    between sections: where, what was found, what is expected; or a whole sentence about another file.
    """

    def __init__(self, root: type[M], path: Path, environ: Mapping[str, str], *, home: str, across: Across) -> None:
        self.root = root
        self.path = path
        self.home = home
        self.across = across
        self.environ = environ
        self.problems: list[str] = []
        self.reported: set[Loc] = set()

    def load(self) -> M:
        """The checked model; ``ConfigError`` with all problems otherwise."""
        tree = self._read()
        written_here = list(_secrets_in(self.root, tree))
        self._override(tree)
        self._check_own_mode(written_here)
        self._fill_secrets(self.root, tree, ())
        for fault in self.across(tree):
            if isinstance(fault, str):
                self.problems.append(fault)
            else:
                self.problem(*fault)
        config = self._validate(tree)
        if self.problems or config is None:
            raise ConfigError(
                f"{self.path} cannot be used; nothing was started.", problems=tuple(dict.fromkeys(self.problems))
            )
        return config

    def problem(self, loc: Loc, found: str, expected: str, origin: str = "") -> None:
        """Note one fault."""
        self.reported.add(loc)
        key = _key_text(loc)
        self.problems.append(f"{origin or self.path}: {key}: found {found}; expected {expected}")

    def _read(self) -> Tree:
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

    def _override(self, tree: Tree) -> None:
        for name, value in sorted(self.environ.items()):
            if not name.startswith(ENVIRONMENT_PREFIX):
                continue
            parts = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            loc: Loc = tuple(int(part) if part.isdigit() else part for part in parts)
            if loc[0] not in keys_of(self.root) or loc[0] == self.home:
                loc = (self.home, *loc)
            annotation = _at(self.root, loc)
            stem = _at(self.root, (*loc[:-1], str(loc[-1]).removesuffix("_file")))
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

    def _check_own_mode(self, written_here: list[Loc]) -> None:
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(self.path.stat().st_mode)
            if mode & 0o077:
                for loc in written_here:
                    self.problem(
                        loc,
                        f"a secret in a file that others can read (mode {mode:04o})",
                        f"{loc[-1]}_file instead, or: chmod 600 {self.path}",
                    )

    def _fill_secrets(self, annotation: Any, node: Any, loc: Loc) -> None:
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

    def _read_secret(self, node: Tree, name: str, where: str, loc: Loc) -> None:
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

    def _validate(self, tree: Tree) -> M | None:
        try:
            return self.root.model_validate(tree)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                loc = _real_loc(self.root, fault["loc"])
                if loc in self.reported:
                    continue
                secret = _is_secret(_at(self.root, loc))
                if fault["type"] == "extra_forbidden":
                    self.problem(loc, "an unknown key", self._expected_key(loc))
                else:
                    self.problem(loc, _found(fault, loc, secret), _expected(fault, loc, secret))
            return None

    def _expected_key(self, loc: Loc) -> str:
        known = list(keys_of(_at(self.root, loc[:-1])))
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


def keys_of(annotation: Any) -> dict[str, Any]:
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
        keys = keys_of(annotation)
        if part in keys:
            return keys[part]
    for option in _options(annotation):
        origin, args = get_origin(option), get_args(option)
        if isinstance(part, int) and origin in {list, tuple}:
            return args[0]
        if not isinstance(part, int) and isinstance(origin, type) and issubclass(origin, Mapping):
            return args[1]
    return None


def _at(annotation: Any, loc: Loc) -> Any:
    for part in loc:
        annotation = _step(annotation, part)
    return annotation


def _is_secret(annotation: Any) -> bool:
    return SecretStr in list(_options(annotation))


def _real_loc(root: Any, loc: tuple[int | str, ...]) -> Loc:
    """Where pydantic points, without the parts that name no key (tags of unions, names of validators)."""
    real: list[str | int] = []
    annotation: Any = root
    for place, part in enumerate(loc):
        below = _step(annotation, part)
        if below is None and place < len(loc) - 1:
            continue
        real.append(part)
        annotation = below if below is not None else annotation
    return tuple(real)


def _parent(tree: Tree, loc: Loc) -> Tree | None:
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


def _secrets_in(annotation: Any, node: Any, loc: Loc = ()) -> Iterator[Loc]:
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


def _key_text(loc: Loc) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def _found(fault: Mapping[str, Any], loc: Loc, secret: bool) -> str:
    """What stands there, shown only where it can be no secret."""
    if fault["type"] == "missing":
        return "nothing"
    value = fault["input"]
    if isinstance(value, bool | int | float):
        return str(value)
    telling = any(word in str(part) for part in loc for word in _TELLING)
    if isinstance(value, str) and not telling and not secret:
        return repr(value if len(value) <= 60 else value[:60] + "…")
    names = {str: "text", dict: "a table", list: "a list", SecretStr: "text"}
    return names.get(type(value), type(value).__name__)


def _expected(fault: Mapping[str, Any], loc: Loc, secret: bool) -> str:
    if fault["type"] == "missing":
        return f'a value, or {loc[-1]}_file = "…" with the path of a private file' if secret else "a value"
    text = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return text[:1].lower() + text[1:] if text[:1].isupper() and not text[1:2].isupper() else text


def _safe_toml_fault(error: tomllib.TOMLDecodeError) -> str:
    """Where the fault is; some of tomllib's messages quote the text, which may be a secret."""
    place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
    return f"see {place.group(1)}" if place else "check its quotes and brackets"


def dotted(annotation: Any, prefix: str = "") -> Iterator[str]:
    """Every key below ``annotation``, dotted; ``NAME`` stands for names that a person chooses."""
    for option in _options(annotation):
        origin, args = get_origin(option), get_args(option)
        if origin in {list, tuple}:
            yield from dotted(args[0], prefix)
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            yield from dotted(args[1], f"{prefix}.NAME")
    for key, below in keys_of(annotation).items():
        name = f"{prefix}.{key}" if prefix else key
        inner = list(dotted(below, name))
        if not inner or _is_scalar_too(below):
            yield name
        yield from inner


def _is_scalar_too(annotation: Any) -> bool:
    return any(option in {str, int, float, bool} for option in _options(annotation))
