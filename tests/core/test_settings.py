from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import VARIABLES, load_settings, open_to_others


def test_an_argument_goes_before_the_environment_and_that_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHETSTONE_PORT", raising=False)
    assert load_settings().port == 7860
    monkeypatch.setenv("WHETSTONE_PORT", "8000")
    assert load_settings().port == 8000
    assert load_settings(port=9000).port == 9000


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHETSTONE_MODEL", "")
    assert load_settings().model == "auto"


@pytest.mark.parametrize("value", ["many", "-1", "70000", "7.5"])
def test_a_wrong_value_is_named_with_its_limits(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WHETSTONE_PORT", value)
    with pytest.raises(SettingsError, match=f"WHETSTONE_PORT is '{value}'; it must be a whole number from 0 to 65535"):
        load_settings()


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="colour"):
        load_settings(colour="green")


def test_every_variable_has_a_field_and_every_path_lies_in_the_home(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "x")
    for variable in VARIABLES:
        assert hasattr(settings, variable.name.removeprefix("WHETSTONE_").lower())
    for path in (settings.database, settings.originals, settings.models, settings.uploads, settings.work_lock):
        assert path.is_relative_to(tmp_path / "x")


def test_a_new_library_is_closed_to_others_even_in_a_folder_that_was_there_and_an_old_one_keeps_its_rights(
    tmp_path: Path,
) -> None:
    for folder in ("missing", "empty"):
        home = tmp_path / folder
        if folder == "empty":
            home.mkdir()
            home.chmod(0o755)
            assert open_to_others(home) == "755"
        load_settings(home=home).prepare_home()
        assert open_to_others(home) is None
    home.chmod(0o750)
    load_settings(home=home).prepare_home()
    assert open_to_others(home) == "750"
