"""What is one user's alone no other is ever told of, whatever they ask for: two users of one library, at random."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import pytest
from fastapi.testclient import TestClient

from api.errors import UNEXPECTED
from storage import library
from storage.judgements import list_judgements
from tests.papers import make_paper
from tests.two_users import (
    KEEPS_NOTHING,
    NOT_ASKED,
    SUBJECT,
    WRITES,
    WRITES_OF_NOBODY,
    Both,
    Foreign,
    Person,
    Steps,
    app_and_page,
    as_text,
    ask_all,
    call_all,
    calls_on,
    foreign_to,
    methods_of_writes,
    read_all,
    sign_in,
    two_users,
    write_on,
)

pytestmark = pytest.mark.slow

_STEPS = 12


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with two_users(tmp_path) as both:
        yield both


def leaks(both: Both, owner: Person, reader: Person, *, by_calls: bool = True) -> list[str]:
    """Each answer to the reader that has a secret of the owner's in it, or tells that a row of theirs is there.

    What is called as an admin does what it is called for, so of an admin it is not asked.
    """
    with both.db as db:
        foreign = foreign_to(db, owner.number)
    found = []
    for path, answer, asks_for_foreign in read_all(both, reader, foreign):
        if asks_for_foreign and answer.status_code != 404:
            found.append(f"{path} is answered with {answer.status_code}")
        found += [f"{secret} in {path}" for secret in owner.secrets if secret in as_text(answer)]
    calls = call_all(both, reader, foreign) if by_calls else ()
    for what, answer in (*ask_all(reader, foreign), *calls):
        # It was asked as the page asks, or the answer would prove nothing.
        assert UNEXPECTED not in answer.text, what
        # Gradio answers so for a choice that the reader's page does not have.
        assert answer.status_code < 500 or "not in the list of choices" in answer.text, (what, answer.text)
        found += [f"{secret} in {what}" for secret in owner.secrets if secret in as_text(answer)]
    return found


def test_whatever_one_does_the_other_is_told_nothing_of_it(both: Both) -> None:
    anna, bert = both.people
    steps = Steps(both, seed=1)
    # All there is once for each, so that none is left out by chance; then at random.
    for person in both.people:
        steps.do_upload_privately(person)
        steps.do_upload_for_all(person)
    done = []
    for number, name in enumerate([*steps.names(), *[""] * _STEPS]):
        owner, reader = (anna, bert) if number % 2 else (bert, anna)
        if name:
            steps.do(owner, name)
        else:
            name = steps.any(owner)
        done.append(f"{owner.name} {name}")
        # Of all that can be asked there is most where something is read; what can be called is called now and then, and
        # an admin, who is told what any other is, asks now and then.
        assert leaks(both, owner, reader, by_calls=number % 3 == 0) == [], done
        if number % 3 == 1:
            assert leaks(both, owner, both.admin, by_calls=False) == [], done
    for owner, reader in ((anna, bert), (bert, anna)):
        assert leaks(both, owner, reader) == []
        assert leaks(both, owner, both.admin, by_calls=False) == []
    # And nothing of it was harmed by whom it does not belong to.
    for person in both.people:
        own = person.client.get("/api/v1/documents").json()["documents"]
        assert {one["id"] for one in own if one["private"]} == set(person.papers)
        assert person.client.get(f"/api/v1/documents/{person.papers[0]}/original.pdf").content.startswith(b"%PDF")


def test_the_secrets_are_shown_to_who_has_them(both: Both) -> None:
    """Else nothing would follow from their absence elsewhere."""
    anna, _ = both.people
    steps = Steps(both, 1)
    steps.do_upload_privately(anna)
    # In one order: a paper that is edited once more has lost what was set before.
    for name in steps.names():
        if name != KEEPS_NOTHING:
            steps.do(anna, name)
    shown = "".join(as_text(answer) for _, answer, _ in read_all(both, anna, foreign_of(both, anna)))
    asked = "".join(as_text(answer) for _, answer in ask_all(anna, foreign_of(both, anna)))
    anna.run(both.page, "look_at_once", {})
    missing = [secret for secret in anna.secrets if secret not in shown + asked]
    # The title is what was read until it is corrected.
    assert len(missing) <= 1, missing


def foreign_of(both: Both, person: Person) -> Foreign:
    with both.db as db:
        return foreign_to(db, person.number)


def test_every_function_and_event_of_the_page_is_asked(both: Both) -> None:
    page = both.page
    called = {
        function.__name__ for block in page.blocks.values() for function in getattr(block, "server_fns", None) or ()
    }
    assert called == set(calls_on(foreign_of(both, both.people[0])))
    events = {function.fn.__name__ for function in page.fns.values() if function.fn is not None}
    asked = set()
    for name, _ in _events_asked(both):
        asked.add(name.split()[0])
    assert events - asked == NOT_ASKED


def _events_asked(both: Both) -> list[tuple[str, object]]:
    steps = Steps(both, 1)
    steps.do_upload_privately(both.people[0])
    return list(call_all(both, both.people[1], foreign_of(both, both.people[0])))


def test_every_route_that_changes_something_is_asked(both: Both) -> None:
    assert set(WRITES) | set(WRITES_OF_NOBODY.split()) == set(methods_of_writes())


def test_what_is_anothers_is_answered_as_if_it_were_not_there(both: Both) -> None:
    anna, bert = both.people
    steps = Steps(both, 1)
    for person in both.people:
        steps.do_upload_privately(person)
        steps.do_save(person)
        steps.do_judge_own(person)
    foreign, absent = foreign_of(both, anna), 987_654
    lists = [f"/api/v1/{name}" for name in ("documents", "collections", "searches", "judgements")]
    before = [anna.client.get(path).text for path in lists]
    for name, write in ((name, write) for name, writes in WRITES.items() for write in writes):
        said = []
        for number in (*foreign.of(write.kind), absent):
            answer = write_on(bert, name, write, number)
            said.append((answer.status_code, re.sub(rf"(id|paper) {number}\b", "ID", answer.text)))
        assert len(said) == 2, name
        assert said[0] == said[1], name
        assert said[0][0] == write.status, (name, said)
    # And nothing of hers is another by that.
    assert [anna.client.get(path).text for path in lists] == before


def test_a_start_of_the_program_puts_nothing_private_into_the_page(both: Both) -> None:
    anna, bert = both.people
    steps = Steps(both, 1)
    for name in ("do_upload_privately", "do_judge_own", "do_save", "do_ask", "do_edit"):
        steps.do(anna, name)
    app, _ = app_and_page(both.services)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        sign_in(client, bert.name)
        for path in ("/config", "/"):
            text = as_text(client.get(path, headers={"Accept": "text/html"}))
            assert [secret for secret in anna.secrets if secret in text] == [], path


def test_at_one_time_each_is_answered_for_themselves(both: Both) -> None:
    steps = Steps(both, 1)
    for person in both.people:
        steps.do_upload_privately(person)
    anna, bert = both.people

    def ask(number: int) -> list[str]:
        own, other = (anna, bert) if number % 2 else (bert, anna)
        text = as_text(own.post("/search", {"query": SUBJECT, "k": 50})) + as_text(own.client.get("/api/v1/documents"))
        assert own.secrets[-1] in text
        return [secret for secret in other.secrets if secret in text]

    with ThreadPoolExecutor(max_workers=8) as executor:
        assert list(executor.map(ask, range(80))) == [[]] * 80


def test_one_file_may_be_private_to_each_and_neither_hears_of_the_other(both: Both) -> None:
    anna, bert = both.people
    body = make_paper("The same notes", ["One text that both have on their desks, and neither tells of."] * 3)
    for person in both.people:
        made = person.post("/collections", {"name": "Mine", "private": True})
        assert made.status_code == 201, made.text
        person.collection = made.json()["id"]
        answer = person.client.post(
            f"/api/v1/documents?name={person.name}.pdf&collection_id={person.collection}", content=body
        ).json()
        assert (answer["known"], len(answer["documents"])) == ([], 1)
        assert answer["documents"][0]["names"] == [f"{person.name}.pdf"]
        person.papers = [answer["documents"][0]["id"]]
    assert anna.papers != bert.papers
    both.work()
    for person in both.people:
        hits = person.post("/search", {"query": "one text on both desks"}).json()["hits"]
        assert {hit["document_id"] for hit in hits} == set(person.papers)
    # Removing one leaves the other's file.
    assert anna.client.delete(f"/api/v1/documents/{anna.papers[0]}").status_code == 200
    assert bert.client.get(f"/api/v1/documents/{bert.papers[0]}/original.pdf").content == body
    assert bert.post("/search", {"query": "one text on both desks"}).json()["hits"]
    # A third copy, for all, is nobody's secret.
    answer = anna.client.post("/api/v1/documents?name=open.pdf", content=body).json()
    assert (answer["known"], answer["documents"][0]["private"]) == ([], False)
    assert bert.client.put(f"/api/v1/documents/{bert.papers[0]}/privacy", json={"private": False}).status_code == 400


def test_a_paper_moves_between_private_and_shared_with_its_verdicts(both: Both) -> None:
    anna, bert = both.people
    steps = Steps(both, 1)
    steps.do_upload_privately(anna)
    steps.do_judge_own(anna)
    judged = len(anna.client.get("/api/v1/judgements").json()["judgements"])
    assert judged
    paper = anna.papers[0]
    shared = bert.post("/collections", {"name": "For all"}).json()["id"]
    assert anna.post(f"/collections/{shared}/papers", {"papers": [paper]}).status_code == 200
    assert bert.client.get(f"/api/v1/documents/{paper}").json()["private"] is False
    assert [one["judge"] for one in bert.client.get("/api/v1/judgements").json()["judgements"]] == ["anna"] * judged
    # Another's is not to be taken away.
    refused = bert.client.put(f"/api/v1/documents/{paper}/privacy", json={"private": True})
    assert refused.json()["error"]["message"].endswith("was added by another, so you can't make it private.")
    assert anna.client.put(f"/api/v1/documents/{paper}/privacy", json={"private": True}).status_code == 200
    assert leaks(both, anna, bert) == []
    assert bert.client.get("/api/v1/collections").json()["collections"][0]["papers"] == 0


def test_each_has_a_verdict_of_their_own_on_what_is_shared(both: Both) -> None:
    anna, bert = both.people
    Steps(both, 1).do_upload_for_all(anna)
    chunk = anna.post("/search", {"query": SUBJECT}).json()["hits"][0]["chunk_id"]
    for person, relevance in ((anna, 1), (bert, 0)):
        verdict = {"query": SUBJECT, "chunk_id": chunk, "relevance": relevance}
        assert person.post("/judgements", verdict).json() == {"stored": True}

    def hit(person: Person) -> tuple[Any, Any]:
        found = person.post("/search", {"query": SUBJECT}).json()["hits"]
        (one,) = [one for one in found if one["chunk_id"] == chunk]
        return one["relevance"], one["others"]

    assert hit(anna) == (1, [{"judge": "bert", "relevance": 0}])
    assert hit(bert) == (0, [{"judge": "anna", "relevance": 1}])
    # Who judges blind is not told what others say.
    shown = bert.call(both.page, "open_page", [SUBJECT, chunk, None, [], False]).text
    blind = bert.call(both.page, "open_page", [SUBJECT, chunk, None, [], True]).text
    assert ("anna approved" in shown, "anna approved" in blind) == (True, False)
    # Taking back is of one's own, twice too.
    path = f"/api/v1/judgements?query={quote(SUBJECT)}&chunk_id={chunk}"
    assert [anna.client.delete(path).json()["withdrawn"] for _ in range(2)] == [1, 0]
    assert hit(anna) == (None, [{"judge": "bert", "relevance": 0}])
    exported = bert.client.get("/api/v1/judgements/export").text
    assert json.loads(exported)["judge"] == "bert"
    back = anna.client.post("/api/v1/judgements/import", content=exported.replace('"bert"', '"anna"')).json()
    assert (back["stored"], hit(anna)[0]) == (1, 0)


def test_only_pairs_of_shared_papers_are_learnt_from(both: Both) -> None:
    anna, bert = both.people
    steps = Steps(both, 3)
    for _ in range(2):
        steps.do_upload_privately(anna)
        steps.do_judge_own(anna)
    refused = anna.post("/retrain", {})
    assert refused.json()["error"]["code"] == "training"
    for _ in range(3):
        steps.do_upload_for_all(bert)
        steps.do_judge_shared(bert)
        steps.do_judge_shared(anna)
    began = anna.post("/retrain", {"epochs": 1, "batch_size": 2})
    assert began.status_code == 202, began.text
    both.work()
    job = anna.client.get(f"/api/v1/jobs/{began.json()['id']}").json()
    assert job["state"] == "done", job
    version = job["result"]["model_id"]
    with both.db as db:
        private = {one.id for one in list_judgements(db) if library.get_document(db, one.document_id).private}
        hidden = {
            row[0]
            for row in db.conn.execute(
                "SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id WHERE d.owner_id IS NOT NULL"
            )
        }
        report = db.conn.execute("SELECT report FROM models WHERE id = ?", [version]).fetchone()[0]
        learnt = anna.client.get(f"/api/v1/models/{version}").json()["report"]
        lacking = db.conn.execute(
            "SELECT count(*) FROM chunks c WHERE NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.model_id = ? AND "
            "e.content_hash = c.content_hash)",
            [version],
        ).fetchone()[0]
    assert private
    assert not private & set(learnt["judgement_ids"])
    assert lacking == 0
    ranked = {chunk for row in learnt["queries"] for side in ("before", "after") for chunk in row[side]["top"]}
    assert not ranked & hidden
    for text in (report, as_text(bert.client.get(f"/api/v1/models/{version}/archive.zip"))):
        assert [secret for secret in anna.secrets if secret in text] == []
    folder = both.settings.models / "v1"
    cards = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in (".md", ".json"))
    assert [secret for secret in anna.secrets if secret in cards] == []
    assert leaks(both, anna, bert) == []
    # Of what is made private since, no archive has a pair any more, not even its owner's.
    learnt_of = {one["document_id"] for one in bert.client.get("/api/v1/judgements").json()["judgements"]}
    for paper in learnt_of & {one["id"] for one in bert.client.get("/api/v1/documents").json()["documents"]}:
        assert bert.client.put(f"/api/v1/documents/{paper}/privacy", json={"private": True}).status_code == 200
    with ZipFile(BytesIO(bert.client.get(f"/api/v1/models/{version}/archive.zip").content)) as archive:
        assert archive.read("pairs.jsonl") == b""
    assert bert.client.get(f"/api/v1/models/{version}").json()["removed_papers"] == len(learnt_of)


def test_a_removed_user_s_private_papers_are_what_the_admin_says(both: Both) -> None:

    anna, bert = both.people
    Steps(both, 1).do_upload_privately(anna)
    admin = anna.client
    admin.cookies.clear()
    sign_in(admin, "root")
    refused = admin.delete(f"/api/v1/users/{anna.number}")
    assert refused.status_code == 400
    assert "1 paper is private to 'anna'. Say what becomes of them" in refused.json()["error"]["message"]
    assert leaks(both, anna, Person("root", admin, 1), by_calls=False) == []
    assert admin.delete(f"/api/v1/users/{anna.number}?heir={bert.number}").status_code == 200
    assert bert.client.get(f"/api/v1/documents/{anna.papers[0]}").json()["private"] is True
    assert admin.get(f"/api/v1/documents/{anna.papers[0]}").status_code == 404
    assert admin.delete(f"/api/v1/users/{bert.number}?papers=delete").status_code == 200
    with both.db as db:
        assert library.list_documents(db) == []
    assert list(both.settings.originals.iterdir()) == []
    assert bert.client.get("/api/v1/library").status_code == 401
