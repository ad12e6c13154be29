"""Have a map drawn by the worker."""

from sqlite_utils import Database

from core.errors import LibraryError
from core.types import Job, JobKind
from storage import jobs, maps, models


def queue_map(db: Database, model_id: int | None = None, *, anew: bool = False) -> Job | None:
    """Have the map of a version drawn, the active one unless another is named; None where it is up to date."""
    version = models.version_or_active(db, model_id)
    if version is None:
        raise LibraryError("This library has no model yet. Add a paper first.")
    if not anew and maps.is_up_to_date(db, version):
        return None

    def draws_it(job: Job) -> bool:
        # That of another version is none of this one's, and what goes on with a map does not draw it anew.
        return job.params["model_id"] == version.id and (job.params["anew"] or not anew)

    return jobs.add_job(db, JobKind.MAP, {"model_id": version.id, "anew": anew}, draws_it)
