"""Where the library lies and every knob, read from the environment and overridden by arguments."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import LibraryError, SettingsError
from core.formats import DocumentFormat

SEED_MODEL = "chelleboyer/llm-evals-2-79b954ef-4798-4994-be72-a88d46b8ecca"
SEED_BASE_MODEL = "Snowflake/snowflake-arctic-embed-l"
PACKAGED_MODEL = "packaged-minilm"
# In the library folder; the source of a version kept there begins with it.
MODELS_FOLDER = "models"
# In the library folder; holds the start-up copy of a large library's index.
INDEX_FOLDER = "index"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: what it sets, in words, and its value where none is given."""

    name: str
    default: str
    meaning: str


VARIABLES = (
    Variable("WHETSTONE_HOME", "~/.whetstone", "the library folder: papers, judgements, models"),
    Variable(
        "WHETSTONE_MODEL",
        "auto",
        f"auto, {PACKAGED_MODEL}, a Hugging Face model id, or a model folder; auto is {SEED_MODEL} "
        "on a machine with an NVIDIA GPU and the packaged MiniLM elsewhere",
    ),
    Variable("WHETSTONE_HOST", "127.0.0.1", "the address the page is served on"),
    Variable(
        "WHETSTONE_NAMES", "", "more names the page is reached by, with spaces between; with any, a password is needed"
    ),
    Variable("WHETSTONE_PORT", "7860", "the port the page is served on"),
    Variable(
        "WHETSTONE_CHUNK_TOKENS", "200", "the longest passage, in tokens of the model; for papers added from now on"
    ),
    Variable("WHETSTONE_READ_SECONDS", "60", "the longest time one PDF may take to be read"),
    Variable("WHETSTONE_READ_MEGABYTES", "1500", "the most memory the reading of one PDF may take"),
    Variable("WHETSTONE_OCR", "on", "whether the text of pages that are pictures is recognised: on or off"),
    Variable("WHETSTONE_UPLOAD_MEGABYTES", "500", "the largest file the page takes"),
    Variable("WHETSTONE_UPLOAD_FILES", "2000", "the most files the page takes at once"),
    Variable(
        "WHETSTONE_LLM_URL",
        "",
        "the address of a language model with an OpenAI-compatible API, such as http://127.0.0.1:11434/v1, that makes "
        "questions to ask of a paper; none, and nothing is sent anywhere, unless it is set",
    ),
    Variable("WHETSTONE_LLM_MODEL", "", "the name of the model at that address; its first one unless it is set"),
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

    def original(self, sha256: str, format: DocumentFormat) -> Path:
        return self.originals / f"{sha256}.{format}"

    def prepare_home(self) -> None:
        """Make the library folder and what it holds. Raises LibraryError where that is not allowed."""
        try:
            # What is in it is nobody else's; a folder that is there already keeps its rights.
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.originals, self.models, self.uploads):
                folder.mkdir(exist_ok=True)
            probe = self.home / f".write-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise LibraryError(
                f"The library folder '{self.home}' can't be written ({error.strerror}). "
                "Give another one with --home or WHETSTONE_HOME."
            ) from error


def load_settings(**overrides: str | int | Path | None) -> Settings:
    """The settings from the environment; an override that is not None goes before it.

    Overrides are named like the variables, without the prefix: `home`, `model`, `port`, ...
    """
    values: dict[str, str] = {}
    for variable in VARIABLES:
        key = variable.name.removeprefix("WHETSTONE_").lower()
        override = overrides.pop(key, None)
        values[key] = str(override) if override is not None else os.environ.get(variable.name, "") or variable.default
    if overrides:
        raise SettingsError(f"There is no setting '{next(iter(overrides))}'.")
    return Settings(
        home=_folder("WHETSTONE_HOME", values["home"]),
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
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(f"{name} is '{value}'; it must begin with http:// or https://, or be empty.")
    return value.rstrip("/")
