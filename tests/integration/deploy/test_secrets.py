"""`make secrets`: every password random, for its owner alone, and never twice."""

import re
import stat
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent
SECRET = re.compile(r"^(\w+_(?:PASSWORD|SECRET))=(.*)$", re.MULTILINE)


def write(file: Path) -> str:
    script = ["sh", ROOT / "deploy/secrets.sh", file]
    return subprocess.run(script, capture_output=True, text=True, check=True).stdout


def test_every_secret_is_long_and_another_one(tmp_path: Path) -> None:
    write(tmp_path / "one"), write(tmp_path / "two")

    texts = [(tmp_path / name).read_text() for name in ("one", "two")]
    found = [secret for text in texts for _, secret in SECRET.findall(text)]
    assert len(SECRET.findall(texts[0])) == 8
    assert len(set(found)) == len(found) == 16
    assert all(re.fullmatch("[0-9a-f]{32}", secret) for secret in found)


def test_all_else_is_as_in_the_example(tmp_path: Path) -> None:
    write(tmp_path / "env")

    written = SECRET.sub(r"\1=", (tmp_path / "env").read_text())
    assert written == (ROOT / ".env.example").read_text()


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    write(tmp_path / "env")

    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["env"]


def test_one_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("POSTGRES_PASSWORD=mine\n")

    told = write(tmp_path / "env")

    assert "stays as it is" in told
    assert (tmp_path / "env").read_text() == "POSTGRES_PASSWORD=mine\n"


def test_git_and_the_image_never_see_it() -> None:
    def is_ignored(name: str) -> bool:
        return subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT).returncode == 0

    assert is_ignored(".env")
    assert is_ignored(".env.a1B2c3")
    assert not is_ignored(".env.example")
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert not [line for line in lines if line.startswith("!") and "env" in line]


def test_every_value_of_the_compose_file_is_explained() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    known = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert used == set(known)
    assert len(known) == len(set(known))
