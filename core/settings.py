"""Where the library lies and every knob: an argument goes before the environment, both before what is stored."""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from core.addresses import is_web_address, without_secrets
from core.errors import LibraryError, SettingsError
from core.formats import DocumentFormat

SEED_MODEL = "chelleboyer/llm-evals-2-79b954ef-4798-4994-be72-a88d46b8ecca"
SEED_BASE_MODEL = "Snowflake/snowflake-arctic-embed-l"
PACKAGED_MODEL = "packaged-minilm"
ARXIV_URL, DOI_URL = "https://arxiv.org", "https://doi.org"
# In the library folder; the source of a version kept there begins with it.
MODELS_FOLDER = "models"
# In the library folder; holds the start-up copy of a large library's index.
INDEX_FOLDER = "index"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: what it sets, in words, and its value where none is given.

    `effect` tells when a value takes effect that is stored in the library, as the page does; without one, none can be,
    and `instead` tells what to do. `label` is what it is called on the page.
    """

    name: str
    default: str
    meaning: str
    label: str = ""
    effect: str = ""
    instead: str = ""

    @property
    def key(self) -> str:
        """Its name as an argument, and as a field of the settings."""
        return self.name.removeprefix("WHETSTONE_").lower()


class Source(StrEnum):
    """Where a value comes from."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    STORED = "stored"
    DEFAULT = "default"


AT_ONCE = "at once"
FROM_NOW_ON = "for papers read from now on"
NEXT_START = "at the next start"
_BY_THE_START = "Give it when the program is started, as an argument or in the environment."


