"""The commands as a person or a script runs them: processes, exit codes, one JSON document on stdout."""

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models import make_seed_like_model
from tests.papers import make_paper, write
from tests.warm import ROOT, plain_environment, run_warm

DOCUMENT_FIELDS = {
    "id", "names", "title", "authors", "year", "doi", "arxiv_id", "corrected", "sha256", "format", "pages", "chunks",
    "state", "reason", "added_at", "private",
}  # fmt: skip
HIT_FIELDS = {
    "rank", "score", "dense_rank", "lexical_rank", "rerank", "chunk_id", "document_id", "document", "title", "page",
    "start", "end", "spans", "section", "kind", "text",
}  # fmt: skip

Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands") / "model"
    make_seed_like_model(folder, dimension=32)
    return folder


@pytest.fixture
def environment(tmp_path: Path, small_model: Path) -> dict[str, str]:
    """With a small model; a test whose answers are a matter of meaning takes that out, and has the packaged one."""
    return plain_environment() | {"WHETSTONE_HOME": str(tmp_path / "library"), "WHETSTONE_MODEL": str(small_model)}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return run_warm([str(argument) for argument in arguments], environment)

    return run


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    (folder / "more").mkdir(parents=True)
    light = ["Gravity bends the path of light around the sun.", "Photons have no mass at all, yet they fall."]
    bread = ["Yeast makes bread rise by giving off a gas.", "Salt slows the yeast down and tightens the dough."]
    write(folder, "light.pdf", make_paper("On the Bending of Light", light))
    write(folder / "more", "bread.pdf", make_paper("On the Rising of Bread", bread))
    return folder


def test_no_command_writes_over_what_the_library_is_made_of(run: Run, environment: dict[str, str]) -> None:
    assert run("-m", "training", "judgements").returncode == 0
    library = Path(environment["WHETSTONE_HOME"], "library.db")
    before = library.read_bytes()
    for command in (("training", "export"), ("training", "export-model", 1), ("search", "passage", 1, "--picture")):
        refused = run("-m", *command, library)
        assert (refused.returncode, refused.stderr) == (
            1, f"'{library}' lies in the library itself. Give a file outside of it.\n"
        )  # fmt: skip
    assert library.read_bytes() == before


def test_a_paper_that_is_said_to_be_private_is_not_added_for_all(run: Run, papers: Path) -> None:
    for command in (("add", papers), ("fetch", "1706.03762")):
        refused = run("-m", "indexer", *command, "--private")
        assert (refused.returncode, refused.stderr) == (
            1, "A new paper is private by a collection that is. Name one: --private --into NAME\n"
        )  # fmt: skip
    assert json.loads(run("-m", "indexer", "list", "--json").stdout) == {"documents": []}


