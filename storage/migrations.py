"""The schema's whole history, to be read from top to bottom."""

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("whetstone")

# Of the word index: forms of English words as one, accents left out.
TOKENIZER = "porter unicode61 remove_diacritics 2"

# As m012 makes it, and m022 once more, since a table that it reads is made anew; never to be changed here.
_KNOWN_METADATA = """
    CREATE VIEW known_metadata AS
    SELECT d.id AS document_id,
        json_extract(coalesce((SELECT value FROM corrections WHERE document_id = d.id AND field = 'title'),
            json_quote(d.title)), '$') AS title,
        coalesce((SELECT value FROM corrections WHERE document_id = d.id AND field = 'authors'),
            d.authors) AS authors,
        json_extract(coalesce((SELECT value FROM corrections WHERE document_id = d.id AND field = 'year'),
            json_quote(d.year)), '$') AS year,
        json_extract(coalesce((SELECT value FROM corrections WHERE document_id = d.id AND field = 'doi'),
            json_quote(d.doi)), '$') AS doi,
        json_extract(coalesce((SELECT value FROM corrections WHERE document_id = d.id AND field = 'arxiv_id'),
            json_quote(d.arxiv_id)), '$') AS arxiv_id,
        (SELECT json_group_array(field) FROM corrections WHERE document_id = d.id) AS corrected
    FROM documents d;
"""


@migrations()
def m001_documents_pages_chunks(db: Database) -> None:
    # AUTOINCREMENT: an id is never used again, so a stale index can't answer for a new row.
    _execute_all(
        db,
        """
        CREATE TABLE documents (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            sha256 TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL,
            authors TEXT NOT NULL DEFAULT '[]',
            year INTEGER,
            state TEXT NOT NULL,
            reason TEXT,
            added_at TEXT NOT NULL
        );
        CREATE TABLE document_names (
            document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            PRIMARY KEY (document_id, name)
        );
        CREATE TABLE pages (
            document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            text TEXT NOT NULL,
            width REAL NOT NULL,
            height REAL NOT NULL,
            PRIMARY KEY (document_id, number)
        );
        CREATE TABLE chunks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            text TEXT NOT NULL,
            spans TEXT NOT NULL,
            section TEXT,
            content_hash TEXT NOT NULL
        );
        CREATE INDEX chunks_document ON chunks(document_id);
        CREATE INDEX chunks_content_hash ON chunks(content_hash);
        CREATE TABLE removals (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            chunk_id INTEGER NOT NULL
        );
        CREATE TRIGGER chunks_removed AFTER DELETE ON chunks BEGIN
            INSERT INTO removals (chunk_id) VALUES (old.id);
        END;
        """,
    )


@migrations()
def m002_models_and_embeddings(db: Database) -> None:
    _execute_all(
        db,
        """
        CREATE TABLE models (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            source TEXT NOT NULL UNIQUE,
            dimension INTEGER NOT NULL,
            window INTEGER NOT NULL,
            fingerprint TEXT NOT NULL,
            parent_id INTEGER REFERENCES models(id),
            state TEXT NOT NULL,
            created_at TEXT NOT NULL,
            report TEXT NOT NULL DEFAULT '{}'
        );
        CREATE TABLE activations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            model_id INTEGER NOT NULL REFERENCES models(id),
            at TEXT NOT NULL,
            undone_at TEXT
        );
        CREATE TABLE embeddings (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            model_id INTEGER NOT NULL REFERENCES models(id) ON DELETE CASCADE,
            content_hash TEXT NOT NULL,
            vector BLOB NOT NULL,
            UNIQUE (model_id, content_hash)
        );
        """,
    )


@migrations()
def m003_judgements(db: Database) -> None:
    _execute_all(
        db,
        """
        CREATE TABLE queries (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            text TEXT NOT NULL UNIQUE
        );
        CREATE TABLE judgements (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            query_id INTEGER NOT NULL REFERENCES queries(id) ON DELETE CASCADE,
            chunk_id INTEGER NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
            relevance INTEGER NOT NULL CHECK (relevance IN (0, 1)),
            rank INTEGER,
            model_id INTEGER REFERENCES models(id),
            at TEXT NOT NULL,
            UNIQUE (query_id, chunk_id)
        );
        CREATE INDEX judgements_chunk ON judgements(chunk_id);
        """,
    )


