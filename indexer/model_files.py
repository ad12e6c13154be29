"""What a model's folder may not hold: weights in a pickle, classes that are not known, code."""

import json
import re
from pathlib import Path
from typing import Any

from core.errors import ModelError

# All that a model of texts is made of here. Each is asked for its class by name, so no other name may be asked for.
_KNOWN_MODULE = re.compile(
    r"sentence_transformers(\.\w+)*\.(Transformer|Pooling|Normalize|Dense|LayerNorm|Dropout|StaticEmbedding)"
)
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_CURE = "Choose another model, or save this one anew."


def require_harmless(folder: Path, source: str) -> None:
    """Raise ModelError where loading the folder could run anything that it brought along."""
    for module in _modules(folder, source):
        kind, place = str(module.get("type")), str(module.get("path", ""))
        if not _KNOWN_MODULE.fullmatch(kind):
            raise ModelError(f"'{source}' asks for the class {kind[:80]!r}, which is not known here. {_CURE}")
        if not (folder / place).resolve().is_relative_to(folder.resolve()):
            raise ModelError(f"'{source}' asks for {place[:80]!r}, which lies outside of its folder. {_CURE}")
        _refuse_pickles(folder / place, folder, source)
    _refuse_pickles(folder, folder, source)
    # Also where no module is looked for today.
    for path in folder.rglob("pytorch_model.bin"):
        _refuse_pickles(path.parent, folder, source)
    if next(folder.rglob("adapter_config.json"), None):
        raise ModelError(f"'{source}' is an adapter of another model. Choose a whole one, or merge and save it anew.")
    for path in folder.rglob("*.json"):
        if path.name.endswith("config.json"):
            _refuse_code(path, folder, source)


def _modules(folder: Path, source: str) -> list[dict[str, Any]]:
    path = folder / "modules.json"
    modules = _read(path, folder, source) if path.is_file() else []
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise ModelError(f"The modules.json of '{source}' is not a list of modules. {_CURE}")
    return modules


def _refuse_pickles(place: Path, folder: Path, source: str) -> None:
    """Weights may lie beside their safetensors in other forms, which are not looked at; not in their stead."""
    if not place.is_dir() or any(place.glob("*.safetensors")):
        return
    for path in place.iterdir():
        if path.suffix in _PICKLES and path.name != "training_args.bin":
            raise ModelError(f"'{source}' has weights in '{path.relative_to(folder)}' and not in safetensors. {_CURE}")


def _refuse_code(path: Path, folder: Path, source: str) -> None:
    """No class of the folder's own, and no attention kernel fetched from a hub."""
    config = _read(path, folder, source)
    if not isinstance(config, dict):
        return
    name = path.relative_to(folder)
    if config.get("auto_map"):
        raise ModelError(f"'{source}' brings code of its own ('auto_map' in '{name}'), which is not run. {_CURE}")
    for key in ("_attn_implementation", "attn_implementation", "_experts_implementation"):
        if "/" in str(config.get(key, "")):
            raise ModelError(
                f"'{source}' asks for a kernel of the hub ('{key}' in '{name}'), which is not run. {_CURE}"
            )


def _read(path: Path, folder: Path, source: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"'{path.relative_to(folder)}' of '{source}' is not JSON. {_CURE}") from error
