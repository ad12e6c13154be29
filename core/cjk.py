"""Text that is written without spaces between words, as pairs of characters, which a word index can hold."""

import re

# Han with its extensions, kana and Hangul; 々 and the long-vowel mark belong to words.
_RUN = re.compile(
    "[\u3005\u3007\u3040-\u309f\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]+"
)


def pair_cjk(text: str) -> str:
    """The text with each run of Chinese, Japanese or Korean characters as its overlapping pairs: 机器学 as 机器 器学.

    Without such characters the text is returned as it is. The word index holds what this makes: another result for the
    same text needs a migration that builds the index anew.
    """
    return text if text.isascii() else _RUN.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", text)


def _pairs(run: str) -> list[str]:
    return [run[first : first + 2] for first in range(len(run) - 1)] or [run]


def cjk_runs(text: str) -> list[str]:
    return _RUN.findall(text)


def strip_cjk(text: str) -> str:
    return _RUN.sub(" ", text)