@migrations()
def m004_jobs(db: Database) -> None:
    _execute_all(
        db,
        """
        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            params TEXT NOT NULL DEFAULT '{}',
            state TEXT NOT NULL,
            step TEXT NOT NULL DEFAULT '',
            item TEXT NOT NULL DEFAULT '',
            done INTEGER NOT NULL DEFAULT 0,
            total INTEGER NOT NULL DEFAULT 0,
            seconds_left REAL,
            reason TEXT,
            result TEXT NOT NULL DEFAULT '{}',
            cancel_requested INTEGER NOT NULL DEFAULT 0,
            starts INTEGER NOT NULL DEFAULT 0,
            created_at TEXT NOT NULL,
            finished_at TEXT
        );
        CREATE INDEX jobs_state ON jobs(state);
        """,
    )


@migrations()
def m005_dismissed_jobs(db: Database) -> None:
    db.conn.execute("ALTER TABLE jobs ADD COLUMN dismissed_at TEXT")


@migrations()
def m006_activations_against_advice(db: Database) -> None:
    db.conn.execute("ALTER TABLE activations ADD COLUMN against_advice INTEGER NOT NULL DEFAULT 0")


@migrations()
def m007_kinds_of_chunks(db: Database) -> None:
    # What was read before is body text until it is read again.
    db.conn.execute("ALTER TABLE chunks ADD COLUMN kind TEXT NOT NULL DEFAULT 'body'")


@migrations()
def m008_how_pages_were_read(db: Database) -> None:
    db.conn.execute("ALTER TABLE pages ADD COLUMN source TEXT NOT NULL DEFAULT 'text'")
    db.conn.execute("ALTER TABLE pages ADD COLUMN reason TEXT")
    # Of recognised pages only: [start, end, left, top, width, height] of each word.
    db.conn.execute("ALTER TABLE pages ADD COLUMN words TEXT")


@migrations()
def m009_identifiers_of_papers(db: Database) -> None:
    db.conn.execute("ALTER TABLE documents ADD COLUMN doi TEXT")
    db.conn.execute("ALTER TABLE documents ADD COLUMN arxiv_id TEXT")


@migrations()
def m010_formats_and_passwords(db: Database) -> None:
    db.conn.execute("ALTER TABLE documents ADD COLUMN format TEXT NOT NULL DEFAULT 'pdf'")
    # As given: without it the pages of an encrypted paper could not be shown.
    db.conn.execute("ALTER TABLE documents ADD COLUMN password TEXT")
    db.conn.execute("ALTER TABLE documents ADD COLUMN locked INTEGER NOT NULL DEFAULT 0")
    # Of converted papers only: [start, end, kind, level] of each block.
    db.conn.execute("ALTER TABLE pages ADD COLUMN blocks TEXT")


@migrations()
def m011_recognised_pages(db: Database) -> None:
    _execute_all(
        db,
        """
        CREATE TABLE recognised_pages (
            document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            page TEXT NOT NULL,
            PRIMARY KEY (document_id, number)
        );
        """,
    )


@migrations()
def m012_corrections_of_papers(db: Database) -> None:
    # What a person has set, apart from what was read, so that no new reading takes its place; the value is JSON, and
    # null where the person has said that there is none.
    _execute_all(
        db,
        """
        CREATE TABLE corrections (
            document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            field TEXT NOT NULL,
            value TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (document_id, field)
        ) WITHOUT ROWID;
        """
        + _KNOWN_METADATA
        + """
        -- With the document, so that texts of several documents are found in the index alone.
        DROP INDEX chunks_content_hash;
        CREATE INDEX chunks_content_hash ON chunks(content_hash, document_id);
        """,
    )


@migrations()
def m013_words_of_chunks(db: Database) -> None:
    _execute_all(
        db,
        """
        CREATE VIRTUAL TABLE chunk_words USING fts5(
            text, content='chunks', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
        );
        INSERT INTO chunk_words(rowid, text) SELECT id, text FROM chunks;
        CREATE TRIGGER chunk_words_added AFTER INSERT ON chunks BEGIN
            INSERT INTO chunk_words(rowid, text) VALUES (new.id, new.text);
        END;
        CREATE TRIGGER chunk_words_removed AFTER DELETE ON chunks BEGIN
            INSERT INTO chunk_words(chunk_words, rowid, text) VALUES ('delete', old.id, old.text);
        END;
        """,
    )


