"""The API as one application: its routes under /api/v1, and what tells of them."""

import threading
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse

from api import collections, documents, jobs, judgements, kept, map, models, people, program, proposals, search, shapes
from api.accounts import Accounts
from api.docs import render_docs
from api.errors import ErrorAnswer, add_error_handlers
from api.roles import require_role_for_route
from api.served import Served, make_state
from api.services import Services
from storage import watched
from storage.database import open_database
from storage.overview import library_facts

_VERSION = "1"
_DESCRIPTION = (
    "Everything the page does. Whatever goes wrong is answered with a code and a sentence. Where a password is set, "
    "send a token: `Authorization: Bearer TOKEN`; `python -m api make-token NAME` makes one. Where there are users, a "
    "token is one's of them and may do what their role allows: read, judge, train or admin. What is another's alone is "
    "answered as if it were not there."
)
_REFUSED: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorAnswer}, "5XX": {"model": ErrorAnswer}}

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_router = APIRouter()


class _Api(FastAPI):
    """Described when it is asked for the first time: that takes longer than all else of a start."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._describing = threading.Lock()

    def openapi(self) -> dict[str, Any]:
        with self._describing:
            if self.openapi_schema is None:
                _describe_errors(super().openapi())
            return super().openapi()


def create_api(services: Services, accounts: Accounts) -> FastAPI:
    app = _make_app()
    app.state.shared = make_state(services, accounts)
    return app


def describe_api() -> dict[str, Any]:
    """The OpenAPI document."""
    return _make_app().openapi()


def _make_app() -> FastAPI:
    app = _Api(
        title="Whetstone",
        version=_VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        generate_unique_id_function=lambda route: route.name,
        responses=_REFUSED,
        dependencies=[Depends(require_role_for_route)],
    )
    add_error_handlers(app)
    app.include_router(_router)
    for module in (documents, collections, search, kept, judgements, proposals, models, map, jobs, people, program):
        app.include_router(module.router, prefix="/api/v1")
    # Else the page, which lies at "/", would answer in its own way.
    app.add_api_route("/api/{path:path}", _nothing, methods=list(_METHODS), include_in_schema=False)
    return app


def _describe_errors(description: dict[str, Any]) -> None:
    """Errors are JSON also where the answer is another kind of file, which FastAPI takes for theirs too."""
    for methods in description["paths"].values():
        for operation in methods.values():
            for status in _REFUSED:
                refused = operation["responses"][status]
                refused["content"] = {"application/json": next(iter(refused["content"].values()))}


@_router.get("/api/health", tags=["library"])
def health() -> dict[str, str]:
    """Whether the app answers; asked without a token, and of nobody's library."""
    return {"status": "ok"}


@_router.get("/api/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """What the OpenAPI document says, for people."""
    return HTMLResponse(render_docs(request.app.openapi(), str(request.base_url).rstrip("/")))


def _nothing(path: str) -> None:
    raise HTTPException(404)


@_router.get("/api/v1/watched", tags=["library"])
def list_watched(services: Served) -> shapes.WatchedFolders:
    """The folders whose new papers are added by themselves. Only a command names one: `python -m indexer watch`."""
    with open_database(services.settings.database) as db:
        return shapes.WatchedFolders.model_validate({"folders": watched.list_folders(db)})


@_router.get("/api/v1/library", tags=["library"])
def get_library(services: Served) -> shapes.Library:
    """The library at a glance."""
    with open_database(services.settings.database) as db:
        facts = library_facts(db)
    device = f"{services.device.name}: {services.device.why}"
    return shapes.Library(**facts, device=device, start=services.start_note)
