import os
import subprocess
import sys
from pathlib import Path

import pytest

from bptt.client.token import is_overheard, token_of
from bptt.errors import InvalidSetting
from bptt.settings import Settings, for_child, read_settings

TOKEN = f"bptt_{'a-Z_9' * 8}xyz"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith("BPTT_")]:
        monkeypatch.delenv(name)


def test_settings_have_defaults_without_any_variable():
    settings = read_settings()

    assert settings == Settings(home=Path.home() / ".bptt")


def test_runs_lie_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BPTT_HOME", str(tmp_path))

    assert read_settings().runs == tmp_path / "runs"


def test_relative_home_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BPTT_HOME", "here")

    assert read_settings().home == tmp_path / "here"


def test_tilde_in_home_is_the_users_folder(monkeypatch):
    monkeypatch.setenv("BPTT_HOME", "~/measurements")

    assert read_settings().home == Path.home() / "measurements"


def test_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("BPTT_HOME", "")
    monkeypatch.setenv("BPTT_CHECKPOINT_SECONDS", "")

    assert read_settings() == Settings(Path.home() / ".bptt")


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("2.5", 2.5), ("1e2", 100.0)])
def test_checkpoint_seconds_are_any_number_from_zero(monkeypatch, text, seconds):
    monkeypatch.setenv("BPTT_CHECKPOINT_SECONDS", text)

    assert read_settings().checkpoint_seconds == seconds


@pytest.mark.parametrize("text", ["-1", "soon", "nan", "inf", "1,5"])
def test_impossible_checkpoint_seconds_are_refused_with_the_value(monkeypatch, text):
    monkeypatch.setenv("BPTT_CHECKPOINT_SECONDS", text)

    with pytest.raises(InvalidSetting) as caught:
        read_settings()

    assert str(caught.value) == (
        f"BPTT_CHECKPOINT_SECONDS must be a number of seconds >= 0 and <= 100,000,000, "
        f"got {text!r}."
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000", "https://lab.example/mlflow"])
def test_mlflow_url_is_kept_as_given(monkeypatch, url):
    monkeypatch.setenv("BPTT_MLFLOW_URL", url)

    assert read_settings().mlflow_url == url


@pytest.mark.parametrize("url", ["localhost:5000", "sqlite:///mlflow.db", "ftp://lab", "nonsense"])
def test_mlflow_url_of_another_scheme_is_refused(monkeypatch, url):
    monkeypatch.setenv("BPTT_MLFLOW_URL", url)

    with pytest.raises(InvalidSetting, match=r"must start with http:// or https://, got"):
        read_settings()


def test_unknown_variable_is_refused_with_the_nearest_known(monkeypatch):
    monkeypatch.setenv("BPTT_HOEM", "/tmp")

    with pytest.raises(InvalidSetting) as caught:
        read_settings()

    assert str(caught.value) == (
        "Unknown setting BPTT_HOEM; did you mean 'BPTT_HOME'? "
        "Allowed: BPTT_ACCESS_LOG, BPTT_API_TOKENS, BPTT_BACKEND, BPTT_CHECKPOINT_SECONDS, "
        "BPTT_DATABASE_URL, "
        "BPTT_DATA_FILE_MB, BPTT_DATA_QUOTA_MB, BPTT_GPUS, BPTT_HOME, BPTT_KERNEL_CACHE, "
        "BPTT_LEASE_SECONDS, BPTT_MLFLOW_PUBLIC_URL, BPTT_MLFLOW_URL, BPTT_REDIS_URL, "
        "BPTT_RUN_MEMORY_MB, BPTT_SERVER, "
        "BPTT_SLOTS, BPTT_TOKEN, BPTT_TOKEN_FILE."
    )


def test_variables_of_other_programs_are_ignored(monkeypatch):
    monkeypatch.setenv("BPTTX", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")

    assert read_settings().mlflow_url == ""


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        Settings().home = Path("/tmp")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("BPTT_SLOTS", "two", "BPTT_SLOTS must be a whole number >= 0 and <= 1,000, got 'two'."),
        ("BPTT_LEASE_SECONDS", "0.5", "BPTT_LEASE_SECONDS must be a number of seconds >= 1"),
        ("BPTT_DATABASE_URL", "mysql://u:secret@h/d", "got 'mysql://***@h/d'"),
        ("BPTT_REDIS_URL", "amqp://h", "must start with redis:// or rediss:// or"),
        ("BPTT_API_TOKENS", "yes", "BPTT_API_TOKENS must be optional or required, got 'yes'"),
        ("BPTT_TOKEN", "bptt_secret", "bptt_ and 43 letters, digits, - or _; got 11 characters"),
        ("BPTT_TOKEN", f"bptt_secret{'s' * 37}\n", "got 49 characters that are not one"),
        ("BPTT_SERVER", "lab:8080", "BPTT_SERVER must start with http:// or https://"),
    ],
)
def test_impossible_values_are_refused_without_showing_a_password(
    monkeypatch, variable, text, told
):
    monkeypatch.setenv(variable, text)

    with pytest.raises(InvalidSetting) as caught:
        read_settings()

    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_value_of_the_command_line_wins_and_is_checked_alike(monkeypatch):
    monkeypatch.setenv("BPTT_SLOTS", "4")

    assert read_settings(slots=2).slots == 2
    assert read_settings(slots=None).slots == 4
    with pytest.raises(InvalidSetting, match="BPTT_SERVER must start with"):
        read_settings(server="lab")


