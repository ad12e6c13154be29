"""A model version to a model hub: only ever when asked to, with the user's own token."""

from core.errors import ModelError
from core.settings import Settings
from indexer.model_sources import find_model_folder
from storage import models
from storage.database import open_database
from training.archive import MODEL_FILE_SUFFIXES


def push_version(settings: Settings, model_id: int, repository: str, token: str | None, *, public: bool = False) -> str:
    """Upload the version's model and card to a repository of the hub, made where it is missing; its address.

    Judgements stay here. A repository that is made is private unless `public`. Raises ModelError without a token, and
    where the hub can't be reached or refuses.
    """
    # Delayed: it is needed for nothing else.
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    if not token:
        raise ModelError("There is no token to write to the hub with. Set HF_TOKEN to one with the right to write.")
    with open_database(settings.database) as db:
        version = models.get_model(db, model_id)
    folder = find_model_folder(version.source, settings.home)
    if folder is None:
        raise ModelError(f"'{version.name}' is a model of the hub already; name it there by its id.")
    hub = HfApi(token=token)
    try:
        address = str(hub.create_repo(repository, private=not public, exist_ok=True))
        hub.upload_folder(
            repo_id=repository,
            folder_path=folder,
            commit_message=f"{version.name} by Whetstone",
            allow_patterns=[f"*{suffix}" for suffix in sorted(MODEL_FILE_SUFFIXES)],
        )
    except HFValidationError as error:
        raise ModelError(f"'{repository}' is no name of a repository; it has the form owner/name.") from error
    except OfflineModeIsEnabled as error:
        raise ModelError("The hub is switched off by HF_HUB_OFFLINE. Unset it to push a version.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise ModelError(
            f"The hub refused '{repository}' (status {status}). Look at the token's rights and the owner's name."
        ) from error
    except (httpx2.HTTPError, OSError) as error:
        raise ModelError(f"The hub can't be reached ({error}). Nothing of the library has changed.") from error
    return address
