"""What the Search and the Judge tab's scripts ask for to judge passages."""

from typing import Any

from api.services import Services
from core.errors import NotFoundError
from storage import judgements
from storage.database import open_database, transaction
from ui.messages import answer_script

_MOST_AT_ONCE = 200


def make_judge_many(services: Services) -> Any:
    @answer_script
    def judge_many(arguments: list) -> dict:
        """[[[query, chunk id, rank, model id, part], ...], relevance or None to take back, who]; None for unknown."""
        rows, relevance, judge = arguments
        if len(rows) > _MOST_AT_ONCE:
            raise NotFoundError(f"{len(rows)} verdicts at once are more than {_MOST_AT_ONCE}. Choose fewer.")
        with open_database(services.settings.database) as db, transaction(db):
            for query, chunk_id, rank, model_id, part in rows:
                if not isinstance(query, str) or not query.strip():
                    raise NotFoundError("There is no question to judge this passage for.")
                if relevance is None:
                    judgements.take_back_judgement(db, query, int(chunk_id))
                else:
                    judgements.store_judgement(
                        db,
                        query,
                        int(chunk_id),
                        int(bool(relevance)),
                        int(rank) if rank else None,
                        int(model_id) if model_id else None,
                        None if part is None else str(part),
                        judge=judge if isinstance(judge, str) else None,
                    )
        return {}

    return judge_many
