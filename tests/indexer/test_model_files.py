"""Models made by someone who means harm: whatever their folder asks for, nothing of it is run."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ModelError
from indexer.encoder import load_encoder
from tests.models import make_seed_like_model


class Evil:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable, tuple]:
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that is there once code of the model has run."""
    return tmp_path / "code-has-run"


@pytest.fixture
def model(tmp_path: Path, mark: Path) -> Path:
    """A good model, with code beside it that nobody should run."""
    folder = tmp_path / "model"
    make_seed_like_model(folder)
    (folder / "evil.py").write_text(
        f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
        "from transformers import BertModel, BertConfig, BertTokenizerFast\n"
        "class Evil(BertModel): pass\nclass EvilConfig(BertConfig): pass\n"
        "class EvilTokenizer(BertTokenizerFast): pass\n"
    )
    return folder


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refusal(model: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_encoder(str(model), model.parent)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_code_that_merely_lies_there_is_not_run(model: Path, mark: Path) -> None:
    assert load_encoder(str(model), model.parent).dimension == 1024
    assert not mark.exists()


@pytest.mark.parametrize(
    "kind",
    [
        "evil.Evil", "subprocess.Popen", "builtins.exec", "os.system", "sentence_transformers.util.misc.os",
        "sentence_transformers.models.CLIPModel", "sentence_transformers.Transformer\nevil", "", None, 3, ["evil.Evil"],
    ],
)  # fmt: skip
def test_a_class_that_is_not_known_is_not_asked_for(model: Path, mark: Path, kind: object) -> None:
    path = model / "modules.json"
    modules = json.loads(path.read_text())
    path.write_text(json.dumps([*modules, {"idx": 9, "name": "9", "path": "", "type": kind}]))
    assert "which is not known here" in refusal(model)
    assert not mark.exists()


def test_a_module_outside_of_the_folder_is_not_looked_at(model: Path) -> None:
    path = model / "modules.json"
    modules = json.loads(path.read_text())
    modules[1]["path"] = "../elsewhere"
    path.write_text(json.dumps(modules))
    assert "outside of its folder" in refusal(model)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "1_Pooling/config.json"])
def test_classes_of_its_own_are_not_run(model: Path, mark: Path, name: str) -> None:
    classes = {"AutoModel": "evil.Evil", "AutoConfig": "evil.EvilConfig", "AutoTokenizer": ["evil.EvilTokenizer", None]}
    change(model / name, auto_map=classes, model_type="evil", tokenizer_class="EvilTokenizer", trust_remote_code=True)
    assert f"code of its own ('auto_map' in '{name}')" in refusal(model)
    assert not mark.exists()


def test_a_kernel_of_the_hub_is_not_fetched(model: Path) -> None:
    change(model / "config.json", _attn_implementation="someone/kernel")
    assert "a kernel of the hub" in refusal(model)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "pytorch_model-00001-of-00002.bin", "w.pkl"])
@pytest.mark.parametrize("place", ["", "2_Dense"])
def test_a_pickle_is_not_opened(model: Path, mark: Path, name: str, place: str) -> None:
    if place:
        path = model / "modules.json"
        module = {"idx": 9, "name": "9", "path": place, "type": "sentence_transformers.models.Dense"}
        path.write_text(json.dumps([*json.loads(path.read_text()), module]))
        (model / place).mkdir(exist_ok=True)
        (model / place / "config.json").write_text('{"in_features": 1024, "out_features": 8}')
    else:
        (model / "model.safetensors").unlink()
    (model / place / name).write_bytes(pickle.dumps(Evil(mark)))
    assert f"has weights in '{Path(place, name)}' and not in safetensors" in refusal(model)
    assert not mark.exists()


def test_a_pickle_beside_the_safetensors_is_left_alone(model: Path, mark: Path) -> None:
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(mark)))
    load_encoder(str(model), model.parent)
    assert not mark.exists()


def test_an_adapter_which_fetches_another_model_is_refused(model: Path, mark: Path) -> None:
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/model", "peft_type": "LORA"}')
    (model / "adapter_model.bin").write_bytes(pickle.dumps(Evil(mark)))
    assert "an adapter of another model" in refusal(model)
    assert not mark.exists()


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "3", "[3]", '{"a": 1}'])
def test_modules_that_are_none_are_one_sentence(model: Path, content: str) -> None:
    (model / "modules.json").write_text(content)
    assert "modules" in refusal(model)


def test_an_activation_of_its_own_is_not_called(model: Path, mark: Path) -> None:
    path = model / "modules.json"
    module = {"idx": 9, "name": "9", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    path.write_text(json.dumps([*json.loads(path.read_text()), module]))
    (model / "2_Dense").mkdir(exist_ok=True)
    config = {"in_features": 1024, "out_features": 8, "activation_function": "evil.Evil"}
    (model / "2_Dense" / "config.json").write_text(json.dumps(config))
    (model / "2_Dense" / "model.safetensors").write_bytes(b"")
    refusal(model)
    assert not mark.exists()
