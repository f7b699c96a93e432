"""Secrets: referred to, resolved once, and never shown."""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251 - shows that a secret refuses to be pickled
from pathlib import Path

import pytest
from eth_keyfile.keyfile import create_keyfile_json

from config.secrets import (
    PASSWORD_VARIABLE,
    Secret,
    SecretError,
    SecretRef,
    parse_reference,
    resolve,
)
from tests.config.fakes import BASE, problems_of, read

HIDDEN = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


@pytest.mark.parametrize("text", ["env:API_KEY", "fd:7", "keystore:~/keys.json#alpha"])
def test_a_reference_reads_back_as_it_was_written(text: str) -> None:
    """Each of the three forms is understood and shown again as it stands in the file."""
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize(
    "text", [HIDDEN, "", "env:", "env:A B", "fd:x", "fd:-1", "keystore:f", "keystore:#n", "file:x"]
)
def test_anything_else_is_refused_without_being_repeated(text: str) -> None:
    """What is no reference may be the secret itself, so the refusal does not contain it."""
    with pytest.raises(SecretError) as caught:
        parse_reference(text)
    assert "env:NAME" in str(caught.value)
    assert len(text) < 10 or text not in str(caught.value)


def test_a_literal_secret_in_a_file_is_refused_and_not_shown() -> None:
    """A key written into the file is a problem of its entry, and appears in no message."""
    text = BASE.replace("deposit_usd = 1000", f'key = "{HIDDEN}"')
    (problem,) = problems_of(text)
    assert problem.key == "venues[0].fake.key"
    assert HIDDEN not in str(problem)


@pytest.mark.parametrize(
    "line", [f'secret = "{HIDDEN}"', f'api_key = "{HIDDEN}"', f'account = "{HIDDEN}"']
)
def test_a_secret_in_the_wrong_place_is_not_shown_either(line: str) -> None:
    """A key under an unknown or another entry appears in no message."""
    text = BASE.replace('kind = "fake"', f'kind = "fake"\n{line}', 1)
    found = problems_of(text)
    assert found
    assert all(HIDDEN not in str(problem) for problem in found)


def test_a_secret_as_a_number_or_choice_is_not_shown() -> None:
    """A long text where a number belongs is described, not repeated."""
    (problem,) = problems_of(BASE.replace("ratio = 0.5", f'ratio = "{HIDDEN}"'))
    assert "a text of 66 characters" in problem.problem


def test_a_reference_is_part_of_the_config() -> None:
    """A config holds the reference, not what it points to."""
    text = BASE.replace("deposit_usd = 1000", 'key = "env:API_KEY"')
    config = read(text, API_KEY=HIDDEN)
    assert config.options["alpha"].key == SecretRef(source="env", name="API_KEY")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("reference", "environment", "part"),
    [
        ("env:API_KEY", {}, "env:API_KEY: the environment has no API_KEY"),
        ("keystore:none.json#a", {PASSWORD_VARIABLE: "x"}, "there is no keystore none.json"),
        ("keystore:" + __file__ + "#a", {}, f"no {PASSWORD_VARIABLE} to open"),
    ],
)
def test_a_secret_that_is_not_there_is_a_problem_of_the_config(
    reference: str, environment: dict[str, str], part: str
) -> None:
    """What a table refers to must be there before anything starts; the reference is named."""
    text = BASE.replace("deposit_usd = 1000", f'key = "{reference}"')
    (problem,) = problems_of(text, **environment)
    assert problem.key == "venues[0].fake.key"
    assert part in problem.problem


def test_the_environment_gives_a_secret() -> None:
    """A named variable is read; a missing or empty one is an error that names it."""
    reference = parse_reference("env:API_KEY")
    assert resolve(reference, {"API_KEY": HIDDEN}).reveal() == HIDDEN
    for environment in ({}, {"API_KEY": ""}):
        with pytest.raises(SecretError, match="no API_KEY"):
            resolve(reference, environment)


def test_a_descriptor_gives_a_secret_once() -> None:
    """An open descriptor is read to its end and closed; a second read finds nothing."""
    reader, writer = os.pipe()
    os.write(writer, f"{HIDDEN}\n".encode())
    os.close(writer)
    reference = parse_reference(f"fd:{reader}")
    assert resolve(reference, {}).reveal() == HIDDEN
    with pytest.raises(SecretError, match="cannot be read"):
        resolve(reference, {})


def test_a_keystore_gives_a_secret_to_its_password(tmp_path: Path) -> None:
    """An entry opens with the right password, and with nothing else."""
    entry = create_keyfile_json(bytes.fromhex(HIDDEN[2:]), b"open", iterations=1000)  # type: ignore[arg-type]
    (tmp_path / "keys.json").write_text(json.dumps({"alpha": entry}), encoding="utf-8")
    reference = parse_reference("keystore:keys.json#alpha")
    assert resolve(reference, {PASSWORD_VARIABLE: "open"}, tmp_path).reveal() == HIDDEN
    for environment, part in (
        ({}, PASSWORD_VARIABLE),
        ({PASSWORD_VARIABLE: "wrong"}, "password does not open"),
    ):
        with pytest.raises(SecretError, match=part):
            resolve(reference, environment, tmp_path)
    with pytest.raises(SecretError, match="no entry"):
        resolve(parse_reference("keystore:keys.json#x"), {PASSWORD_VARIABLE: "open"}, tmp_path)
    with pytest.raises(SecretError, match="cannot be read"):
        resolve(parse_reference("keystore:no.json#x"), {PASSWORD_VARIABLE: "open"}, tmp_path)


def test_a_resolved_secret_is_not_shown_or_written_down() -> None:
    """No text form of a secret holds it, and it cannot be pickled."""
    secret = Secret(HIDDEN)
    assert {repr(secret), str(secret), f"{secret}"} == {"Secret(***)"}
    with pytest.raises(SecretError):
        pickle.dumps(secret)
