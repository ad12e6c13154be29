"""The web server: the page behind guards, and the routes that serve a paper's pages by id."""

import functools
import logging
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated
from urllib.parse import urlsplit

import gradio as gr
from fastapi import FastAPI, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, JSONResponse
from starlette.background import BackgroundTask
from starlette.middleware.trustedhost import TrustedHostMiddleware

from core.errors import NotFoundError, WhetstoneError
from indexer.pdf import render_page
from storage import library, models
from storage.database import open_database
from training.archive import export_version
from ui.interface import build_page
from ui.render import ASSETS, read_asset
from ui.services import Services
from ui.theme import make_theme

logger = logging.getLogger(__name__)

# Starlette keeps the brackets of an IPv6 address or takes them off, by its version.
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
_PICTURES_KEPT = 256
_WIDTHS = (400, 2400)
RowId = Annotated[int, PathParameter(ge=0, lt=1 << 63)]

# gr.HTML makes functions of its templates, which needs unsafe-eval; nothing can be sent to, or come from, elsewhere.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
# Gradio would fetch such an address for whoever asks.
_REFUSED_PATHS = ("/gradio_api/file=http", "/gradio_api/file/http", "/gradio_api/proxy=")


def create_app(services: Services) -> FastAPI:
    """The whole application, ready for uvicorn."""
    app = FastAPI(title="Whetstone", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))
    app.add_exception_handler(WhetstoneError, _answer_error)
    _add_routes(app, services)
    page = build_page(services)
    # A mounted Gradio checks where an uploaded file lies only once this is set, which launch() would do.
    page.has_launched = True
    settings = services.settings
    return gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=make_theme(),
        css_paths=ASSETS / "style.css",
        head=f'<meta name="color-scheme" content="light dark"><script>{read_asset("address.js")}</script>',
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        max_file_size=f"{settings.upload_megabytes}mb",
        allowed_paths=[],
        blocked_paths=[str(settings.originals), str(settings.models), str(settings.database)],
    )


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse what another site's page asks for in the user's browser, and lock down what ours may do."""
    if _is_of_another_site(request):
        return JSONResponse({"error": "Requests from other sites are refused."}, status_code=403)
    if request.url.path.startswith(_REFUSED_PATHS):
        return JSONResponse({"error": "Nothing is fetched from elsewhere."}, status_code=403)
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _is_of_another_site(request: Request) -> bool:
    """Whether a page of another site asks for a change, or for what costs work: pictures, originals, archives."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return request.url.path.startswith("/api/") and site == "cross-site"
    origin = request.headers.get("origin")
    try:
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    except ValueError:  # no address at all
        foreign = True
    return foreign or site not in ("same-origin", "none")


def _answer_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_code=404 if isinstance(error, NotFoundError) else 400)


def _add_routes(app: FastAPI, services: Services) -> None:
    # Pictures are found again by the file's hash: another file under the same id can't occur.
    picture = functools.lru_cache(maxsize=_PICTURES_KEPT)(render_page)

    def original_of(document_id: int) -> tuple[Path, str]:
        with open_database(services.settings.database) as db:
            document = library.get_document(db, document_id)
        path = services.settings.original(document.sha256)
        if not path.is_file():
            raise NotFoundError(f"The file of '{document.title}' is gone from the library. Add the same PDF again.")
        return path, document.names[0]

    @app.get("/api/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/documents/{document_id}/pages/{number}.jpg")
    def page_picture(document_id: RowId, number: RowId, width: int = 1200) -> Response:
        path, _ = original_of(document_id)
        jpeg = picture(path, number, min(max(width, _WIDTHS[0]), _WIDTHS[1]))
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    @app.get("/api/models/{model_id}/archive.zip")
    def archive(model_id: RowId) -> FileResponse:
        with open_database(services.settings.database) as db:
            name = models.get_model(db, model_id).name
        folder = Path(mkdtemp(dir=services.settings.uploads))
        try:
            export_version(services.settings, model_id, folder / "version.zip")
        except BaseException:
            shutil.rmtree(folder)
            raise
        done = BackgroundTask(shutil.rmtree, folder)
        return FileResponse(folder / "version.zip", filename=f"whetstone-{_file_name(name)}.zip", background=done)

    @app.get("/api/documents/{document_id}/original.pdf")
    def original(document_id: RowId) -> FileResponse:
        path, name = original_of(document_id)
        return FileResponse(path, media_type="application/pdf", filename=name, content_disposition_type="inline")


def _file_name(name: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "-" for character in name)
