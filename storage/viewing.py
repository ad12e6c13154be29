"""A handle for one person: what is hidden from them is in none of its tables, whatever the query.

In front of each table stands a view of the same name that holds what the user may see: SQLite looks for a name among
the temporary ones first. So a query can't forget to leave out another's papers. Nothing is written through a view; a
statement that changes rows names the table itself, `main.documents`, and has looked through the view before whether
the row is there.
"""

import sqlite3

from core.people import User

_OWN = "owner_id IS NULL OR owner_id = {user}"
_HIDDEN = "SELECT id FROM main.documents WHERE owner_id IS NOT NULL AND owner_id != {user}"
_VISIBLE = f"document_id NOT IN ({_HIDDEN})"
_OF_VISIBLE_CHUNK = f"(SELECT document_id FROM main.chunks c WHERE c.id = chunk_id) NOT IN ({_HIDDEN})"

_VIEWS = {
    "hidden_documents": _HIDDEN,
    "documents": f"SELECT * FROM main.documents WHERE {_OWN}",
    "collections": f"SELECT * FROM main.collections WHERE {_OWN}",
    "chunks": f"SELECT * FROM main.chunks WHERE {_VISIBLE}",
    "document_names": f"SELECT *, rowid FROM main.document_names WHERE {_VISIBLE}",
    "pages": f"SELECT * FROM main.pages WHERE {_VISIBLE}",
    "recognised_pages": f"SELECT * FROM main.recognised_pages WHERE {_VISIBLE}",
    "corrections": f"SELECT * FROM main.corrections WHERE {_VISIBLE}",
    "map_papers": f"SELECT * FROM main.map_papers WHERE {_VISIBLE}",
    "map_passages": f"SELECT * FROM main.map_passages WHERE {_OF_VISIBLE_CHUNK}",
    "judgements": f"SELECT * FROM main.judgements WHERE {_OF_VISIBLE_CHUNK}",
    "proposals": f"SELECT * FROM main.proposals WHERE {_OF_VISIBLE_CHUNK}",
    # Those of them that a verdict they may see is about.
    "queries": "SELECT * FROM main.queries WHERE EXISTS (SELECT 1 FROM judgements j WHERE j.query_id = queries.id)",
    "collected_documents": (
        f"SELECT * FROM main.collected_documents WHERE {_VISIBLE} AND collection_id IN (SELECT id FROM collections)"
    ),
    "kept_searches": "SELECT * FROM main.kept_searches WHERE user_id = {user}",
}


def show_only(connection: sqlite3.Connection, user: User) -> None:
    """Leave in this handle's tables what the user may see."""
    connection.execute("PRAGMA temp_store = MEMORY")
    statements = [f"CREATE TEMP VIEW {name} AS {select.format(user=int(user.id))}" for name, select in _VIEWS.items()]
    # The same words, of which each name now means the view.
    (known,) = connection.execute("SELECT sql FROM main.sqlite_master WHERE name = 'known_metadata'").fetchone()
    statements.append(known.replace("CREATE VIEW", "CREATE TEMP VIEW", 1))
    for statement in statements:
        connection.execute(statement)


def is_narrowed(connection: sqlite3.Connection) -> bool:
    """Whether anything could be hidden in this handle."""
    return connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'hidden_documents'").fetchone() is not None