def test_the_whole_job_on_the_command_line(run: Run, environment: dict[str, str], papers: Path, tmp_path: Path) -> None:
    del environment["WHETSTONE_MODEL"]
    added = run("-m", "indexer", "add", papers, "--json")
    assert (added.returncode, len(json.loads(added.stdout)["documents"])) == (0, 2)

    listed = json.loads(run("-m", "indexer", "list", "--json").stdout)["documents"]
    assert [set(document) for document in listed] == [DOCUMENT_FIELDS | {"same_work_as", "collections"}] * 2
    assert {document["state"] for document in listed} == {"ready"}

    found = run("-m", "search", "what makes bread rise?", "-k", "3", "--json")
    answer = json.loads(found.stdout)
    assert set(answer) == {"query", "model", "seconds", "answered", "floor", "missing", "hits"}
    assert set(answer["model"]) == {"id", "name", "dim"}
    assert set(answer["hits"][0]) == HIT_FIELDS
    first = answer["hits"][0]
    assert first["spans"] == [{"page": first["page"], "start": first["start"], "end": first["end"]}]
    assert (first["title"], first["document"], first["page"]) == ("On the Rising of Bread", "bread.pdf", 1)

    for hit, verdict in ((first, "--relevant"), (answer["hits"][1], "--not-relevant")):
        judged = run("-m", "training", "judge", "--query", answer["query"], "--chunk", hit["chunk_id"], verdict)
        assert (judged.returncode, judged.stdout) == (0, "Stored.\n")
    light = json.loads(run("-m", "search", "how does light move near the sun?", "--json").stdout)["hits"][0]
    run("-m", "training", "judge", "--query", "light?", "--chunk", light["chunk_id"], "--relevant")

    shown = json.loads(run("-m", "training", "judgements", "--query", "light?", "--json").stdout)["judgements"]
    assert [one["chunk_id"] for one in shown] == [light["chunk_id"]]
    assert run("-m", "training", "withdraw", shown[0]["id"]).stdout == "1 withdrawn.\n"
    assert run("-m", "training", "withdraw", shown[0]["id"]).returncode == 1
    run("-m", "training", "judge", "--query", "light?", "--chunk", light["chunk_id"], "--relevant")
    picture = tmp_path / "page.jpg"
    passage = json.loads(run("-m", "search", "passage", light["chunk_id"], "--picture", picture, "--json").stdout)
    assert (passage["passage"]["id"], passage["page"], passage["boxes"] != []) == (light["chunk_id"], 1, True)
    assert picture.read_bytes()[:2] == b"\xff\xd8"

    exported = tmp_path / "judgements.jsonl"
    assert run("-m", "training", "export", exported).returncode == 0
    assert len(exported.read_text().splitlines()) == 3
    imported = run("-m", "training", "import", exported, "--json")
    assert json.loads(imported.stdout) == {"stored": 0, "known": 3, "refused": []}

    trained = run("-m", "training", "retrain", "--epochs", "1", "--batch-size", "2", "--json")
    assert trained.returncode == 0, trained.stderr
    version = json.loads(trained.stdout)
    promoted = run("-m", "training", "promote", version["id"], "--json")
    assert json.loads(promoted.stdout)["name"] == version["name"] == "v1"
    assert json.loads(run("-m", "training", "models", "--json").stdout)["active"] == version["id"]
    assert json.loads(run("-m", "search", "bread", "--json").stdout)["model"]["name"] == "v1"
    zipped = tmp_path / "v1.zip"
    assert run("-m", "training", "export-model", version["id"], zipped).stdout == f"Written to {zipped}.\n"
    elsewhere = run("-m", "training", "import-model", zipped, "--home", tmp_path / "elsewhere")
    assert elsewhere.returncode == 0
    assert elsewhere.stdout.startswith("It could not be compared: No question is judged in this library yet.")
    assert run("-m", "training", "compare", version["id"]).returncode == 1
    assert run("-m", "training", "undo").returncode == 0
    nothing_left = run("-m", "training", "undo")
    assert (nothing_left.returncode, nothing_left.stderr) == (1, "There is no earlier model to go back to.\n")

    removed = run("-m", "indexer", "remove", first["document_id"], "--json")
    assert json.loads(removed.stdout) == {"removed": [first["document_id"]]}
    left = json.loads(run("-m", "search", "bread", "--json").stdout)["hits"]
    assert {hit["document"] for hit in left} == {"light.pdf"}


def test_a_paper_is_corrected_and_cited_as_corrected(run: Run, papers: Path) -> None:
    run("-m", "indexer", "add", papers / "light.pdf")
    edited = run("-m", "indexer", "edit", "1", "--title", "Light", "--authors", "Ada A; Bo B", "--year", "1919")
    assert (edited.returncode, edited.stdout.splitlines()[0]) == (0, "   title  Light  (set by hand)")
    assert "author = {A, Ada and B, Bo}" in run("-m", "indexer", "cite", "1").stdout
    assert json.loads(run("-m", "search", "light", "--json").stdout)["hits"][0]["title"] == "Light"
    wrong = run("-m", "indexer", "edit", "1", "--doi", "11.1/x", "--year", "1920")
    assert (wrong.returncode, wrong.stderr) == (1, "'11.1/x' is not a DOI. Give one such as 10.1000/182.\n")
    assert (
        run("-m", "indexer", "edit", "1").returncode == run("-m", "indexer", "edit", "9", "--year", "").returncode == 1
    )
    as_read = json.loads(run("-m", "indexer", "edit", "1", "--as-read", "--year", "", "--json").stdout)
    assert (as_read["title"], as_read["year"], as_read["corrected"]) == ("On the Bending of Light", None, ["year"])


