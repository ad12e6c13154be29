import json
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import VARIABLES, Settings, Source, load_settings, stored_path
from core.stored_settings import Knob, current, forget_setting, list_knobs, store_setting


def knob(settings: Settings, key: str) -> Knob:
    return next(knob for knob in list_knobs(settings) if knob.variable.key == key)


def test_what_is_stored_goes_before_the_default_only(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store_setting(settings.home, "WHETSTONE_PORT", " 8001 ")
    store_setting(settings.home, "ocr", "off")
    loaded = load_settings(home=settings.home)
    assert (loaded.port, loaded.ocr, loaded.sources["port"]) == (8001, False, Source.STORED)
    monkeypatch.setenv("WHETSTONE_PORT", "8002")
    assert load_settings(home=settings.home).port == 8002
    assert load_settings(home=settings.home, port=8003).sources["port"] is Source.ARGUMENT
    forget_setting(settings.home, "port")
    monkeypatch.delenv("WHETSTONE_PORT")
    assert load_settings(home=settings.home).port == 7860


def test_who_runs_already_sees_at_once_what_can_change_at_once(settings: Settings) -> None:
    store_setting(settings.home, "ocr", "off")
    store_setting(settings.home, "upload-files", "7")
    store_setting(settings.home, "port", "9000")
    now = current(settings)
    assert (now.ocr, now.upload_files, now.port) == (False, 7, 7860)
    assert (knob(settings, "ocr").value, knob(settings, "ocr").source, knob(settings, "ocr").waiting) == (
        "off", Source.STORED, None,
    )  # fmt: skip
    assert (knob(settings, "port").value, knob(settings, "port").waiting) == ("7860", "9000")
    forget_setting(settings.home, "ocr")
    forget_setting(settings.home, "port")
    assert current(settings).ocr
    assert knob(settings, "port").waiting is None


def test_what_was_stored_at_the_start_and_is_forgotten_is_the_default_again(settings: Settings) -> None:
    store_setting(settings.home, "ocr", "off")
    running = load_settings(home=settings.home)
    forget_setting(settings.home, "ocr")
    assert current(running).ocr
    assert knob(running, "ocr").source is Source.DEFAULT


def test_arguments_and_the_environment_stay_whatever_is_stored(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHETSTONE_OCR", "on")
    running = load_settings(home=settings.home, upload_files=3)
    store_setting(settings.home, "ocr", "off")
    store_setting(settings.home, "upload_files", "9")
    assert (current(running).ocr, current(running).upload_files) == (True, 3)
    assert not knob(running, "ocr").changeable
    assert knob(running, "upload_files").source is Source.ARGUMENT


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ocr", "maybe", "WHETSTONE_OCR is 'maybe'; it must be on or off."),
        ("chunk_tokens", "5", "WHETSTONE_CHUNK_TOKENS is '5'; it must be a whole number from 32 to 8192."),
        ("chunk_tokens", "", "WHETSTONE_CHUNK_TOKENS is ''; it must be a whole number"),
        ("colour", "green", "There is no setting 'colour'"),
        ("home", "/", "WHETSTONE_HOME is not kept in the library. Give it when the program is started"),
        ("host", "0.0.0.0", "WHETSTONE_HOST is not kept in the library"),
        ("names", "a.example", "WHETSTONE_NAMES is not kept in the library"),
        ("model", "x", "WHETSTONE_MODEL is not kept in the library. Choose another model on the Training tab"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(settings: Settings, name: str, value: str, said: str) -> None:
    store_setting(settings.home, "ocr", "off")
    before = stored_path(settings.home).read_text()
    with pytest.raises(SettingsError) as refused:
        store_setting(settings.home, name, value)
    assert said in str(refused.value)
    assert stored_path(settings.home).read_text() == before


def test_a_file_changed_by_hand_is_told_with_its_cure(settings: Settings) -> None:
    stored_path(settings.home).write_text(json.dumps({"ocr": "perhaps", "of a newer version": 1, "host": "0.0.0.0"}))
    with pytest.raises(SettingsError) as refused:
        load_settings(home=settings.home)
    assert "WHETSTONE_OCR is 'perhaps'; it must be on or off. It is stored in '" in str(refused.value)
    assert "to forget it: python app.py --unset ocr" in str(refused.value)
    forget_setting(settings.home, "ocr")
    # What may not be stored is not read either.
    assert load_settings(home=settings.home).host == "127.0.0.1"
    for text in ("{", "[]", "\0"):
        stored_path(settings.home).write_text(text)
        with pytest.raises(SettingsError, match="can't be read .* Mend the file, or remove it"):
            load_settings(home=settings.home)


def test_every_variable_has_a_label_and_says_what_to_do_where_it_is_not_stored(tmp_path: Path) -> None:
    for variable in VARIABLES:
        assert variable.label
        assert bool(variable.effect) != bool(variable.instead)
    assert [one.variable for one in list_knobs(load_settings(home=tmp_path))] == list(VARIABLES)
