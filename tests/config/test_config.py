"""The configuration: what can be used, and every way in which it cannot, all reported at once and without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.config import load_config, setting_names
from syncd.errors import EXIT_CONFIG, ConfigError
from syncd.model.facts import Settings
from syncd.reconciler.policy import Limits

Write = Callable[..., Path]
CANARY = "c4n4ry-do-not-show"
ROOT = Path(__file__).parents[2]


def refused(path: Path, environ: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ or {})
    assert CANARY not in str(caught.value)
    assert caught.value.exit_code == EXIT_CONFIG
    return caught.value


def only_problem(path: Path, environ: dict[str, str] | None = None) -> str:
    problems = refused(path, environ).problems
    assert len(problems) == 1, problems
    return problems[0]


def test_a_small_configuration_is_filled_with_defaults(write: Write) -> None:
    config = load_config(write(), {})
    assert config.syncd.poll_interval_seconds == 300
    assert config.syncd.audit_at == time(2, 30)
    assert (config.http.bind, config.http.port) == ("127.0.0.1", 9464)
    (company,) = config.companies
    assert company.settings == Settings()
    assert company.limits == Limits()
    assert company.qbo.client_secret.get_secret_value() == "s3cret-of-the-app"
    assert len(config.syncd.encryption_keys) == 1


def test_settings_and_limits_of_a_company_are_the_engine_s_own_types(
    write: Write, company_text: Callable[..., str]
) -> None:
    text = company_text("acme", "1001") + (
        '[company.settings]\ndefault_item = "Services"\nsync_start_date = 2026-01-31\namount_ceiling = "25000.00"\n'
        'tax_code_map = { "VAT 20 %" = "20.0% S" }\n[company.limits]\nremovals_ceiling = 3\n'
    )
    company = load_config(write(company=text), {}).named("acme")
    assert isinstance(company.settings, Settings)
    assert company.settings.sync_start_date == date(2026, 1, 31)
    assert Decimal(company.settings.amount_ceiling) == Decimal(25000)
    assert company.settings.tax_code_map == {"VAT 20 %": "20.0% S"}
    assert company.limits == Limits(removals_ceiling=3)


def test_the_example_is_complete_and_can_be_loaded(tmp_path: Path) -> None:
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    assert example == (ROOT / "syncd/cli/config.example.toml").read_text(encoding="utf-8")
    path = tmp_path / "config.toml"
    path.write_text(example, encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    for name, text in {"encryption-key": "A" * 43 + "=", "acme-client-secret": "x", "acme-db-password": "y"}.items():
        (tmp_path / "secrets" / name).write_text(text)
        (tmp_path / "secrets" / name).chmod(0o600)
    config = load_config(path, {})
    assert [company.name for company in config.companies] == ["acme"]


def _uncommented(example: str) -> str:
    """The example with every setting that is commented out switched on."""
    lines = [re.sub(r"^# (?=[a-z_]+ = )", "", line) for line in example.splitlines()]
    return "\n".join(lines)


def test_the_defaults_shown_in_the_example_are_the_defaults(tmp_path: Path) -> None:
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    for name in ("encryption-key", "acme-client-secret", "acme-db-password"):
        (tmp_path / "secrets" / name).write_text("A" * 43 + "=")
        (tmp_path / "secrets" / name).chmod(0o600)
    plain, full = tmp_path / "plain.toml", tmp_path / "full.toml"
    plain.write_text(example, encoding="utf-8")
    # These show an example, because their default is empty.
    shown = (
        *("tax_code_map", "customer_map", "sync_start_date", "reconciled_until", "amount_ceiling", "read_only"),
        *("expense_bills_from", "expense_bills_to", "files_directory", "update_policy", "project_as"),
    )
    text = "\n".join(line for line in _uncommented(example).splitlines() if not line.startswith(shown))
    full.write_text(text, encoding="utf-8")
    said, unsaid = load_config(full, {}), load_config(plain, {})
    assert [company.settings for company in said.companies] == [company.settings for company in unsaid.companies]
    rest = {"company": {"__all__": {"said"}}}
    assert said.model_dump(exclude=rest) == unsaid.model_dump(exclude=rest)
    everything = tmp_path / "everything.toml"
    everything.write_text(_uncommented(example), encoding="utf-8")
    assert load_config(everything, {}).companies[0].settings.amount_ceiling == "25000.00"


def test_every_setting_is_in_the_example() -> None:
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    missing = [
        name
        for name in setting_names()
        if not re.search(rf"^(# +)?{name.rpartition('.')[2]}(_file)? =", example, re.MULTILINE)
        and not name.endswith("mapping")
    ]
    assert missing == []


def test_every_setting_is_documented() -> None:
    manual = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    missing = [name for name in setting_names() if f"`{name.rpartition('.')[2]}`" not in manual]
    assert missing == []


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    error = refused(tmp_path / "nowhere.toml")
    assert "There is no configuration file" in str(error)
    assert "syncd init" in str(error)


def test_broken_toml_names_the_place_but_not_the_text(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[syncd]\nencryption_key = "{CANARY}\n')
    assert "line 2" in str(refused(path))


def test_all_problems_come_at_once(write: Write, tmp_path: Path) -> None:
    company = f"""
