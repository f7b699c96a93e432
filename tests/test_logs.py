"""The log: one line per event, JSON on request, and never a secret."""

from __future__ import annotations

import io
import json

import pytest

from adapters.logs import Redactor, logger, set_up
from config.secrets import Secret

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


@pytest.fixture
def stream() -> io.StringIO:
    """Where the log goes."""
    return io.StringIO()


def test_a_line_has_time_level_and_message(stream: io.StringIO) -> None:
    """A line begins with UTC to the millisecond."""
    set_up(stream=stream)
    logger.info("started {}", "paper")
    stamp, level, text = stream.getvalue().split(maxsplit=2)
    assert stamp.endswith("Z")
    assert "T" in stamp
    assert (level, text) == ("INFO", "started paper\n")


def test_below_the_level_nothing_is_written(stream: io.StringIO) -> None:
    """Only what is grave enough is written."""
    set_up(stream=stream, level="WARNING")
    logger.info("detail")
    assert stream.getvalue() == ""


def test_json_lines_are_objects(stream: io.StringIO) -> None:
    """With json each line is an object with text and level."""
    set_up(stream=stream, json=True)
    logger.warning("careful")
    record = json.loads(stream.getvalue())["record"]
    assert (record["message"], record["level"]["name"]) == ("careful", "WARNING")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_secret_that_was_resolved_is_hidden(stream: io.StringIO, as_json: bool) -> None:
    """What the redactor has learnt does not appear, whatever stands around it."""
    redactor = set_up(stream=stream, json=as_json)
    redactor.learn(Secret("hunter22"))
    logger.info("login with hunter22!")
    assert "hunter22" not in stream.getvalue()
    assert "***" in stream.getvalue()


def test_an_exception_shows_no_local_values(stream: io.StringIO) -> None:
    """A traceback is logged without the values of variables."""
    set_up(stream=stream)
    password = "correct horse"
    try:
        int(f"x{len(password)}")
    except ValueError:
        logger.exception("failed")
    assert "ValueError: invalid literal" in stream.getvalue()
    assert password not in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"key 0x{KEY} used", "key *** used"),
        (f"key {KEY.upper()}", "key ***"),
        ("api_key=abc123 next", "api_key=*** next"),
        ('{"password": "abc"}', '{"password": "***"}'),
        ("Authorization: xyz", "Authorization: ***"),
        ("key env:API_KEY", "key env:API_KEY"),
        ("secret: env:API_KEY", "secret: env:API_KEY"),
        ("token bucket is empty", "token bucket is empty"),
        (f"digest {KEY}00", f"digest {KEY}00"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, clean: str) -> None:
    """Private keys and named secrets are hidden; references and ordinary words are not."""
    assert Redactor().clean(text) == clean


def test_a_short_secret_would_hide_half_the_log() -> None:
    """A secret of three characters is not searched for."""
    redactor = Redactor()
    redactor.learn(Secret("abc"))
    assert redactor.clean("alphabc") == "alphabc"
