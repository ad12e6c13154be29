from indexer.text import Vocabulary, normalise_text


def test_a_line_of_a_hundred_thousand_letters_is_read_as_fast_as_any_other() -> None:
    """Quadratic time would be many minutes, in the worker, where no limit holds."""
    text = "a" * 100_000 + " and a bro-\nken word"
    assert normalise_text(text, Vocabulary([text])).endswith("and a broken word")
