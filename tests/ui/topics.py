"""Three small papers on different matters, and a question each of them answers; one with hostile text."""

from dataclasses import dataclass
from pathlib import Path

from tests.papers import make_paper, write

HOSTILE_TEXT = (
    "Backslashes such as \\xi and \\u0 stand here, and ${Object.defineProperty(window, /pwned/.source, {value: 1})}, "
    "and {{value}}, and <img src=x onerror=\"Object.defineProperty(window, 'pwned', {value: 1})\"> beside harmless "
    "words on how parsers read templates."
)


@dataclass(frozen=True, slots=True)
class Topic:
    file_name: str
    title: str
    question: str
    paragraphs: tuple[str, ...]


TOPICS = (
    Topic(
        "glaciers.pdf",
        "How Glaciers Move",
        "why do glaciers slide downhill?",
        (
            "Glaciers flow because ice deforms slowly under its own weight. The deformation grows with the third power "
            "of the shear stress, so thick ice on a steep bed moves far faster than thin ice on a gentle slope.",
            "Water at the bed lets a glacier slide downhill. Melt water that reaches the base in summer raises the "
            "pressure there, lifts the ice off its bed, and speeds up the sliding within hours.",
            "Surges are rare episodes in which a glacier moves a hundred times faster than usual. They end when the "
            "stored water drains away through channels under the ice.",
            "We measured surface speed with satellite radar over twelve winters. Speeds fell by a tenth in years with "
            "early drainage, which supports the view that drained channels slow the ice.",
        ),
    ),
    Topic(
        "sourdough.pdf",
        "Microbes of Sourdough Bread",
        "which microbes make sourdough rise?",
        (
            "Sourdough rises because wild yeasts ferment the sugars of the flour and give off carbon dioxide. The gas "
            "is held by the gluten network, which stretches as the dough is folded.",
            "Lactic acid bacteria live beside the yeasts and make the dough sour. Their acids slow the staling of the "
            "crumb and keep moulds away for several days.",
            "The temperature of the starter decides which species win. Warm starters favour lactic acid, while cool "
            "ones favour acetic acid and a sharper taste.",
            "We sequenced starters from forty bakeries. Most held one yeast and two bacteria, and the mixture stayed "
            "stable for years although flour and water were renewed every day.",
        ),
    ),
    Topic(
        "pulsars.pdf",
        "Timing of Millisecond Pulsars",
        "how precisely do pulsars keep time?",
        (
            "A pulsar is a spinning neutron star whose radio beam sweeps past the Earth once in a rotation. "
            "Millisecond pulsars keep time to better than a microsecond over many years.",
            "The arrival times are corrected for the motion of the Earth, for the plasma between the stars, and for "
            "relativity. What remains is called the timing residual.",
            "Gravitational waves of very low frequency would shift the residuals of all pulsars together. The shift "
            "depends on the angle between two pulsars in a way that no clock error can imitate.",
            "We analysed sixty pulsars over fifteen years. Their residuals share a red signal, and the dependence on "
            "the angle is seen at four standard deviations.",
        ),
    ),
)


def write_topics(folder: Path) -> list[Path]:
    """The three papers as PDF files."""
    return [write(folder, topic.file_name, make_paper(topic.title, topic.paragraphs)) for topic in TOPICS]


def write_hostile_paper(folder: Path) -> Path:
    """A paper whose text would be a script in a careless page."""
    return write(folder, "parsers.pdf", make_paper("On Parsers ${1+1} {{title}}", [HOSTILE_TEXT]))
