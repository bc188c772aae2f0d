"""What a file is turned into: defaults, places, limits, warnings, and what people may read."""

import json
from pathlib import Path

import pytest

from trunkline.config import Config, Secret, config_from_mapping, load_config
from trunkline.errors import ConfigError

URL = 'connection.url = "wss://events.example"\n'
LIMIT = 1024 * 1024


def written(folder: Path, text: str) -> Path:
    path = folder / "trunkline.toml"
    path.write_text(text)
    return path


def only_problem(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})
    [problem] = caught.value.problems
    return str(problem)


def test_p20_a_mistake_is_told_with_file_line_and_key(tmp_path: Path) -> None:
    """As the documentation shows it."""
    path = written(tmp_path, URL + "\n\n\n\n[host]\n" + 'start_timeout = "soon"\n')

    assert only_problem(path) == (
        'trunkline.toml:7 host.start_timeout: expected number of seconds, got "soon"'
    )


def test_s13_a_file_at_the_limit_is_read_and_one_byte_more_refused(tmp_path: Path) -> None:
    """The limit is named."""
    path = written(tmp_path, URL + "#" * (LIMIT - len(URL)))
    load_config(path)

    path = written(tmp_path, URL + "#" * (LIMIT - len(URL) + 1))
    assert only_problem(path) == f"{path}: is larger than 1048576 bytes"


def test_a_missing_file_is_named_as_it_was_given(tmp_path: Path) -> None:
    """There is no line to point at."""
    path = tmp_path / "gone.toml"

    assert only_problem(path) == f"{path}: cannot be read: No such file or directory"
    assert only_problem(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"


def test_the_data_directory_is_beside_the_file(tmp_path: Path) -> None:
    """By default `var`; a relative one of one's own starts there too."""
    assert load_config(written(tmp_path, URL)).host.data == tmp_path / "var"

    path = written(tmp_path, URL + '[host]\ndata = "d"\n[plugins]\npaths = ["p", "/q"]\n')
    config = load_config(path)
    assert config.host.data == tmp_path / "d"
    assert config.plugins.paths == (tmp_path / "p", Path("/q"))


def test_without_a_file_there_is_no_data_directory() -> None:
    """A program that made its configuration itself gets nothing on disk."""
    config = config_from_mapping({"connection": {"url": "wss://events.example"}})

    assert config.host.data is None
    assert config.path is None
    assert config.activity.path == ":memory:"


def test_the_outbox_is_placed_beside_the_file_too(tmp_path: Path) -> None:
    """The process may stand anywhere."""
    path = written(tmp_path, URL + '[activity]\npath = "var/outbox.db"\n')

    assert load_config(path).activity.path == str(tmp_path / "var/outbox.db")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o444])
def test_p21_a_secret_file_that_others_can_read_is_a_warning(tmp_path: Path, mode: int) -> None:
    """And still works: mounted secrets come like that. The newline at its end is not part of it."""
    secret = tmp_path / "token"
    secret.write_text("CANARY\n")
    secret.chmod(mode)
    path = written(tmp_path, URL + 'connection.token = { file = "token" }\n')

    config = load_config(path)

    assert config.warnings == (f"the secret in {secret} can be read by others; chmod 600 it",)
    assert config.connection.token == Secret("CANARY")


def test_p21_a_secret_file_of_ones_own_is_no_warning(tmp_path: Path) -> None:
    """Mode 0600."""
    secret = tmp_path / "token"
    secret.write_text("CANARY")
    secret.chmod(0o600)
    path = written(tmp_path, URL + 'connection.token = { file = "token" }\n')

    assert load_config(path).warnings == ()


def test_s13_a_secret_file_over_its_limit_is_refused(tmp_path: Path) -> None:
    """The limit is named, what it holds is not."""
    (tmp_path / "token").write_text("X" * (64 * 1024 + 1))
    path = written(tmp_path, URL + 'connection.token = { file = "token" }\n')

    assert only_problem(path) == (
        "trunkline.toml:2 connection.token: the file token is larger than 65536 bytes"
    )


def test_whitespace_around_a_secret_is_no_part_of_it(tmp_path: Path) -> None:
    """CR5: from the environment as from a file."""
    path = written(tmp_path, URL + 'connection.token = { env = "T" }\n')

    config = load_config(path, environ={"T": " CANARY\n"})

    assert config.connection.token == Secret("CANARY")


def everything(tmp_path: Path) -> Config:
    text = f"""
        {URL}
        connection.token = {{ env = "T" }}
        [activity]
        path = "outbox.db"
        [[filter]]
        topic = "a"
        action = "drop"
        where = {{ "payload.n" = [1, 2] }}
        [plugin.known]
        password = {{ env = "T" }}
        [plugin.unknown]
        password = "CANARY"
        """
    return load_config(written(tmp_path, text), environ={"T": "CANARY"})


def test_masked_is_plain_data_without_secrets(tmp_path: Path) -> None:
    """S4: what `check -v` prints; of a table that nobody has judged, only the keys."""
    config = everything(tmp_path)

    masked = config.masked()

    assert "CANARY" not in json.dumps(masked)
    assert masked["connection"]["token"] == "***"
    assert masked["connection"]["url"] == "wss://events.example/"
    assert masked["host"]["data"] == str(tmp_path / "var")
    assert masked["filter"][0]["where"] == {"payload.n": [1, 2]}
    assert masked["plugin"] == {"known": {"password": "***"}, "unknown": {"password": "***"}}


def test_masked_shows_nothing_of_a_provider() -> None:
    """It comes from a program, and what its text would say nobody knows."""

    class Provider:
        async def __call__(self, *, fresh: bool) -> str:
            return f"CANARY {fresh}"

        def __repr__(self) -> str:
            return "CANARY"

    connection = {"url": "wss://events.example", "token": Provider()}

    assert config_from_mapping({"connection": connection}).masked()["connection"]["token"] == "***"


def test_settings_are_frozen(tmp_path: Path) -> None:
    """Nobody changes them while a host runs."""
    config = load_config(written(tmp_path, URL))

    with pytest.raises(AttributeError):
        config.host.stop_timeout = 1.0  # type: ignore[misc] # what is tested


def test_names_of_plugin_tables_come_sorted(tmp_path: Path) -> None:
    """And each table as it was read."""
    config = load_config(written(tmp_path, URL + "[plugin.b]\nx = 1\n[plugin.a]\n"))

    assert config.plugin_names() == ("a", "b")
    assert config.plugin_table("b") == {"x": 1}
    assert config.plugin_table("c") is None


def test_a_problem_found_later_gets_its_line(tmp_path: Path) -> None:
    """Of an item of a list, the line of its statement."""
    config = load_config(written(tmp_path, URL + '[plugins]\ndisable = [\n  "x",\n]\n'))

    problem = config.problem(("plugins", "disable", 0), "no plugin `x`")

    assert str(problem) == "trunkline.toml:3 plugins.disable[0]: no plugin `x`"


def test_what_foreign_text_says_stays_on_its_line() -> None:
    """S11: a problem is one line, whatever stands in it."""
    config = config_from_mapping({"connection": {"url": "wss://events.example"}})

    text = str(config.problem(("plugin", "a\nb"), "x\ny\x1b[31m\u202e" + "z" * 1000))

    assert text.isprintable()
    assert len(text) < 400
