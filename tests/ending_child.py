"""A child process, as those that open files are, which ends as it is asked to."""

import json
import os
import signal
import sys

from indexer.child import limit_memory

if __name__ == "__main__":
    limit_memory(int(sys.argv[1]))
    end = json.load(sys.stdin)
    if end == "answer":
        sys.stdout.write("answered")
        sys.exit(0)
    if end == "fill the memory":
        filling = [bytearray(1 << 20) for _ in range(1 << 20)]
    if end == "abort with a complaint":
        print("free(): invalid pointer", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.Signals[end] if end.startswith("SIG") else signal.SIGABRT)
