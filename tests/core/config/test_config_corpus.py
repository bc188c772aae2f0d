"""Good and bad files: what each leads to, word by word.

Beside each bad file stands what is said about it, a problem a line. `CANARY` is what secrets hold
here, in the environment and in files, and what careless people have written where it is shown.
"""

from pathlib import Path

import pytest

from trunkline.config import load_config
from trunkline.errors import ConfigError

CORPUS = Path(__file__).parent / "corpus"
ENVIRON = {"TRUNKLINE_TOKEN": "CANARY", "EMPTY": " ", "TWO_LINES": "CANARY\nCANARY"}
GOOD = sorted((CORPUS / "good").glob("*.toml"))
BAD = sorted((CORPUS / "bad").glob("*.toml"))
WARNINGS = {
    "insecure_token_allowed": (
        "the token travels unencrypted to ws://events.example/ws; use wss://",
    )
}


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_taken(path: Path) -> None:
    """With exactly the warnings it deserves, and without showing its secret anywhere."""
    config = load_config(path, environ=ENVIRON)

    assert config.warnings == WARNINGS.get(path.stem, ())
    assert "CANARY" not in f"{config} {config!r} {config.masked()} {config.connection}"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_p20_a_bad_file_is_told_all_its_mistakes(path: Path) -> None:
    """File, line and key, the cause, and what would be right; never a secret."""
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ=ENVIRON)

    said = [str(problem) for problem in caught.value.problems]
    assert said == path.with_suffix(".txt").read_text().splitlines()
    assert "CANARY" not in str(said)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_corpus_is_as_large_as_promised() -> None:
    """At least forty files; a bad one without its outcome would pass for nothing."""
    assert len(GOOD) + len(BAD) >= 40
    assert {path.stem for path in BAD} == {path.stem for path in (CORPUS / "bad").glob("*.txt")}
