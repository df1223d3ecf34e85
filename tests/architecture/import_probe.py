"""Import modules one after the other in a bare process, and tell what that did.

Run as a script with two arguments: other people's packages, and our modules,
both separated by commas. The first are imported beforehand, so that what is
told is what our own code does. Prints a line for every effect, or for whatever
the modules themselves print, and `done` when it has come to the end.
"""

import importlib
import os
import sys
import threading

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
START = threading.Thread.start
EFFECTS = (
    "os.exec",
    "os.fork",
    "os.kill",
    "os.mkdir",
    "os.posix_spawn",
    "os.putenv",
    "os.remove",
    "os.rename",
    "os.system",
    "socket.",
    "sqlite3.connect",
    "subprocess.",
)

importing = ""


def tell(effect: str) -> None:
    """Name the module that was asked for; what it imports counts as its own."""
    os.write(1, f"{importing}: {effect}\n".encode())


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: tell of whatever is more than reading files and defining things."""
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    if writes or event.startswith(EFFECTS):
        tell(f"{event} {arguments[:1]}")


def start(self: threading.Thread) -> None:
    """`Thread.start`, which has no audit event of its own in every Python."""
    tell(f"starts {self.name}")
    START(self)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    others, ours = (argument.split(",") for argument in sys.argv[1:])
    for name in others:
        importlib.import_module(name)
    sys.addaudithook(watch)
    threading.Thread.start = start  # type: ignore[method-assign] # to watch it
    for importing in ours:
        importlib.import_module(importing)
    sys.stdout.write("done")