def test_child_is_given_the_same_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("BPTT_SLOTS", "4")
    settings = read_settings(home=tmp_path / "h", lease_seconds=6)
    monkeypatch.setattr(os, "environ", for_child(settings))

    assert read_settings() == settings


def test_database_is_a_file_in_the_home_unless_named():
    home = Path("/h")

    assert Settings(home).database == Path("/h/bptt.db")
    named = Settings(home, database_url="postgresql://u@h/d").database
    assert named == "postgresql+psycopg://u@h/d"


def test_a_token_is_shown_by_nothing_and_handed_to_no_program(monkeypatch, tmp_path):
    monkeypatch.setenv("BPTT_TOKEN", TOKEN)
    monkeypatch.setenv("BPTT_TOKEN_FILE", str(tmp_path / "token"))
    settings = read_settings()

    assert settings.token == TOKEN
    assert TOKEN not in repr(settings)
    assert TOKEN not in str(for_child(settings))
    assert str(tmp_path) not in str(for_child(settings))


def test_a_token_is_read_from_its_file(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")

    assert token_of(Settings(token_file=str(tmp_path / "token"))) == TOKEN
    assert token_of(Settings(token=TOKEN)) == TOKEN
    assert token_of(Settings()) == ""


@pytest.mark.parametrize("content", [b"", b"two words", TOKEN.encode() * 2, b"\xff\xfe"])
def test_a_file_that_holds_no_token_is_refused_without_being_shown(tmp_path, content):
    (tmp_path / "token").write_bytes(content)

    with pytest.raises(InvalidSetting, match="BPTT_TOKEN_FILE") as caught:
        token_of(Settings(token_file=str(tmp_path / "token")))

    assert str(tmp_path / "token") in str(caught.value)
    assert "words" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_token_that_is_missing_or_given_twice_is_refused(tmp_path):
    with pytest.raises(InvalidSetting, match=r"cannot read .*nothing: No such file"):
        token_of(Settings(token_file=str(tmp_path / "nothing")))
    with pytest.raises(InvalidSetting, match="are both set; leave one of them out"):
        token_of(Settings(token=TOKEN, token_file="x"))


@pytest.mark.parametrize(
    ("server", "overheard"),
    [
        ("http://lab:8080", True),
        ("http://192.168.0.7:8080", True),
        ("http://localhost.evil.example", True),
        ("https://lab", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
        ("", False),
    ],
)
def test_a_token_is_overheard_where_it_leaves_the_machine_in_clear(server, overheard):
    assert is_overheard(Settings(server=server, token=TOKEN)) == overheard
    assert not is_overheard(Settings(server=server))


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, Path.home() / ".cache/bptt/kernels"),
        ({"XDG_CACHE_HOME": "/var/cache"}, Path("/var/cache/bptt/kernels")),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache/bptt/kernels"),
        ({"XDG_CACHE_HOME": "/var/cache", "BPTT_KERNEL_CACHE": "/k"}, Path("/k")),
    ],
)
def test_kernels_lie_in_the_cache_of_the_user(monkeypatch, variables, folder):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert read_settings().kernels == folder


def test_no_test_and_nothing_it_starts_writes_to_the_users_cache():
    program = "from bptt.settings import read_settings; print(read_settings().kernels)"

    started = subprocess.run(
        [sys.executable, "-c", program],
        env=for_child(Settings()),
        capture_output=True,
        text=True,
        check=True,
    )

    assert read_settings().kernels.parts[-3].startswith("bptt-tests-")
    assert started.stdout.strip() == str(read_settings().kernels)


def test_compiler_that_cc_names_comes_first(monkeypatch):
    monkeypatch.setenv("CC", "clang -m64")

    assert read_settings().compilers == ("clang -m64", "cc", "gcc", "clang")


def test_unknown_backend_is_refused_with_those_there_are(monkeypatch):
    monkeypatch.setenv("BPTT_BACKEND", "compile")

    with pytest.raises(InvalidSetting, match="auto or compiled or sequence or autograd, got 'com"):
        read_settings()
