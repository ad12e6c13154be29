"""The server over HTTP: who is let in, what is served, what is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlite_utils import Database

from api.services import Services
from core.errors import ReadError
from core.formats import DocumentFormat
from core.settings import Settings
from core.types import DocumentState, Metadata
from indexer.ingest import add_file, remove_documents
from indexer.pdf import read_paper
from storage import library
from storage.database import open_database
from storage.readings import store_reading
from tests.papers import make_paper, write
from tests.ui.site import make_services
from ui.server import create_app
from ui.uploads import discard_upload, require_upload


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    return make_services(tmp_path_factory.mktemp("served") / "library")


@pytest.fixture
def settings(services: Services) -> Settings:
    return services.settings


@pytest.fixture(scope="module")
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(services), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def document_id(settings: Settings, db: Database, tmp_path: Path) -> Iterator[int]:
    path = write(tmp_path, "light.pdf", make_paper("On Light", ["Gravity bends the path of light."]))
    document, _ = add_file(settings, path)
    store_reading(db, document.id, Metadata(), read_paper(path).pages, [])
    library.set_document_state(db, document.id, DocumentState.READY)
    yield document.id
    # The next test begins without papers, also where this one took it out itself.
    for left in library.list_documents(db):
        remove_documents(settings, [left.id])


def test_the_page_is_served_with_a_policy_that_lets_nothing_out(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_picture_and_the_original_are_served_by_id(client: TestClient, document_id: int) -> None:
    picture = client.get(f"/api/v1/documents/{document_id}/pages/1.jpg")
    assert picture.status_code == 200
    assert picture.content[:2] == b"\xff\xd8"
    assert picture.headers["cache-control"] == "private, no-cache"
    original = client.get(f"/api/v1/documents/{document_id}/original.pdf")
    assert original.content.startswith(b"%PDF-")
    assert original.headers["content-disposition"] == 'inline; filename="light.pdf"'
    assert original.headers["cache-control"] == "no-store"


def test_a_browser_that_kept_a_picture_asks_before_it_shows_it(
    client: TestClient, settings: Settings, document_id: int
) -> None:
    path = f"/api/v1/documents/{document_id}/pages/1.jpg"
    kept = {"If-None-Match": client.get(path).headers["etag"]}
    again = client.get(path, headers=kept)
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{path}?width=400", headers=kept).status_code == 200
    remove_documents(settings, [document_id])
    assert client.get(path, headers=kept).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/documents/99/pages/1.jpg", 404),
        ("/api/v1/documents/99/original.pdf", 404),
        ("/api/v1/documents/../library.db/original.pdf", 404),
        ("/api/v1/documents/%2e%2e%2flibrary.db/pages/1.jpg", 404),
    ],
)
def test_what_is_not_a_document_is_not_served(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_a_page_that_is_not_there_is_one_sentence(client: TestClient, document_id: int) -> None:
    answer = client.get(f"/api/v1/documents/{document_id}/pages/9.jpg")
    assert answer.status_code == 400
    assert "no page 9" in answer.json()["error"]["message"]


def test_a_removed_paper_is_not_served_any_more(client: TestClient, document_id: int, db: Database) -> None:
    library.remove_documents(db, [document_id])
    assert client.get(f"/api/v1/documents/{document_id}/original.pdf").status_code == 404


def test_a_foreign_host_name_is_refused(client: TestClient) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/api/health", headers={"host": "127.0.0.1.evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_write_that_another_site_asks_for_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    file = {"files": ("a.pdf", b"%PDF-", "application/pdf")}
    assert client.post("/gradio_api/upload", files=file, headers=headers).status_code == 403


def test_the_database_and_the_originals_are_not_served_as_files(
    client: TestClient, services: Services, document_id: int
) -> None:
    settings = services.settings
    original = next(settings.originals.iterdir())
    for path in (settings.database, original, Path("/etc/passwd"), Path(__file__)):
        assert client.get(f"/gradio_api/file={path}").status_code in (403, 404), path


def test_nothing_is_fetched_from_elsewhere_for_a_visitor(client: TestClient) -> None:
    assert client.get("/gradio_api/file=http://127.0.0.1:1/x").status_code == 404


@pytest.mark.parametrize(("field", "many"), [("upload", True), ("import-model", False)])
def test_a_file_of_the_server_can_not_be_passed_off_as_an_upload(
    client: TestClient, services: Services, field: str, many: bool
) -> None:
    secret = services.settings.home.parent / "secret.pdf"
    secret.write_bytes(b"%PDF-1.7 secret")
    config = client.get("/config").json()
    upload = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == field)
    taking = [part for part in config["dependencies"] if upload in part["inputs"]]
    assert taking
    forged = {"path": str(secret), "meta": {"_type": "gradio.FileData"}, "orig_name": "secret.pdf"}
    for dependency in taking:
        values = [[forged] if many else forged, *[0] * (len(dependency["inputs"]) - 1)]
        body = {"data": values, "fn_index": dependency["id"], "session_hash": "forger"}
        assert client.post("/gradio_api/run/predict", json=body).status_code == 500
        # The queue, which the page does not use, is no way around it.
        answer = client.post("/gradio_api/queue/join", json=body)
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "forger"}) as stream:
            events = "".join(line for line in stream.iter_lines()) if answer.status_code == 200 else ""
        assert '"success":true' not in events.replace(" ", "")
    assert not list(services.settings.originals.iterdir())
    assert secret.exists()


def test_only_what_lies_among_the_uploads_is_one(settings: Settings) -> None:
    uploaded, other = settings.uploads / "a" / "a.pdf", settings.home / "library.db"
    uploaded.parent.mkdir()
    uploaded.touch()
    require_upload(settings, uploaded)
    for path in (other, settings.uploads / ".." / other.name):
        with pytest.raises(ReadError, match=r"'library.db' was not uploaded here"):
            require_upload(settings, path)
    discard_upload(uploaded)
    assert not uploaded.parent.exists()


def test_another_sites_page_can_not_have_pictures_drawn(client: TestClient, document_id: int) -> None:
    picture = f"/api/v1/documents/{document_id}/pages/1.jpg"
    assert client.get(picture, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get(picture, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert client.post("/gradio_api/queue/join", headers={"Origin": "http://["}).status_code == 403


def test_ids_that_no_row_can_have_and_files_that_are_gone_are_not_errors_of_ours(
    client: TestClient, services: Services, document_id: int
) -> None:
    assert client.get(f"/api/v1/documents/{10**20}/original.pdf").status_code == 422
    with open_database(services.settings.database) as db:
        services.settings.original(library.get_document(db, document_id).sha256, DocumentFormat.PDF).unlink()
    for route in ("original.pdf", "pages/1.jpg"):
        answer = client.get(f"/api/v1/documents/{document_id}/{route}")
        assert answer.status_code == 404
        assert "is gone from the library" in answer.json()["error"]["message"]


def test_a_paper_that_is_no_pdf_is_only_ever_downloaded(client: TestClient, services: Services) -> None:
    with open_database(services.settings.database) as db:
        document, _ = library.add_document(db, "ee" * 32, "notes.html", DocumentFormat.HTML)
    services.settings.original(document.sha256, document.format).write_bytes(b"<script>alert(1)</script>")
    answer = client.get(f"/api/v1/documents/{document.id}/original")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="notes.html"'
    for route in ("original.pdf", "pages/1.jpg"):
        refused = client.get(f"/api/v1/documents/{document.id}/{route}")
        assert (refused.status_code, "notes.html" in refused.json()["error"]["message"]) == (404, True)
