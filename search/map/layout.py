"""A layout of vectors in two dimensions: principal axes, then t-SNE. Seconds of work, for the worker alone."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from core.types import EmbeddingMatrix
from search.map.places import Places, centred

# Below this, t-SNE only shows chance.
_FEWEST_FOR_TSNE = 12
_PERPLEXITY = 30
_AXES = 50
_ROUNDS = 750
# As small as t-SNE wants its start to be, where it is to find a picture of its own; and how much it pulls near ones
# together at first. A picture that is given is kept by neither.
_START_SIZE, _EXAGGERATION = 1e-4, 12.0
_SIZE_OF_GIVEN, _EXAGGERATION_OF_GIVEN = 1.0, 1.0


def lay_out(vectors: EmbeddingMatrix, start: Places | None = None) -> Places:
    """Places of the vectors, near ones near each other; the same for the same input.

    With a `start`, one row a vector, the picture comes out as much like that as the vectors allow.
    """
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2), np.float32)
    # One thread: searches in the web process come first.
    with threadpool_limits(limits=1):
        axes = PCA(
            min(_AXES, *vectors.shape), svd_solver="full" if len(vectors) < 500 else "randomized", random_state=0
        )
        reduced = axes.fit_transform(vectors)
        plain = reduced[:, :2] if reduced.shape[1] > 1 else np.column_stack([reduced, np.zeros(len(reduced))])
        if len(vectors) < _FEWEST_FOR_TSNE:
            return centred(_ways_round(plain))
        given = start is not None
        begin = centred(start if start is not None else _ways_round(plain))
        tsne = TSNE(
            perplexity=min(_PERPLEXITY, (len(vectors) - 1) / 3),
            init=begin * (_SIZE_OF_GIVEN if given else _START_SIZE),
            early_exaggeration=_EXAGGERATION_OF_GIVEN if given else _EXAGGERATION,
            max_iter=_ROUNDS,
            random_state=0,
            n_jobs=1,
        )
        places = centred(tsne.fit_transform(reduced.astype(np.float32)))
        # A window is wider than high.
        return places if given else _ways_round(places @ np.linalg.svd(places, full_matrices=False)[2].T)


def _ways_round(plain: Places) -> Places:
    """The same with each axis pointing one way: which one is chance in a singular value decomposition."""
    largest = np.abs(plain).argmax(axis=0)
    signs = np.sign(plain[largest, np.arange(plain.shape[1])])
    return plain * np.where(signs == 0, 1, signs)