@migrations()
def m014_deaths_and_removed_papers(db: Database) -> None:
    # Whether a process works on the paper, and how often one died at it.
    db.conn.execute("ALTER TABLE documents ADD COLUMN in_hand INTEGER NOT NULL DEFAULT 0")
    db.conn.execute("ALTER TABLE documents ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0")
    # Starts tell nothing: every restart of the app is one.
    db.conn.execute("ALTER TABLE jobs ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0")
    db.conn.execute("ALTER TABLE jobs ADD COLUMN supervised INTEGER NOT NULL DEFAULT 0")
    # How many papers that the version has learnt from have been removed since.
    db.conn.execute("ALTER TABLE models ADD COLUMN removed_papers INTEGER NOT NULL DEFAULT 0")


@migrations()
def m015_collections(db: Database) -> None:
    _execute_all(
        db,
        """
        CREATE TABLE collections (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE COLLATE NOCASE
        );
        CREATE TABLE collected_documents (
            collection_id INTEGER NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
            document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            PRIMARY KEY (collection_id, document_id)
        ) WITHOUT ROWID;
        CREATE INDEX collected_documents_document ON collected_documents(document_id);
        -- With the kind, so that a filter finds its passages in the index alone.
        DROP INDEX chunks_document;
        CREATE INDEX chunks_document ON chunks(document_id, kind);
        """,
    )


@migrations()
def m016_maps(db: Database) -> None:
    # Where papers and passages stand on a version's map; names are those of its groups, by group.
    _execute_all(
        db,
        """
        CREATE TABLE maps (
            model_id INTEGER PRIMARY KEY REFERENCES models(id) ON DELETE CASCADE,
            fingerprint TEXT NOT NULL,
            mark TEXT NOT NULL,
            made_at TEXT NOT NULL,
            names TEXT NOT NULL
        );
        CREATE TABLE map_papers (
            model_id INTEGER NOT NULL REFERENCES maps(model_id) ON DELETE CASCADE,
            document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            x REAL NOT NULL,
            y REAL NOT NULL,
            in_group INTEGER NOT NULL,
            laid_out INTEGER NOT NULL,
            PRIMARY KEY (model_id, document_id)
        );
        CREATE INDEX map_papers_document ON map_papers(document_id);
        CREATE TABLE map_passages (
            model_id INTEGER NOT NULL REFERENCES maps(model_id) ON DELETE CASCADE,
            chunk_id INTEGER NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
            x REAL NOT NULL,
            y REAL NOT NULL,
            PRIMARY KEY (model_id, chunk_id)
        );
        CREATE INDEX map_passages_chunk ON map_passages(chunk_id);
        -- The names are words of the papers.
        CREATE TRIGGER map_names_removed AFTER DELETE ON documents BEGIN
            UPDATE maps SET names = '{}' WHERE names != '{}';
        END;
        """,
    )


@migrations()
def m017_proposals(db: Database) -> None:
    # What is worth a verdict. A question that is judged already is named by its row, any other by its text.
    _execute_all(
        db,
        """
        CREATE TABLE proposals (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            query_id INTEGER REFERENCES queries(id) ON DELETE CASCADE,
            query TEXT,
            chunk_id INTEGER NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
            reason TEXT NOT NULL,
            rank INTEGER,
            model_id INTEGER NOT NULL REFERENCES models(id) ON DELETE CASCADE
        );
        CREATE INDEX proposals_chunk ON proposals(chunk_id);
        CREATE INDEX proposals_query ON proposals(query_id);
        """,
    )
    # A narrower part of the passage, as the verdict means it; null for all of it.
    db.conn.execute("ALTER TABLE judgements ADD COLUMN part TEXT")


@migrations()
def m018_watched_folders(db: Database) -> None:
    _execute_all(
        db,
        """
        CREATE TABLE watched_folders (
            path TEXT PRIMARY KEY,
            added_at TEXT NOT NULL,
            problem TEXT
        ) WITHOUT ROWID;
        -- What has been looked at, by the hash of its path, so that no name of a removed paper stays; a file with
        -- another state (size and time) is another paper.
        CREATE TABLE watched_files (
            folder TEXT NOT NULL REFERENCES watched_folders(path) ON DELETE CASCADE,
            file TEXT NOT NULL,
            state TEXT NOT NULL,
            PRIMARY KEY (folder, file)
        ) WITHOUT ROWID;
        """,
    )


@migrations()
def m019_who_judged(db: Database) -> None:
    # As they call themselves; null where nobody said.
    db.conn.execute("ALTER TABLE judgements ADD COLUMN judge TEXT")


