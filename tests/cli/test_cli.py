"""The keel command: check, tree, help, exit codes, and where it refuses to start."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from adapters.cli import PACKAGES, ExitCode, foreign_packages, main
from adapters.cli.durations import instant_ns, seconds
from adapters.cli.files import find
from config.load import shipped

BROKEN = """
[deployment]
name = "x"
nmae = "y"

[clock]
speed = -1
"""


def keel(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process; return exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize("name", ["paper.toml", "hedged.toml"])
def test_the_shipped_configs_are_valid(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What Keel ships passes its own check, by path and as a resource of the package."""
    assert shipped(name).is_file()
    code, out, err = keel(capsys, "check", f"config/{name}")
    assert (code, err) == (ExitCode.DONE, "")
    assert "fine" in out


def test_a_shipped_config_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """config/paper.toml means the shipped file where there is none of that name; others do not."""
    monkeypatch.chdir(tmp_path)
    assert find(Path("config/paper.toml")) == shipped("paper.toml")
    assert find(Path("paper.toml")) == shipped("paper.toml")
    assert find(Path("other/paper.toml")) == Path("other/paper.toml")
    (tmp_path / "paper.toml").write_text("", encoding="utf-8")
    assert find(Path("paper.toml")) == Path("paper.toml")


def test_check_reports_everything_on_standard_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each problem is a line with file, line, key and reason; the number of them comes last."""
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN, encoding="utf-8")
    code, out, err = keel(capsys, "check", str(path))
    assert (code, out) == (ExitCode.REFUSED, "")
    assert f'{path}:4: deployment.nmae: unknown key; did you mean "name"?' in err
    assert f"{path}:7: clock.speed: must be above 0" in err
    assert err.splitlines()[-1] == "4 problems"


def test_check_as_json_is_one_object(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Scripts get the same problems as data, and a valid file as such."""
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN, encoding="utf-8")
    code, out, err = keel(capsys, "check", str(path), "--json")
    found = json.loads(out)
    assert (code, err, found["valid"]) == (ExitCode.REFUSED, "", False)
    assert {"file", "line", "key", "problem", "nearest"} == found["problems"][0].keys()
    code, out, _ = keel(capsys, "check", "config/paper.toml", "--json")
    assert (code, json.loads(out)["problems"]) == (ExitCode.DONE, [])


@pytest.mark.parametrize("command", ["check", "run", "backtest", "tree"])
def test_every_help_has_an_example_and_exit_codes(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The help of each command shows how it is called and what its exit code means."""
    code, out, _ = keel(capsys, command, "--help")
    text = re.sub(r"\s+", " ", out)
    assert code == ExitCode.DONE
    assert f"Example: keel {command} " in text
    assert "Exit code 0:" in text


def test_the_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command, keel says what it can do."""
    code, out, _ = keel(capsys, "--help")
    assert code == ExitCode.DONE
    for command in ("run", "check", "backtest", "tree"):
        assert f" {command} " in out


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("check",), ("check", "a", "b"), ("backtest", "config/paper.toml")]
)
def test_a_wrong_command_line_has_its_own_code(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Unknown commands and missing or extra arguments end with 2."""
    code, _, _ = keel(capsys, *arguments)
    assert code == ExitCode.USAGE


def test_tree_prints_addresses_budgets_and_scopes(capsys: pytest.CaptureFixture[str]) -> None:
    """The tree of a config is a table, and a config with problems has none."""
    code, out, _ = keel(capsys, "tree", "config/paper.toml")
    assert code == ExitCode.DONE
    assert "| `/hedges/btc` |" in out
    assert "pair btc" in out
    assert keel(capsys, "tree", "nothing.toml")[0] == ExitCode.REFUSED


def test_run_refuses_what_is_no_paper_trading(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorded market, a broken file and a wrong duration are refused before anything starts."""
    monkeypatch.chdir(tmp_path)
    code, _, err = keel(capsys, "run", "config/hedged.toml")
    assert code == ExitCode.REFUSED
    assert "use keel backtest" in err
    assert keel(capsys, "run", "nothing.toml")[0] == ExitCode.REFUSED
    code, _, err = keel(capsys, "run", "config/paper.toml", "--for", "soon")
    assert code == ExitCode.USAGE
    assert "20s" in err
    assert not list(tmp_path.iterdir())


def test_packages_from_elsewhere_are_refused(tmp_path: Path) -> None:
    """All packages lie in one folder; another place, or none, is named."""
    home = tmp_path / "keel"
    together: dict[str, Path | None] = dict.fromkeys(PACKAGES, home)
    assert foreign_packages(together) == []
    assert foreign_packages(together | {"domain": None}) == [f"domain: not found beside {home}"]
    (found,) = foreign_packages(together | {"config": tmp_path})
    assert found.startswith(f"config: found in {tmp_path}")


def test_a_mixed_installation_does_not_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends with a reason when a package of ours is somebody else's."""
    monkeypatch.setattr("adapters.cli.PACKAGES", (*PACKAGES, "json"))
    code, _, err = keel(capsys, "check", "config/paper.toml")
    assert code == ExitCode.REFUSED
    assert "json: found in" in err


@pytest.mark.parametrize(
    ("text", "expected"), [("500ms", 0.5), ("20s", 20), ("1.5m", 90), ("2h", 7_200), ("1d", 86_400)]
)
def test_durations_are_read(text: str, expected: float) -> None:
    """A number and a unit make a duration."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "20", "s", "-1s", "0s", "1 h", "1y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Nothing is guessed: no unit, no number, or no time at all."""
    with pytest.raises(ValueError, match="500ms, 20s"):
        seconds(text)


def test_instants_are_utc_unless_they_say_otherwise() -> None:
    """A date is its midnight in UTC; a stated zone counts."""
    assert instant_ns("1970-01-02") == 86_400_000_000_000
    assert instant_ns("1970-01-01T01:00:00+01:00") == 0
    with pytest.raises(ValueError, match="2020-03-12T09:00"):
        instant_ns("noon")
