"""What became of files that were to be added."""

from dataclasses import dataclass, field

from core.types import Document


@dataclass(slots=True)
class Added:
    """The papers by their ids, queued to be read, and which were there already; the rest in sentences.

    `refused` is what could not be added though it was asked for, `remarks` what is worth knowing besides, and
    `without_file` the entries of a bibliography that came without a paper, one by one.
    """

    documents: dict[int, Document] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    without_file: list[str] = field(default_factory=list)

    def take(self, document: Document, new: bool) -> None:
        """Count a paper in, once however often it comes."""
        if not new and document.id not in self.documents:
            self.known.add(document.id)
        self.documents[document.id] = document

    def merge(self, other: "Added") -> None:
        for document in other.documents.values():
            self.take(document, document.id not in other.known)
        self.refused += other.refused
        self.remarks += other.remarks
        self.without_file += other.without_file