@migrations()
def m020_words_without_spaces(db: Database) -> None:
    # Made anew, from the texts with their Chinese, Japanese and Korean parts in pairs of characters.
    _execute_all(
        db,
        f"""
        DROP TRIGGER chunk_words_added;
        DROP TRIGGER chunk_words_removed;
        DROP TABLE chunk_words;
        CREATE VIEW word_texts AS SELECT id, pair_cjk(text) AS text FROM chunks;
        CREATE VIRTUAL TABLE chunk_words USING fts5(
            text, content='word_texts', content_rowid='id', tokenize='{TOKENIZER}'
        );
        INSERT INTO chunk_words (chunk_words) VALUES ('rebuild');
        CREATE TRIGGER chunk_words_added AFTER INSERT ON chunks BEGIN
            INSERT INTO chunk_words (rowid, text) VALUES (new.id, pair_cjk(new.text));
        END;
        CREATE TRIGGER chunk_words_removed AFTER DELETE ON chunks BEGIN
            INSERT INTO chunk_words (chunk_words, rowid, text) VALUES ('delete', old.id, pair_cjk(old.text));
            INSERT OR REPLACE INTO word_removals VALUES (1, 0);
        END;
        -- Has a row as long as removed words stand in the index, marked as removed; begun is 1 once it is being
        -- written anew without them.
        CREATE TABLE word_removals (one INTEGER PRIMARY KEY CHECK (one = 1), begun INTEGER NOT NULL);
        """,
    )


@migrations()
def m021_kept_searches(db: Database) -> None:
    # Without a name it is a question of the history.
    _execute_all(
        db,
        """
        CREATE TABLE kept_searches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT UNIQUE COLLATE NOCASE,
            question TEXT NOT NULL,
            filter TEXT NOT NULL,
            mode TEXT NOT NULL,
            spread INTEGER,
            at TEXT NOT NULL
        );
        CREATE TABLE preferences (
            name TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) WITHOUT ROWID;
        """,
    )


@migrations()
def m022_users_and_owners(db: Database) -> None:
    # Of a table with a UNIQUE that no longer holds, SQLite wants a new one; foreign keys are off meanwhile, as
    # `prepare_database` sees to, or dropping the old one would take along what refers to it.
    _require_no_foreign_keys(db)
    _execute_all(
        db,
        """
        CREATE TABLE users (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE COLLATE NOCASE,
            role TEXT NOT NULL,
            created_at TEXT NOT NULL
        );
        DROP VIEW known_metadata;
        DROP TRIGGER map_names_removed;
        -- With an owner the paper is that person's alone; the same file may be there once for each, and once for all.
        CREATE TABLE new_documents (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            sha256 TEXT NOT NULL,
            title TEXT NOT NULL,
            authors TEXT NOT NULL DEFAULT '[]',
            year INTEGER,
            state TEXT NOT NULL,
            reason TEXT,
            added_at TEXT NOT NULL,
            doi TEXT,
            arxiv_id TEXT,
            format TEXT NOT NULL DEFAULT 'pdf',
            password TEXT,
            locked INTEGER NOT NULL DEFAULT 0,
            in_hand INTEGER NOT NULL DEFAULT 0,
            deaths INTEGER NOT NULL DEFAULT 0,
            owner_id INTEGER REFERENCES users(id),
            added_by INTEGER REFERENCES users(id) ON DELETE SET NULL
        );
        INSERT INTO new_documents (id, sha256, title, authors, year, state, reason, added_at, doi, arxiv_id, format,
            password, locked, in_hand, deaths)
        SELECT id, sha256, title, authors, year, state, reason, added_at, doi, arxiv_id, format, password, locked,
            in_hand, deaths FROM documents ORDER BY id;
        -- No id is used again, not even that of the last paper, if it was removed.
        DELETE FROM sqlite_sequence WHERE name = 'new_documents';
        INSERT INTO sqlite_sequence (name, seq)
        SELECT 'new_documents', seq FROM sqlite_sequence WHERE name = 'documents';
        DROP TABLE documents;
        ALTER TABLE new_documents RENAME TO documents;
        CREATE UNIQUE INDEX documents_sha256 ON documents(sha256, ifnull(owner_id, 0));
        CREATE INDEX documents_owner ON documents(owner_id) WHERE owner_id IS NOT NULL;
        """
        + _KNOWN_METADATA
        + """
        -- The names are words of the papers.
        CREATE TRIGGER map_names_removed AFTER DELETE ON documents BEGIN
            UPDATE maps SET names = '{}' WHERE names != '{}';
        END;
        CREATE TRIGGER map_names_hidden AFTER UPDATE OF owner_id ON documents WHEN new.owner_id IS NOT NULL BEGIN
            UPDATE maps SET names = '{}' WHERE names != '{}';
        END;
        -- What a handle with a viewer has in its place holds the papers that are hidden from them (storage/viewing.py).
        CREATE VIEW hidden_documents AS SELECT id FROM documents WHERE 0;

        CREATE TABLE new_collections (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL COLLATE NOCASE,
            owner_id INTEGER REFERENCES users(id)
        );
        INSERT INTO new_collections (id, name) SELECT id, name FROM collections ORDER BY id;
        DELETE FROM sqlite_sequence WHERE name = 'new_collections';
        INSERT INTO sqlite_sequence (name, seq)
        SELECT 'new_collections', seq FROM sqlite_sequence WHERE name = 'collections';
        DROP TABLE collections;
        ALTER TABLE new_collections RENAME TO collections;
        CREATE UNIQUE INDEX collections_name ON collections(name, ifnull(owner_id, 0));

        CREATE TABLE new_kept_searches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT COLLATE NOCASE,
            question TEXT NOT NULL,
            filter TEXT NOT NULL,
            mode TEXT NOT NULL,
            spread INTEGER,
            at TEXT NOT NULL,
            user_id INTEGER REFERENCES users(id) ON DELETE CASCADE
        );
        INSERT INTO new_kept_searches (id, name, question, filter, mode, spread, at)
        SELECT id, name, question, filter, mode, spread, at FROM kept_searches ORDER BY id;
        DROP TABLE kept_searches;
        ALTER TABLE new_kept_searches RENAME TO kept_searches;
        CREATE UNIQUE INDEX kept_searches_name ON kept_searches(name, ifnull(user_id, 0));
        """,
    )
    db.conn.execute("ALTER TABLE judgements ADD COLUMN user_id INTEGER REFERENCES users(id) ON DELETE SET NULL")