[[company]]
name = "acme"
profile = "rudder"
[company.qbo]
realm_id = "12"
environment = "prod"
client_id = "app"
client_secert = "{CANARY}"
[company.source]
url = "oracle://u:{CANARY}@db/x"
schema = "reference"
[company.limits]
removals_share_percent = 101
[[company]]
name = "acme"
profile = "ruddr"
[company.qbo]
realm_id = "12"
environment = "prod"
client_id = "app"
client_secret_file = "nowhere"
[company.source]
url = "sqlite:///x"
schema = "reference"
[company.settings]
amount_ceiling = "a lot"
"""
    path = write(syncd='poll_interval_second = 5\npoll_jitter_seconds = "soon"', http="port = 99999", company=company)
    text = str(refused(path))
    for expected in (
        "syncd.poll_interval_second: found an unknown key; expected perhaps poll_interval_seconds",
        "syncd.poll_jitter_seconds: found 'soon'; expected a valid integer",
        "http.port: found 99999; expected less than or equal to 65535",
        "company[0].profile: found 'rudder'; expected one of the profiles ruddr",
        "company[0].qbo.environment: found 'prod'; expected 'production' or 'sandbox'",
        "company[0].qbo.client_secert: found an unknown key; expected perhaps client_secret",
        "company[0].qbo.client_secret: found nothing; expected a value, or client_secret_file",
        "company[0].source.url: found text; expected the address must begin with",
        "company[0].limits.removals_share_percent: found 101; expected less than or equal to 100",
        f"company[1].qbo.client_secret_file: found {tmp_path}/nowhere (No such file or directory)",
        "company[1].settings: found a table; expected amount_ceiling as an amount",
        "found 2 companies named 'acme'; expected a name of its own for each",
        "found realm_id '12' in 2 companies; expected one company for each realm",
    ):
        assert expected in text
    assert text.count(str(path)) >= 13
    assert "nothing was started" in text


def test_a_secret_file_that_others_can_read_is_refused(write: Write, tmp_path: Path) -> None:
    path = write()
    (tmp_path / "secret").chmod(0o640)
    problem = only_problem(path)
    assert "company[0].qbo.client_secret_file" in problem
    assert "mode 0640" in problem
    assert f"chmod 600 {tmp_path}/secret" in problem


def test_an_empty_secret_file_is_refused(write: Write, tmp_path: Path) -> None:
    path = write()
    (tmp_path / "secret").write_text("\n")
    assert "which is empty" in only_problem(path)


def test_a_secret_written_into_a_readable_configuration_is_refused(
    write: Write, company_text: Callable[..., str]
) -> None:
    company = company_text("acme", "1001").replace('client_secret_file = "secret"', f'client_secret = "{CANARY}"')
    problem = only_problem(write(company=company, mode=0o644))
    assert "client_secret_file instead" in problem
    assert load_config(write(company=company, mode=0o600), {})


def test_a_readable_configuration_without_secrets_is_fine(write: Write) -> None:
    assert load_config(write(mode=0o644), {})


def test_a_database_password_in_a_readable_configuration_is_refused(
    write: Write, company_text: Callable[..., str]
) -> None:
    company = company_text("acme", "1001")
    company = re.sub(r'url = "sqlite.*"', f'url = "postgresql+psycopg://u:{CANARY}@db/psa"', company)
    assert "company[0].source.url: found a secret" in only_problem(write(company=company, mode=0o604))


def test_both_a_secret_and_its_file(write: Write, company_text: Callable[..., str]) -> None:
    company = company_text("acme", "1001").replace("client_id", f'client_secret = "{CANARY}"\nclient_id')
    assert "found both client_secret and client_secret_file; expected one of them" in only_problem(
        write(company=company)
    )


def test_systemd_credentials(write: Write, tmp_path: Path, company_text: Callable[..., str]) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "acme").write_text("from-systemd")
    (folder / "acme").chmod(0o440)  # as systemd leaves them
    path = write(company=company_text("acme", "1001").replace('"secret"', '"credential:acme"'))
    config = load_config(path, {"CREDENTIALS_DIRECTORY": str(folder)})
    assert config.companies[0].qbo.client_secret.get_secret_value() == "from-systemd"
    assert "LoadCredential=acme:/path" in only_problem(path)
    assert "No such file" in only_problem(path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


@pytest.mark.parametrize("name", ["credential:", "credential:../secret"])
def test_credentials_have_plain_names(write: Write, company_text: Callable[..., str], name: str) -> None:
    path = write(company=company_text("acme", "1001").replace('"secret"', f'"{name}"'))
    assert "a plain name" in only_problem(path, {"CREDENTIALS_DIRECTORY": "/run"})


def test_the_environment_wins(write: Write, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("other-secret")
    other.chmod(0o600)
    config = load_config(
        write(),
        {
            "SYNCD__LOG_LEVEL": "debug",
            "SYNCD__HTTP__PORT": "0",
            "SYNCD__COMPANY__0__QBO__CLIENT_SECRET_FILE": str(other),
            "SYNCD__COMPANY__0__SETTINGS__TAX_CODE_MAP": '{"a": "b"}',
            "SYNCD_CONFIG": "not ours",
        },
    )
    assert config.syncd.log_level == "debug"
    assert config.http.port == 0
    assert config.companies[0].qbo.client_secret.get_secret_value() == "other-secret"
    assert config.companies[0].settings.tax_code_map == {"a": "b"}
    direct = load_config(write(), {"SYNCD__COMPANY__0__QBO__CLIENT_SECRET": "{plain}"})
    assert direct.companies[0].qbo.client_secret.get_secret_value() == "{plain}"


def test_a_misspelt_variable_is_an_error(write: Write) -> None:
    problem = only_problem(write(), {"SYNCD__HTTP__PROT": "1"})
    assert (
        "environment SYNCD__HTTP__PROT: http.prot: found a variable for no known key; expected perhaps port" in problem
    )
    assert "this entry in the file first" in only_problem(write(), {"SYNCD__COMPANY__7__NAME": "x"})


def test_a_key_can_be_changed(write: Write, tmp_path: Path) -> None:
    path = write()
    with (tmp_path / "key").open("a") as file:
        file.write("B" * 43 + "=\n")
    assert load_config(path, {}).syncd.encryption_keys[1] == "B" * 43 + "="


@pytest.mark.parametrize("key", ["short", "A" * 44, CANARY])
def test_a_key_that_is_none(write: Write, tmp_path: Path, key: str) -> None:
    path = write()
    (tmp_path / "key").write_text(key)
    assert "syncd token-key" in only_problem(path)


@pytest.mark.parametrize("moment", ["24:00", "2:30", "noon"])
def test_times_of_day(write: Write, moment: str) -> None:
    assert "a time of day in UTC" in only_problem(write(syncd=f'audit_time = "{moment}"'))


def test_no_audit(write: Write) -> None:
    assert load_config(write(syncd='audit_time = ""'), {}).syncd.audit_at is None


def test_a_state_that_is_no_database(write: Write, tmp_path: Path) -> None:
    path = write()
    path.write_text(re.sub(r'state_url = ".*"', 'state_url = "mysql://x"', path.read_text()))
    assert "syncd.state_url: found text; expected" in only_problem(path).lower()


def test_a_section_of_the_wrong_shape(write: Write) -> None:
    path = write(company="")
    path.write_text('company = "x"\n' + path.read_text())
    assert "company: found 'x'; expected" in only_problem(path)


def test_an_unknown_company(write: Write) -> None:
    with pytest.raises(ConfigError, match="It has: acme"):
        load_config(write(), {}).named("other")


def test_the_secrets_are_known_for_redaction(write: Write, company_text: Callable[..., str]) -> None:
    company = re.sub(
        r'url = "sqlite.*"', 'url = "postgresql+psycopg://u:p%40ss-word@db/psa"', company_text("acme", "1")
    )
    secrets = load_config(write(company=company), {}).secrets()
    assert {"s3cret-of-the-app", "p%40ss-word", "p@ss-word"} <= secrets
    assert not any("db/psa" in secret for secret in secrets)


def test_nothing_shows_secrets(write: Write) -> None:
    config = load_config(write(), {})
    assert "s3cret" not in repr(config) + str(config) + config.model_dump_json()


def test_an_unreadable_file(write: Write) -> None:
    path = write()
    path.chmod(0)
    root = os.geteuid() == 0  # who can read every file, and therefore becomes somebody else for a moment
    if root:
        os.seteuid(65534)
    try:
        assert "cannot be read: Permission denied" in str(refused(path))
    finally:
        if root:
            os.seteuid(0)