def test_a_bibliography_is_imported_with_its_pdfs(run: Run, papers: Path) -> None:
    pytest.importorskip("bibtexparser", reason="bibtexparser is not installed; requirements.txt names it")
    write(papers, "bad.pdf", b"not a PDF at all")
    entries = [
        f"@misc{{{name}, title = {{T {name}}}, file = {{:{name}.pdf:PDF}}}}" for name in ("light", "bad", "gone")
    ]
    bib = write(papers, "x.bib", "\n".join([*entries, "@book{shelf, title = {B}}"]).encode())
    imported = run("-m", "indexer", "import-bib", bib)
    assert (imported.returncode, imported.stdout) == (1, "1 paper ready (1 passage), 2 failed.\n")
    told = [
        "“T gone” ('gone'): its file 'gone.pdf' is not there.",
        "“B” ('shelf') has no PDF attached",
        "'bad.pdf' is not a PDF",
    ]
    assert [sentence for sentence in told if sentence not in imported.stderr] == []
    assert "T light" in run("-m", "indexer", "list").stdout


def test_a_library_is_checked_backed_up_and_restored(run: Run, papers: Path, tmp_path: Path) -> None:
    nothing = run("-m", "indexer", "check")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "There is no library in" in nothing.stderr
    run("-m", "indexer", "add", papers)
    sound = run("-m", "indexer", "check")
    assert (sound.returncode, sound.stdout) == (0, "2 papers, 2 passages, 1 model: sound.\n")
    zipped, elsewhere = tmp_path / "backup.zip", tmp_path / "elsewhere"
    assert run("-m", "indexer", "backup", zipped).stdout.startswith(
        f"Written to {zipped}: 2 papers and 0 model versions"
    )
    restored = run("-m", "indexer", "restore", zipped, "--home", elsewhere, "--json")
    assert (restored.returncode, json.loads(restored.stdout)["papers"]) == (0, 2)
    question = ("-m", "search", "what makes bread rise?", "--json")
    first, second = (json.loads(run(*question, *home).stdout)["hits"] for home in ((), ("--home", elsewhere)))
    assert first == second != []
    assert run("-m", "indexer", "restore", zipped, "--home", elsewhere).returncode == 1

    original = next((elsewhere / "originals").iterdir())
    original.write_bytes(b"damaged")
    (elsewhere / "originals" / f"{'0' * 64}.pdf").touch()
    with sqlite3.connect(elsewhere / "library.db") as connection:
        connection.execute("DELETE FROM embeddings")
    repaired = run("-m", "indexer", "check", "--repair", "--json", "--home", elsewhere)
    outcome = json.loads(repaired.stdout)
    assert (repaired.returncode, outcome["sound"]) == (1, False)
    assert [problem["kind"] for problem in outcome["problems"]] == ["originals"]
    assert [one["done"] for one in outcome["repaired"]] == ["2 papers embedded anew.", "1 file removed."]
    again = json.loads(run(*question, "--home", elsewhere).stdout)["hits"]
    assert [hit["text"] for hit in again] == [hit["text"] for hit in first]


