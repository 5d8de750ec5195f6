"""What ``docs/billdr.md`` shows can be used as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd.config import AppConfig, load_config
from syncd.errors import ConfigError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "billdr.md"


def load(tmp_path: Path, *changes: tuple[str, str]) -> AppConfig:
    """The configuration of the page, with some of its text changed."""
    (company,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for old, new in changes:
        assert old in company
        company = company.replace(old, new)
    (tmp_path / "secrets").mkdir()
    secrets = {"key": "A" * 43 + "=", "acme-client-secret": "x", "acme-db-password": "y"}
    for name, text in secrets.items():
        (tmp_path / "secrets" / name).write_text(text)
        (tmp_path / "secrets" / name).chmod(0o600)
    head = '[syncd]\nstate_url = "sqlite:////var/lib/syncd/state.db"\nencryption_key_file = "secrets/key"\n'
    path = tmp_path / "config.toml"
    path.write_text(head + company, encoding="utf-8")
    return load_config(path, {})


def test_the_example_can_be_loaded(tmp_path: Path) -> None:
    (company,) = load(tmp_path).companies
    assert company.profile == "billdr"
    assert (company.settings.tax_mode, company.settings.numbering) == ("code", "")
    assert company.settings.project_as == "sub_customer", "the profile brings it along"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('numbering = ""', 'numbering = "counted"', "first_number, which ends in digits"),
        ('numbering = ""', 'numbering = "counted"\nfirst_number = "A-"', "first_number, which ends in digits"),
        ('profile = "billdr"', 'profile = "builder"', "one of the profiles"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(tmp_path, (old, new))


def test_counting_is_accepted_with_a_start(tmp_path: Path) -> None:
    (company,) = load(tmp_path, ('numbering = ""', 'numbering = "counted"\nfirst_number = "INV-0100"')).companies
    assert company.settings.first_number == "INV-0100"
