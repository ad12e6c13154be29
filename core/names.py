"""Sentences for the eyes of others."""

import re

from core.formats import SUFFIXES


def without_names(text: str) -> str:
    """The sentence without what it quotes, the paths and the file names in it, and an error's own words."""
    text = re.sub(r"\((\w+): .*\)", r"(\1)", text)
    # From the first quote to the last: what is quoted may hold quotes itself.
    for opening, closing in ("''", '""', "“”", "‘’"):
        text = re.sub(rf"(?<!\w){opening}.*{closing}(?!\w)", f"{opening}…{closing}", text)
    text = re.sub(r"(?<![\w.…])(?:[A-Za-z]:)?[\\/][^\s,;]+", "…", text)
    suffixes = "|".join(re.escape(suffix) for suffix in SUFFIXES)
    return re.sub(rf"[^\s…]+(?:{suffixes})\b", "…", text, flags=re.IGNORECASE)