@migrations()
def m023_a_verdict_a_person(db: Database) -> None:
    # One for a question, a passage and whoever gave it: a user, or somebody who is `away`, known by their name alone,
    # or whoever uses a library without users. What is there keeps who gave it; under a name where there are users, it
    # is of somebody who is none of them.
    _execute_all(
        db,
        """
        CREATE TABLE new_judgements (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            query_id INTEGER NOT NULL REFERENCES queries(id) ON DELETE CASCADE,
            chunk_id INTEGER NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
            relevance INTEGER NOT NULL CHECK (relevance IN (0, 1)),
            rank INTEGER,
            model_id INTEGER REFERENCES models(id),
            at TEXT NOT NULL,
            part TEXT,
            judge TEXT,
            user_id INTEGER REFERENCES users(id),
            away INTEGER NOT NULL DEFAULT 0
        );
        INSERT INTO new_judgements (id, query_id, chunk_id, relevance, rank, model_id, at, part, judge, user_id, away)
        SELECT id, query_id, chunk_id, relevance, rank, model_id, at, part, judge, user_id,
            user_id IS NULL AND judge IS NOT NULL AND EXISTS (SELECT 1 FROM users)
        FROM judgements ORDER BY id;
        -- Versions tell by ids what they have learnt from, so none is used again.
        DELETE FROM sqlite_sequence WHERE name = 'new_judgements';
        INSERT INTO sqlite_sequence (name, seq)
        SELECT 'new_judgements', seq FROM sqlite_sequence WHERE name = 'judgements';
        DROP TABLE judgements;
        ALTER TABLE new_judgements RENAME TO judgements;
        CREATE INDEX judgements_chunk ON judgements(chunk_id);
        CREATE UNIQUE INDEX judgements_giver ON judgements(
            query_id, chunk_id, ifnull(user_id, 0), CASE WHEN away THEN judge ELSE '' END);
        CREATE INDEX judgements_user ON judgements(user_id) WHERE user_id IS NOT NULL;
        """,
    )


def _require_no_foreign_keys(db: Database) -> None:
    on = db.conn.execute("PRAGMA foreign_keys").fetchone()[0]
    if on and db.conn.execute("SELECT 1 FROM documents LIMIT 1").fetchone():
        raise AssertionError("foreign keys must be off while the tables are made anew")


def _execute_all(db: Database, script: str) -> None:
    """Run the statements inside the migration's transaction, which `executescript` would commit."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.conn.execute(statement)
            statement = ""