VARIABLES = (
    Variable(
        "WHETSTONE_HOME",
        "~/.whetstone",
        "the library folder: papers, judgements, models",
        label="Library folder",
        instead=_BY_THE_START,
    ),
    Variable(
        "WHETSTONE_MODEL",
        "auto",
        f"auto, {PACKAGED_MODEL}, a Hugging Face model id, or a model folder; auto is {SEED_MODEL} "
        "on a machine with an NVIDIA GPU and the packaged MiniLM elsewhere",
        label="Model",
        instead="Choose another model on the Training tab, which changes at once and can be undone.",
    ),
    Variable(
        "WHETSTONE_RERANKER",
        "off",
        "off, or a cross-encoder by Hugging Face id or folder, which puts the first 30 passages in its own order",
        label="Reranker",
        instead=_BY_THE_START,
    ),
    Variable(
        "WHETSTONE_HOST",
        "127.0.0.1",
        "the address the page is served on",
        label="Address",
        instead=_BY_THE_START,
    ),
    Variable(
        "WHETSTONE_NAMES",
        "",
        "more names the page is reached by, with spaces between; with any, a password is needed",
        label="More names",
        instead=_BY_THE_START,
    ),
    Variable("WHETSTONE_PORT", "7860", "the port the page is served on", label="Port", effect=NEXT_START),
    Variable(
        "WHETSTONE_CHUNK_TOKENS",
        "200",
        "the longest passage, in tokens of the model",
        label="Longest passage",
        effect=FROM_NOW_ON,
    ),
    Variable(
        "WHETSTONE_READ_SECONDS",
        "60",
        "the longest time one PDF may take to be read",
        label="Seconds a PDF",
        effect=FROM_NOW_ON,
    ),
    Variable(
        "WHETSTONE_READ_MEGABYTES",
        "1500",
        "the most memory the reading of one PDF may take",
        label="Megabytes a PDF",
        effect=FROM_NOW_ON,
    ),
    Variable(
        "WHETSTONE_OCR",
        "on",
        "whether the text of pages that are pictures is recognised: on or off",
        label="Recognise scans",
        effect=FROM_NOW_ON,
    ),
    Variable(
        "WHETSTONE_UPLOAD_MEGABYTES",
        "500",
        "the largest file the page takes",
        label="Megabytes an upload",
        effect=NEXT_START,
    ),
    Variable(
        "WHETSTONE_UPLOAD_FILES", "2000", "the most files the page takes at once", label="Files at once", effect=AT_ONCE
    ),
    Variable(
        "WHETSTONE_LLM_URL",
        "",
        "the address of a language model with an OpenAI-compatible API, such as http://127.0.0.1:11434/v1, that makes "
        "questions to ask of a paper; none, and nothing is sent anywhere, unless it is set",
        label="Language model",
        instead=_BY_THE_START,
    ),
    Variable(
        "WHETSTONE_LLM_MODEL",
        "",
        "the name of the model at that address; its first one unless it is set",
        label="Its name",
        instead=_BY_THE_START,
    ),
    Variable(
        "WHETSTONE_ARXIV_URL",
        ARXIV_URL,
        "where a paper is fetched from when you ask for it by its arXiv id: arXiv, a mirror, or off",
        label="arXiv",
        instead=_BY_THE_START,
    ),
    Variable(
        "WHETSTONE_DOI_URL",
        DOI_URL,
        "where a DOI that you ask for is looked up, or off",
        label="DOIs",
        instead=_BY_THE_START,
    ),
    Variable(
        "WHETSTONE_FETCH_HOSTS",
        "www.arxiv.org export.arxiv.org aclanthology.org link.springer.com www.nature.com",
        "the hosts of publishers that a DOI may lead to, with spaces between; from no other is a PDF taken",
        label="Publishers",
        instead=_BY_THE_START,
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path
    model: str
    host: str
    port: int
    chunk_tokens: int
    read_seconds: int
    read_megabytes: int
    upload_megabytes: int
    upload_files: int = 2000
    names: tuple[str, ...] = ()
    ocr: bool = True
    llm_url: str = ""
    llm_model: str = ""
    arxiv_url: str = ""
    doi_url: str = ""
    fetch_hosts: tuple[str, ...] = ()
    reranker: str | None = None
    sources: Mapping[str, Source] = field(default_factory=dict, compare=False)

    @property
    def database(self) -> Path:
        return self.home / "library.db"

    @property
    def originals(self) -> Path:
        return self.home / "originals"

    @property
    def models(self) -> Path:
        return self.home / MODELS_FOLDER

    @property
    def uploads(self) -> Path:
        """Where a browser's upload lies until it has become a document."""
        return self.home / "uploads"

    @property
    def password(self) -> Path:
        """The hash of the page's password; absent where none is set."""
        return self.home / "password.json"

    @property
    def user_passwords(self) -> Path:
        """The hashes of the users' passwords; absent where there is no user."""
        return self.home / "user_passwords.json"

    @property
    def tokens(self) -> Path:
        """The hashes of the tokens that programs may use the API with; absent where none was made."""
        return self.home / "tokens.json"

    @property
    def work_lock(self) -> Path:
        return self.home / "work.lock"

    @property
    def app_lock(self) -> Path:
        """Held by the app that serves the library."""
        return self.home / "app.lock"

    @property
    def app_address(self) -> Path:
        """Tells where the page of that app is, while it is served."""
        return self.home / "app.json"

    def original(self, sha256: str, format: DocumentFormat) -> Path:
        return self.originals / f"{sha256}.{format}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where something is written: the library's own folder, and those in it for files."""
        return self.home, self.originals, self.models, self.uploads

    def require_outside(self, target: Path) -> None:
        """Raise LibraryError where a file that somebody wants written would take the place of one of the library's."""
        if target.resolve().is_relative_to(self.home.resolve()):
            raise LibraryError(f"'{target}' lies in the library itself. Give a file outside of it.")

    def prepare_home(self) -> None:
        """Make the library folder and what it holds. Raises LibraryError where that is not allowed."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not any(self.home.iterdir()):
                # What comes into it is nobody else's. On some disks, or in another's folder, rights can't be changed.
                with suppress(OSError):
                    self.home.chmod(0o700)
            for folder in self.folders:
                folder.mkdir(exist_ok=True)
            probe = self.home / f".write-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise LibraryError(
                f"The library folder '{self.home}' can't be written ({error.strerror}). "
                "Give another one with --home or WHETSTONE_HOME."
            ) from error


def open_to_others(folder: Path) -> str | None:
    """The rights of a folder that are open to other users of the machine; None where they are not."""
    rights = stat.S_IMODE(folder.stat().st_mode)
    # Windows has rights of another kind.
    return f"{rights:03o}" if os.name == "posix" and rights & 0o077 else None


def find_home(home: str | Path | None = None) -> Path:
    """The library folder that is meant, whatever else is set."""
    default = next(variable.default for variable in VARIABLES if variable.key == "home")
    return _folder("WHETSTONE_HOME", str(home or os.environ.get("WHETSTONE_HOME", "") or default))


def load_settings(**overrides: str | int | Path | None) -> Settings:
    """The settings: an override that is not None goes before the environment, that before what the library stores.

    Overrides are named like the variables, without the prefix: `home`, `model`, `port`, ...
    """
    home = overrides.get("home")
    folder = find_home(None if home is None else str(home))
    stored = read_stored(folder)
    values: dict[str, str] = {}
    sources: dict[str, Source] = {}
    for variable in VARIABLES:
        key = variable.key
        override = overrides.pop(key, None)
        if override is not None:
            values[key], sources[key] = str(override), Source.ARGUMENT
        elif given := os.environ.get(variable.name, ""):
            values[key], sources[key] = given, Source.ENVIRONMENT
        elif key in stored:
            values[key], sources[key] = stored[key], Source.STORED
        else:
            values[key], sources[key] = variable.default, Source.DEFAULT
    if overrides:
        raise SettingsError(f"There is no setting '{next(iter(overrides))}'.")
    try:
        return _parse(folder, values, sources)
    except SettingsError as error:
        name = str(error).split()[0]
        if sources.get(name.removeprefix("WHETSTONE_").lower()) is not Source.STORED:
            raise
        cure = f"python app.py --unset {name.removeprefix('WHETSTONE_').lower()}"
        raise SettingsError(f"{error} It is stored in '{stored_path(folder)}'; to forget it: {cure}") from error


def stored_path(home: Path) -> Path:
    return home / "settings.json"


def read_stored(home: Path) -> dict[str, str]:
    """What the library stores, by the variables' keys; of others, such as a newer version's, nothing.

    Raises SettingsError where the file is none of ours.
    """
    path = stored_path(home)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known = {variable.key for variable in VARIABLES if variable.effect}
        return {key: str(value) for key, value in values.items() if key in known}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"The settings in '{path}' can't be read ({type(error).__name__}). Mend the file, or remove it to have the "
            "defaults again."
        ) from error


def _parse(home: Path, values: Mapping[str, str], sources: Mapping[str, Source]) -> Settings:
    return Settings(
        home=home,
        model=values["model"].strip() or "auto",
        host=values["host"],
        port=_whole_number("WHETSTONE_PORT", values["port"], 0, 65535),
        chunk_tokens=_whole_number("WHETSTONE_CHUNK_TOKENS", values["chunk_tokens"], 32, 8192),
        read_seconds=_whole_number("WHETSTONE_READ_SECONDS", values["read_seconds"], 1, 3600),
        read_megabytes=_whole_number("WHETSTONE_READ_MEGABYTES", values["read_megabytes"], 256, 1_000_000),
        upload_megabytes=_whole_number("WHETSTONE_UPLOAD_MEGABYTES", values["upload_megabytes"], 1, 100_000),
        upload_files=_whole_number("WHETSTONE_UPLOAD_FILES", values["upload_files"], 1, 100_000),
        names=tuple(values["names"].split()),
        ocr=_switch("WHETSTONE_OCR", values["ocr"]),
        llm_url=_address("WHETSTONE_LLM_URL", values["llm_url"].strip()),
        llm_model=values["llm_model"].strip(),
        arxiv_url=_address_or_off("WHETSTONE_ARXIV_URL", values["arxiv_url"].strip()),
        doi_url=_address_or_off("WHETSTONE_DOI_URL", values["doi_url"].strip()),
        fetch_hosts=tuple(values["fetch_hosts"].split()),
        sources=sources,
        reranker=None if values["reranker"].strip() in ("", "off") else values["reranker"].strip(),
    )


def _folder(name: str, value: str) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError(f"{name} is '{value}', and there is no such user's home. Give a whole path.") from error


def _whole_number(name: str, value: str, least: int, most: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise SettingsError(f"{name} is '{value}'; it must be a whole number from {least} to {most}.")
    return number


def _switch(name: str, value: str) -> bool:
    if value not in ("on", "off"):
        raise SettingsError(f"{name} is '{value}'; it must be on or off.")
    return value == "on"


def _address(name: str, value: str) -> str:
    if value and not is_web_address(value):
        raise SettingsError(
            f"{name} is '{without_secrets(value)}'; "
            "it must be an address that begins with http:// or https://, or empty."
        )
    return value.rstrip("/")


def _address_or_off(name: str, value: str) -> str:
    return "" if value == "off" else _address(name, value)
