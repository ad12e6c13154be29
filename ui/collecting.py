"""What the Library tab's script asks for to keep collections."""

from typing import Any

from api.services import Services
from core.errors import NotFoundError
from core.people import require_user
from storage import collections
from storage.database import open_database
from storage.privacy import make_private, share_papers
from ui.messages import answer_script


def chosen_collection(chosen: int | str | None) -> int | None:
    """The id of what is chosen among `into_choices`, None for no collection. Raises NotFoundError for what is not."""
    if isinstance(chosen, str) and not chosen.isdecimal():
        raise NotFoundError(f"There is no collection '{chosen[:80]}'. Choose one of the list.")
    return int(chosen or 0) or None


def make_collect(services: Services) -> Any:
    """Arguments: what to do, the collection's id (none for a new one), a name, and the papers' ids."""

    @answer_script
    def collect(arguments: list) -> dict:
        action, collection_id, name, papers = arguments
        ids = [int(paper) for paper in papers]
        with open_database(services.settings.database) as db:
            if action in ("create", "create private"):
                created = collections.create_collection(db, str(name), private=action == "create private")
                collections.put_into_collection(db, created.id, ids)
            elif action == "put":
                collections.put_into_collection(db, int(collection_id), ids)
            elif action == "take":
                collections.take_out_of_collection(db, int(collection_id), ids)
            elif action == "rename":
                collections.rename_collection(db, int(collection_id), str(name))
            elif action == "delete":
                collections.delete_collection(db, int(collection_id))
        return {}

    return collect


def make_set_privacy(services: Services) -> Any:
    """Arguments: the paper's id, and whether it is to be private."""

    @answer_script
    def set_privacy(arguments: list) -> dict:
        document_id, private = int(arguments[0]), bool(arguments[1])
        with open_database(services.settings.database) as db:
            if private:
                make_private(db, [document_id], require_user())
            else:
                share_papers(db, [document_id])
        return {}

    return set_privacy
