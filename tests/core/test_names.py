import pytest

from core.names import without_names


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("'Secret plan.pdf' is not a PDF. Drop another.", "'…' is not a PDF. Drop another."),
        ("'Bob's plan' can't be opened (Permission denied).", "'…' can't be opened (Permission denied)."),
        ("It can't be read, and isn't there.", "It can't be read, and isn't there."),
        ("'a' and 'b's c' are both 'd'.", "'…'."),
        ("The file of “My Title” is gone.", "The file of “…” is gone."),
        ('Found "x y" twice.', 'Found "…" twice.'),
        (
            "An unexpected error ended this (ValueError: no (good) title).",
            "An unexpected error ended this (ValueError).",
        ),
        ("[Errno 2] No such file: /home/ada/My", "[Errno 2] No such file: …"),
        ("at ~/papers/x, C:\\Users\\Ada\\y and file:///a/b", "at ~…, … and file:…"),
        ("secret-plan.PDF failed, so did a.docx.", "… failed, so did …."),
        ("WHETSTONE_MODEL asks for owner/name and/or it", "WHETSTONE_MODEL asks for owner/name and/or it"),
        ("The disk is full. Free some space, then try again.", "The disk is full. Free some space, then try again."),
    ],
)
def test_nothing_that_names_a_paper_or_a_person_is_left(told: str, shown: str) -> None:
    assert without_names(told) == shown
