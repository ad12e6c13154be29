"""Settings and diagnostics over HTTP."""

import json
from collections.abc import Iterator

import pytest

from core.stored_settings import current
from tests.ui.site import Site, make_services, serve


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(make_services(tmp_path_factory.mktemp("program") / "library", port=7001)) as site:
        yield site


def put(site: Site, name: str, value: object) -> tuple[int, dict]:
    kind = {"Content-Type": "application/json"}
    answer = site.ask("PUT", f"/api/v1/settings/{name}", kind, json.dumps({"value": value}))
    return answer.status, answer.json()


def test_a_setting_is_kept_and_forgotten(site: Site) -> None:
    status, kept = put(site, "upload_files", "5")
    assert (status, kept["value"], kept["source"], kept["takes_effect"]) == (200, "5", "stored", "at once")
    assert current(site.settings).upload_files == 5
    assert put(site, "upload_megabytes", "70")[1]["waiting"] == "70"
    listed = {one["name"]: one for one in site.get("/api/v1/settings").json()["settings"]}
    assert (listed["upload_files"]["value"], listed["port"]["source"]) == ("5", "argument")
    for name in ("upload_files", "upload_megabytes"):
        assert site.ask("DELETE", f"/api/v1/settings/{name}").json()["source"] == "default"
    assert current(site.settings).upload_files == 2000


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ocr", "perhaps", "WHETSTONE_OCR is 'perhaps'; it must be on or off."),
        ("host", "0.0.0.0", "WHETSTONE_HOST is not kept in the library."),
        ("home", "/etc", "WHETSTONE_HOME is not kept in the library."),
        ("llm_url", "http://evil.example", "WHETSTONE_LLM_URL is not kept in the library."),
        ("colour", "green", "There is no setting 'colour'."),
    ],
)
def test_what_can_not_be_set_is_a_sentence(site: Site, name: str, value: str, said: str) -> None:
    status, refused = put(site, name, value)
    assert status == 400
    assert refused["error"]["message"].startswith(said)
    assert refused["error"]["code"] == "settings"
    assert not (site.settings.home / "settings.json").exists() or name not in (
        json.loads((site.settings.home / "settings.json").read_text())
    )


def test_diagnostics_are_one_document(site: Site) -> None:
    facts = site.get("/api/v1/diagnostics").json()
    assert facts["sizes"]["papers"] == 0
    assert facts["speeds"]["searches measured"] == 0
    assert facts["errors"]["last warnings"] == []
    assert str(site.settings.home) not in json.dumps(facts)
