"""What the child processes that open a file share: their limits on memory and time."""

import signal
import sys

# The parent measures the time; this is for the case that it is gone.
_SECONDS_AFTER_THE_PARENT = 2


def limit_memory(megabytes: int) -> None:
    """Let this process have so much address space and no more."""
    if sys.platform == "win32":
        return  # it has no such limit; the one on time still holds
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = megabytes << 20
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def limit_time(seconds: int) -> None:
    """Let this process end so long from now, a little after its parent would have ended it."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds + _SECONDS_AFTER_THE_PARENT)


def unlimit_time() -> None:
    """Take the limit back while there is nothing to do."""
    if hasattr(signal, "alarm"):
        signal.alarm(0)