def test_papers_are_collected_and_a_search_is_narrowed_kept_and_exported(run: Run, papers: Path) -> None:
    run("-m", "indexer", "add", papers)
    put = run("-m", "indexer", "collection", "put", "Baking", "2", "--json")
    assert json.loads(put.stdout) == {"collections": [{"id": 1, "name": "Baking", "papers": 1, "private": False}]}
    assert run("-m", "indexer", "collection", "rename", "baking", "Bread").stdout == "    1  Bread (1 paper)\n"
    assert run("-m", "indexer", "collection", "create", "BREAD").returncode == 1
    listed = json.loads(run("-m", "indexer", "list", "--json").stdout)["documents"]
    bread = next(document["title"] for document in listed if document["collections"] == ["Bread"])
    asked = ["-m", "search", "what is light?", "--collection", "bread"]
    found = json.loads(run(*asked, "--kind", "body", "--save", "Of bread", "--json").stdout)["hits"]
    assert {hit["title"] for hit in found} == {bread}
    again = run("-m", "search", "--saved", "of BREAD", "--format", "csv")
    assert again.stdout.splitlines()[1].startswith(f"1,{found[0]['score']}")
    assert f"title = {{{{{bread}}}}}" in run(*asked, "--format", "bibtex").stdout
    assert run(*asked, "--author", "nobody").stdout.startswith("No passage that can be searched passes the filter.")
    assert run("-m", "search", "zyzzyva", "--mode", "words").stdout.startswith("No passage has these words")
    assert run("-m", "search", "is XYZ-12 light?").stdout.startswith("“XYZ-12” stands in no passage.")
    like = json.loads(run("-m", "search", "--like", found[0]["chunk_id"], "--json").stdout)["hits"]
    assert found[0]["chunk_id"] not in {hit["chunk_id"] for hit in like}
    saved = json.loads(run("-m", "search", "saved", "--json").stdout)["saved"]
    assert [(one["name"], one["filter"]) for one in saved] == [("Of bread", {"collections": [1], "kinds": ["body"]})]
    history = json.loads(run("-m", "search", "history", "--json").stdout)["history"]
    assert history[2]["filter"] == {"author": "nobody", "collections": [1]}
    assert run("-m", "search", "history", "--clear", "--keep", "off").stdout.startswith("5 questions forgotten.")
    run("-m", "search", "what is light?")
    assert json.loads(run("-m", "search", "history", "--json").stdout) == {"kept": False, "history": []}
    assert run("-m", "search", "saved", "--delete", "of bread").stdout.startswith("No search is saved.")
    assert run("-m", "indexer", "collection", "take", "Bread", "2").stdout == "    1  Bread (0 papers)\n"
    assert run("-m", "indexer", "collection", "delete", "Bread").stdout.startswith("There is no collection.")


def test_a_command_begins_as_a_program_of_its_own(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "search", "what makes bread rise?", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["hits"]) == (0, [])


def test_one_bad_file_makes_add_fail_after_the_others_went_in(run: Run, papers: Path) -> None:
    write(papers, "bad.pdf", b"not a PDF at all")
    added = run("-m", "indexer", "add", papers, papers / "nowhere.pdf")
    assert added.returncode == 1
    assert "'bad.pdf' is not a PDF" in added.stderr
    assert "'nowhere.pdf' can't be opened" in added.stderr
    assert added.stdout == "2 papers ready (2 passages), 2 failed.\n"
    again = run("-m", "indexer", "add", papers / "light.pdf")
    assert (again.returncode, again.stdout) == (0, "1 paper ready (1 passage), 1 of them there already, 0 failed.\n")


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_library_can_be_named_before_and_after_the_subcommand(run: Run, tmp_path: Path, place: str) -> None:
    home = ["--home", tmp_path / "other"]
    arguments = ["-m", "indexer", *home, "list"] if place == "before" else ["-m", "indexer", "list", *home]
    assert run(*arguments, "--json").returncode == 0
    assert (tmp_path / "other" / "library.db").exists()
    assert not (tmp_path / "library").exists()


