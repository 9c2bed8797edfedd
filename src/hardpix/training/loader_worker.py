"""Start of a process that reads ahead for a training or a prediction."""

from __future__ import annotations

import os
import signal
import threading

from lightning.fabric.utilities.seed import pl_worker_init_function


def start_worker(number: int) -> None:
    """Let SIGTERM of the parent alone end this process, and draw as Lightning's workers do.

    A scheduler signals all processes of a job. The training goes on to the end of its step, for which it may need this
    process; without the parent it ends itself.

    Args:
        number: of the process among those of its loader.
    """
    # Systems that do not tell who sends a signal keep torch's handler, by which it ends.
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=_obey_parent, daemon=True).start()
    if int(os.environ.get("PL_SEED_WORKERS", "0")):
        pl_worker_init_function(number)


def _obey_parent() -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)
