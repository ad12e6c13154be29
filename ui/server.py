"""The web server: the page and the API, behind guards."""

import gradio as gr
from fastapi import FastAPI
from starlette.types import ASGIApp

from api.accounts import Accounts
from api.create import create_api
from api.password import PasswordFile
from api.services import Services
from api.tokens import TokenFile
from ui.guard import Guard, HostNames, is_loopback
from ui.interface import TABS, build_parts
from ui.login import Login
from ui.open_files import HEAD, OpenFiles
from ui.render import ASSETS, read_asset
from ui.roles import empty, hold_to_roles
from ui.theme import make_theme
from ui.upload_gate import UploadGate


def create_app(services: Services) -> ASGIApp:
    """The whole application, ready for uvicorn: page and API behind the guard, the login and the limits of uploads."""
    settings = services.settings
    accounts = Accounts(settings)
    built = build_parts(services)
    hold_to_roles(built.blocks, built.news, accounts.as_now)
    app = UploadGate(_create_page(services, accounts, built.blocks), settings)
    names = HostNames(settings.host, settings.names)
    exposed = not is_loopback(settings.host) or bool(settings.names)
    files = PasswordFile(settings.password), TokenFile(settings.tokens)
    login = Login(
        app, accounts, *files, services.tries, required=exposed, for_users=lambda: empty(built.blocks, built.showing)
    )
    return Guard(OpenFiles(login, services.run), names)


def _head_script() -> str:
    """What all parts of the page share, there before any of them."""
    shared = "".join(map(read_asset, ("address.js", "dialog.js", "signed_out.js")))
    return f"window.tabNames = {list(TABS)};\n{shared}"


def _create_page(services: Services, accounts: Accounts, page: gr.Blocks) -> FastAPI:
    # A mounted Gradio checks where an uploaded file lies only once this is set, which launch() would do.
    page.has_launched = True
    settings = services.settings
    return gr.mount_gradio_app(
        create_api(services, accounts),
        page,
        path="/",
        theme=make_theme(),
        css_paths=ASSETS / "style.css",
        head=f'<meta name="color-scheme" content="light dark">{HEAD}<script>{_head_script()}</script>',
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        max_file_size=f"{settings.upload_megabytes}mb",
        allowed_paths=[],
        blocked_paths=[str(settings.originals), str(settings.models), str(settings.database)],
    )
