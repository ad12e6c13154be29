"""The web server: the page behind guards, and the routes that serve a paper's pages by id."""

import functools
import logging
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated

import gradio as gr
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, JSONResponse
from starlette.background import BackgroundTask
from starlette.types import ASGIApp

from core.errors import NotFoundError, WhetstoneError
from core.types import PaperFile
from indexer.ingest import paper_file
from storage import library, models
from storage.database import open_database
from training.archive import export_version
from ui.guard import Guard, HostNames, is_loopback
from ui.interface import build_page
from ui.login import Login
from ui.open_files import HEAD, OpenFiles
from ui.password import PasswordFile
from ui.render import ASSETS, read_asset
from ui.services import Services
from ui.theme import make_theme
from ui.upload_gate import UploadGate

logger = logging.getLogger(__name__)

_PICTURES_KEPT = 256
_PICTURES_AT_ONCE = 32
_WIDTHS = (400, 2400)
RowId = Annotated[int, PathParameter(ge=0, lt=1 << 63)]


def create_app(services: Services) -> ASGIApp:
    """The whole application, ready for uvicorn: the page behind the guard, the password and the limits of uploads."""
    settings = services.settings
    app = UploadGate(_create_page(services), settings)
    names = HostNames(settings.host, settings.names)
    exposed = not is_loopback(settings.host) or bool(settings.names)
    login = Login(app, PasswordFile(settings.password), required=exposed)
    return Guard(OpenFiles(login, services.run), names)


def _create_page(services: Services) -> FastAPI:
    app = FastAPI(title="Whetstone", docs_url=None, redoc_url=None, openapi_url=None)
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
        head=f'<meta name="color-scheme" content="light dark">{HEAD}<script>{read_asset("address.js")}</script>',
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        max_file_size=f"{settings.upload_megabytes}mb",
        allowed_paths=[],
        blocked_paths=[str(settings.originals), str(settings.models), str(settings.database)],
    )


def _answer_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_code=404 if isinstance(error, NotFoundError) else 400)


def _add_routes(app: FastAPI, services: Services) -> None:
    # Pictures are found again by the file's hash: another file under the same id can't occur.
    picture = functools.lru_cache(maxsize=_PICTURES_KEPT)(services.drawer.draw)
    # Who waits for a slow page does not keep those waiting who search.
    waiting = CapacityLimiter(_PICTURES_AT_ONCE)

    def original_of(document_id: int) -> PaperFile:
        with open_database(services.settings.database) as db:
            document = library.get_document(db, document_id)
            file = paper_file(services.settings, db, document)
        if not file.path.is_file():
            raise NotFoundError(f"The file of '{document.title}' is gone from the library. Add the same file again.")
        return file

    @app.get("/api/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/documents/{document_id}/pages/{number}.jpg")
    async def page_picture(document_id: RowId, number: RowId, width: int = 1200) -> Response:
        def draw() -> bytes:
            file = original_of(document_id)
            if not file.format.has_pages:
                raise NotFoundError(f"'{file.name}' has no pages that could be shown as pictures.")
            return picture(file, number, min(max(width, _WIDTHS[0]), _WIDTHS[1]))

        jpeg = await to_thread.run_sync(draw, limiter=waiting)
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
    def original_pdf(document_id: RowId) -> FileResponse:
        file = original_of(document_id)
        if not file.format.has_pages:
            raise NotFoundError(f"'{file.name}' is no PDF.")
        return FileResponse(
            file.path, media_type="application/pdf", filename=file.name, content_disposition_type="inline"
        )

    @app.get("/api/documents/{document_id}/original")
    def original(document_id: RowId) -> FileResponse:
        # Never shown by the browser itself: a paper in HTML could hold a script.
        file = original_of(document_id)
        return FileResponse(file.path, media_type="application/octet-stream", filename=file.name)


def _file_name(name: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "-" for character in name)
