"""Which documents hold the same texts, found by the texts' hashes alone."""

from collections import Counter
from itertools import combinations, groupby
from operator import itemgetter

from sqlite_utils import Database

# A text in more documents is a notice or a form, and tells nothing of any two of them.
_MOST_WITH_ONE_TEXT = 10


def count_equal_passages(db: Database) -> dict[tuple[int, int], int]:
    """How many texts two documents have in common, by their ids, the smaller first; not what stands in many."""
    rows = db.conn.execute(
        """
        SELECT DISTINCT content_hash, document_id FROM chunks WHERE content_hash IN (
            SELECT content_hash FROM chunks GROUP BY content_hash HAVING min(document_id) < max(document_id))
        ORDER BY content_hash, document_id
        """
    )
    counts: Counter[tuple[int, int]] = Counter()
    for _, same_text in groupby(rows, key=itemgetter(0)):
        ids = [document_id for _, document_id in same_text]
        if len(ids) <= _MOST_WITH_ONE_TEXT:
            counts.update(combinations(ids, 2))
    return dict(counts)