def test_a_labelled_folder_is_scored_with_the_documented_fields(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    del environment["WHETSTONE_MODEL"]
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder, "corpus.jsonl", b'{"_id": "a", "text": "yeast makes bread rise"}\n{"_id": "b", "text": "light"}\n')
    write(folder, "queries.jsonl", b'{"_id": "q", "text": "why does bread rise?"}\n')
    write(folder, "qrels.tsv", b"query-id\tcorpus-id\tscore\nq\ta\t1\n")
    scored = run("-m", "search", "eval", folder, "--json")
    scores = json.loads(scored.stdout)
    assert set(scores) == {"ndcg@10", "mrr@10", "recall@10", "recall@100", "queries", "passages", "seconds"}
    assert (scores["ndcg@10"], scores["queries"], scores["passages"]) == (1.0, 1, 2)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-m", "indexer", "remove", "42"], 1, "There is no paper with id 42"),
        (["-m", "indexer", "remove", "a4"], 2, "'a4' is not an id; an id is a whole number"),
        (["-m", "search", "why?", "-k", "all"], 2, "'all' is not a whole number from 1 to 50"),
        (["-m", "indexer", "hunt"], 2, "invalid choice"),
        (["-m", "search", "eval", "/nowhere"], 1, "There is no folder '/nowhere'"),
        (["-m", "search"], 2, "required: question"),
        (["-m", "search", "why?", "--year", "soon"], 2, "'soon' names no years"),
        (["-m", "search", "why?", "--collection", "x"], 1, "There is no collection 'x'"),
        (["-m", "search", "--saved", "x"], 1, "There is no saved search 'x'"),
        (["-m", "search", "--like", "7"], 1, "no passage with id 7"),
        (["-m", "search", "--like", "7", "--save", "x"], 2, "--save is not allowed with --like"),
        (["-m", "search", "why?", "--like", "7"], 2, "a question is not allowed with --like"),
        (["-m", "search", " ", "--save", "x"], 2, "--save keeps a question"),
        (["-m", "search", "why?", "--saved", "x"], 2, "a question is not allowed with --saved"),
        (["-m", "search", "--saved", "x", "--year", "2017"], 2, "a filter is not allowed with --saved"),
        (["-m", "search", "--saved", "x", "--mode", "both"], 2, "--mode is not allowed with --saved"),
        (["-m", "search", "why?", "--blind", "--spread", "2"], 2, "--spread is not allowed with --blind"),
        (["-m", "search", "why?", "--json", "--format", "csv"], 2, "not allowed with argument --json"),
        (["-m", "training", "judge", "--query", "q", "--chunk", "7", "--relevant"], 1, "no passage with id 7"),
        (["-m", "training", "judge", "--query", "q", "--chunk", "7"], 2, "--relevant"),
        (["-m", "training", "promote", "9"], 1, "no model version with id 9"),
        (["-m", "training", "retrain"], 1, "Approve passages for at least 2 different questions"),
        (["-m", "training", "retrain", "--dims", "a,b"], 2, "not a list of whole numbers"),
        (["-m", "training", "import", "/nowhere.jsonl"], 1, "can't be read"),
        (["app.py", "--port", "eighty"], 1, "WHETSTONE_PORT is 'eighty'"),
        (["app.py", "--host", "0.0.0.0"], 1, "no password is set"),
        (["app.py", "--home", "/proc/nowhere"], 1, "can't be written"),
    ],
)
def test_what_is_refused_is_one_sentence_and_the_right_exit_code(
    run: Run, arguments: list[str], code: int, said: str
) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_port_in_use_is_one_sentence(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("app.py", "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert "is in use" in done.stderr


def test_help_lists_every_variable_with_its_default(run: Run) -> None:
    shown = run("app.py", "--help")
    assert shown.returncode == 0
    for name in ("WHETSTONE_HOME", "WHETSTONE_MODEL", "WHETSTONE_HOST", "WHETSTONE_PORT", "WHETSTONE_CHUNK_TOKENS"):
        assert name in shown.stdout
    assert "default: 7860" in shown.stdout
