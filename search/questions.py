"""Questions to vectors, for many who ask at once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from core.types import EmbeddingMatrix, Vector

# So many short questions are embedded in not much more time than one.
_MOST_AT_ONCE = 8
_MOST_KEPT = 1000


class QuestionEmbedder:
    """Embeds in one thread of its own, all that wait together, and keeps the vectors of the last questions.

    One thread, because every thread that has run a model keeps working memory for it as long as it lives. Safe to call
    from any other.
    """

    def __init__(self, embed: Callable[[Sequence[str]], EmbeddingMatrix]) -> None:
        self._embed = embed
        # It ends when nobody holds this object any more.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed questions")
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._waiting: dict[str, Future[Vector]] = {}

    def vector(self, question: str) -> Vector:
        """The question's unit vector; it may be read only, for others hold it too."""
        return self.begin(question).result()

    def begin(self, question: str) -> Future[Vector]:
        """The vector to come, for whoever has something else to do meanwhile."""
        with self._lock:
            if question in self._known:
                self._known.move_to_end(question)
                known: Future[Vector] = Future()
                known.set_result(self._known[question])
                return known
            if question not in self._waiting:
                self._waiting[question] = self._thread.submit(self._embed_with_others, question)
            return self._waiting[question]

    def _embed_with_others(self, question: str) -> Vector:
        try:
            with self._lock:
                if question in self._known:
                    return self._known[question]
                others = [one for one in self._waiting if one != question and one not in self._known]
            together = [question, *others[: _MOST_AT_ONCE - 1]]
            try:
                vectors = self._embed(together)
            except Exception:
                if len(together) == 1:
                    raise
                # It may be another one that can't be embedded.
                together = [question]
                vectors = self._embed(together)
            vectors.setflags(write=False)
            with self._lock:
                self._known.update(zip(together, vectors, strict=True))
                while len(self._known) > _MOST_KEPT:
                    self._known.popitem(last=False)
                return self._known[question]
        finally:
            with self._lock:
                del self._waiting[question]
