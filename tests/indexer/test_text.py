import pytest

from indexer.text import Vocabulary, normalise_text


def test_a_line_of_a_hundred_thousand_letters_is_read_as_fast_as_any_other() -> None:
    """Quadratic time would be many minutes, in the worker, where no limit holds."""
    text = "a" * 100_000 + " and a bro-\nken word"
    assert normalise_text(text, Vocabulary([text])).endswith("and a broken word")


@pytest.mark.parametrize(
    ("read", "typed"),
    [
        ("na\u00a8\u0131ve and Gr\u00b4egory Franc\u00b8ois", "naïve and Grégory François"),
        ("Emin G \u00a8 un Sirer", "Emin Gün Sirer"),
        ("cafe\u0301 and A\u030angstrom", "café and Ångstrom"),
        ("x \u00af b and 5 \u02dc 6 and Rogers\u00b4s", "x \u00af b and 5 \u02dc 6 and Rogers\u00b4s"),
    ],
)
def test_accents_of_their_own_stand_on_their_letters(read: str, typed: str) -> None:
    assert normalise_text(read, Vocabulary(())) == typed
