"""A library for a program: search, open a passage, judge, add papers, retrain. Python's own library is enough for it.

library = Whetstone("http://127.0.0.1:7860", token=...)    # a token only where a password is set
for hit in library.search("how is attention computed?").hits:
    print(hit.title, hit.page, hit.text)
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from client.answers import (
    Added,
    Document,
    History,
    Job,
    Judgement,
    KeptSearch,
    Model,
    PassageOnPage,
    SearchAnswer,
    Switched,
    build,
)

_SECONDS_BETWEEN_LOOKS = 0.5


class ApiError(Exception):
    """What the app refused, in one sentence; `code` stays when the sentence changes, `status` is HTTP's."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Whetstone:
    """A running app. Every method raises ApiError with the app's sentence, or ConnectionError where it does not answer.

    Safe to use from several threads.
    """

    def __init__(self, url: str = "http://127.0.0.1:7860", token: str | None = None, timeout: float = 120) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{url}' is not an address of an app. Give one such as http://127.0.0.1:7860")
        self._url = url
        self._parts = parts
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout

    # --- search ---

    def search(
        self, query: str, k: int = 10, *, mode: str = "both", spread: int | None = None, **filter: Any
    ) -> SearchAnswer:
        """The passages that answer a question, best first; `mode` is both, meaning or words.

        With `spread` at most so many of a paper come before the others. `filter` may have papers, collections,
        year_from, year_to, author and kinds.
        """
        return build(SearchAnswer, self._post("/search", _question(query, filter, k=k, mode=mode, spread=spread)))

    def like(self, chunk_id: int, k: int = 10, *, spread: int | None = None, **filter: Any) -> SearchAnswer:
        """The passages nearest to one, by meaning; `spread` and `filter` are those of a search."""
        return build(SearchAnswer, self._post("/search", _question("", filter, k=k, spread=spread, like=chunk_id)))

    def export(
        self, query: str, format: str, k: int = 10, *, mode: str = "both", spread: int | None = None, **filter: Any
    ) -> str:
        """What a search finds as csv, bibtex or json, in one text."""
        asked = json.dumps(_question(query, filter, k=k, mode=mode, spread=spread)).encode()
        return self._ask("POST", f"/search/{quote(format, safe='')}", asked, len(asked)).decode()

    def saved_searches(self) -> list[KeptSearch]:
        """Each to be asked again: `search(one.question, mode=one.mode, spread=one.spread, **one.filter)`."""
        return [build(KeptSearch, value) for value in self._get("/searches")["saved"]]

    def save_search(
        self, name: str, query: str, *, mode: str = "both", spread: int | None = None, **filter: Any
    ) -> KeptSearch:
        """Keep a search under a name, in place of an earlier one of that name."""
        return build(KeptSearch, self._post("/searches", _question(query, filter, name=name, mode=mode, spread=spread)))

    def delete_search(self, search_id: int) -> None:
        self._ask("DELETE", f"/searches/{search_id}")

    def history(self) -> History:
        """What was asked lately in the page and on the command line."""
        return build(History, self._get("/history"))

    def keep_history(self, keep: bool) -> History:
        """Whether questions are kept from now on; those there are stay until they are cleared."""
        body = json.dumps({"keep": keep}).encode()
        return build(History, json.loads(self._ask("PUT", "/history", body, len(body))))

    def clear_history(self) -> int:
        """Forget what was asked; how many questions that were."""
        return json.loads(self._ask("DELETE", "/history"))["forgotten"]

    def open_passage(self, chunk_id: int, page: int | None = None) -> PassageOnPage:
        """A passage on a page of its paper, by default the first it stands on."""
        return build(PassageOnPage, self._get(f"/passages/{chunk_id}", {"page": page}))

    def page_picture(self, document_id: int, page: int, width: int = 1200) -> bytes:
        """A page as a JPEG."""
        return self._ask("GET", f"/documents/{document_id}/pages/{page}.jpg?{urlencode({'width': width})}")

    # --- papers ---

    def documents(self) -> list[Document]:
        return [build(Document, value) for value in self._get("/documents")["documents"]]

    def document(self, document_id: int) -> Document:
        return build(Document, self._get(f"/documents/{document_id}"))

    def upload(self, path: Path) -> Added:
        """Add a paper, or those of a zip, to be read; one whose bytes are there already comes back as it is."""
        with path.open("rb") as file:
            size = path.stat().st_size
            answer = self._ask("POST", f"/documents?{urlencode({'name': path.name})}", file, size)
        return build(Added, json.loads(answer))

    def fetch(self, identifier: str) -> Added:
        """Fetch a paper by its arXiv id, its DOI, or a link with one, to be read."""
        return build(Added, self._post("/documents/fetch", {"identifier": identifier}))

    def wait(self, document: Document, seconds: float = 600) -> Document:
        """The paper once it is ready or failed. Raises TimeoutError where it is neither by then."""
        end = time.monotonic() + seconds
        while not document.finished:
            if time.monotonic() > end:
                raise TimeoutError(f"'{document.title}' is still {document.state} after {seconds:g} seconds.")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            document = self.document(document.id)
        return document

    def remove(self, document_id: int) -> None:
        self._ask("DELETE", f"/documents/{document_id}")

    def cite(self, document_id: int, format: str = "bibtex") -> str:
        """The paper as bibtex, ris or csl."""
        return self._ask("GET", f"/documents/{document_id}/citation?{urlencode({'format': format})}").decode()

    # --- judgements ---

    def judge(self, query: str, chunk_id: int, relevant: bool, rank: int | None = None) -> bool:
        """Say whether a passage answers a question; False where this very verdict was there already."""
        verdict = {"query": query, "chunk_id": chunk_id, "relevance": int(relevant), "rank": rank}
        return self._post("/judgements", verdict)["stored"]

    def take_back(self, query: str, chunk_id: int) -> bool:
        """Withdraw your verdict; False where there was none."""
        asked = urlencode({"query": query, "chunk_id": chunk_id})
        return bool(json.loads(self._ask("DELETE", f"/judgements?{asked}"))["withdrawn"])

    def judgements(self, query: str | None = None) -> list[Judgement]:
        return [build(Judgement, value) for value in self._get("/judgements", {"query": query})["judgements"]]

    # --- models ---

    def retrain(self, **recipe: Any) -> Job:
        """Begin a retrain; `recipe` may have preset, epochs, batch_size, learning_rate, promote and so on."""
        return build(Job, self._post("/retrain", recipe))

    def follow(self, job: Job) -> Iterator[Job]:
        """The job whenever it has moved, up to its end; each line from the app comes as it is sent.

        Raises ApiError too where you are let in no longer before that.
        """
        connection, answer = self._open("GET", f"/jobs/{job.id}/events")
        try:
            for line in answer:
                if line.startswith(b"data:"):
                    job = build(Job, json.loads(line.removeprefix(b"data:")))
                    yield job
        except (OSError, HTTPException) as error:
            raise self._gone(error) from error
        finally:
            connection.close()
        if job.open:
            # Told no more before its end: the app says why to who asks.
            job = build(Job, self._get(f"/jobs/{job.id}"))
            if job.open:
                raise ConnectionError(f"The app at {self._url} tells no more of job {job.id}. Follow it once more.")
            yield job

    def cancel(self, job: Job) -> Job:
        return build(Job, self._post(f"/jobs/{job.id}/cancel"))

    def models(self) -> list[Model]:
        return [build(Model, value) for value in self._get("/models")["models"]]

    def promote(self, model_id: int, *, against_advice: bool = False) -> Switched:
        return build(Switched, self._post(f"/models/{model_id}/promote", {"against_advice": against_advice}))

    def undo(self) -> Switched:
        return build(Switched, self._post("/models/undo"))

    # --- over HTTP ---

    def _get(self, path: str, values: Mapping[str, Any] | None = None) -> Any:
        asked = urlencode({name: value for name, value in (values or {}).items() if value is not None})
        return json.loads(self._ask("GET", f"{path}?{asked}" if asked else path))

    def _post(self, path: str, value: Any = None) -> Any:
        body = b"" if value is None else json.dumps(value).encode()
        return json.loads(self._ask("POST", path, body, len(body)))

    def _ask(self, method: str, path: str, body: bytes | IO[bytes] = b"", size: int = 0) -> bytes:
        connection, answer = self._open(method, path, body, size)
        try:
            return answer.read()
        except (OSError, HTTPException) as error:
            raise self._gone(error) from error
        finally:
            connection.close()

    def _open(
        self, method: str, path: str, body: bytes | IO[bytes] = b"", size: int = 0
    ) -> tuple[HTTPConnection, HTTPResponse]:
        """The answer, to be read, and its connection, to be closed. Raises ApiError where the app refuses."""
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        assert self._parts.hostname is not None
        connection = kind(self._parts.hostname, self._parts.port, timeout=self._timeout)
        sent = "application/json" if isinstance(body, bytes) else "application/octet-stream"
        headers = {**self._headers, "Content-Type": sent, "Content-Length": str(size)}
        try:
            with suppress(BrokenPipeError):  # a file that is refused before all of it was sent: the answer says why
                connection.request(method, f"{quote(self._parts.path.rstrip('/'))}/api/v1{path}", body, headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise _refusal(answer.status, answer.read())
            return connection, answer
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._gone(error) from error
        except ApiError:
            connection.close()
            raise

    def _gone(self, error: Exception) -> ConnectionError:
        return ConnectionError(f"No app answers at {self._url} ({error}). Start it: python app.py")


def _question(query: str, filter: Mapping[str, Any], **asked: Any) -> dict[str, Any]:
    return {"query": query, "filter": filter, **asked}


def _refusal(status: int, body: bytes) -> ApiError:
    try:
        told = json.loads(body)["error"]
        return ApiError(told["code"], told["message"], status)
    except (ValueError, KeyError, TypeError):
        return ApiError("unexpected", f"The app answered with status {status} and no sentence.", status)
