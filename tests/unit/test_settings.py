from pathlib import Path

import pytest

from bptt.errors import InvalidSetting
from bptt.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in ("BPTT_HOME", "BPTT_MLFLOW_URL", "BPTT_CHECKPOINT_SECONDS"):
        monkeypatch.delenv(name, raising=False)


def test_settings_have_defaults_without_any_variable():
    settings = read_settings()

    assert settings == Settings(Path.home() / ".bptt", "", 10.0)


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
        f"BPTT_CHECKPOINT_SECONDS must be a number of seconds >= 0, got {text!r}."
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
        "Allowed: BPTT_CHECKPOINT_SECONDS, BPTT_HOME, BPTT_MLFLOW_URL."
    )


def test_variables_of_other_programs_are_ignored(monkeypatch):
    monkeypatch.setenv("BPTTX", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")

    assert read_settings().mlflow_url == ""


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        Settings().home = Path("/tmp")  # type: ignore[misc]
