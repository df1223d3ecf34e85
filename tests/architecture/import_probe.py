"""Import modules, each in a process of its own, and tell what that did.

Run as a script with two arguments: other people's packages, and ours, both
separated by commas. The first are imported once, so that a child sees the
effects of our code alone and is ready in a few milliseconds. Prints JSON:
each module that did more than define things, with what it did or how it
failed.
"""

import importlib
import json
import os
import sys
import threading

DONE = "\n"
START = threading.Thread.start
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
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


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: tell of whatever is more than reading files and defining things."""
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    if writes or event.startswith(EFFECTS):
        os.write(2, f"{event} {arguments[:1]}\n".encode())


def start(self: threading.Thread) -> None:
    """`Thread.start`, which has no audit event of its own in every Python."""
    os.write(2, f"started {self.name}".encode())
    START(self)


def effects_of(module: str) -> str:
    """What a child that imports `module` says or prints, its traceback included."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        return said.removesuffix(DONE) if said.endswith(DONE) else f"{said} and it ended"
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    sys.addaudithook(watch)
    threading.Thread.start = start  # type: ignore[method-assign] # to watch it
    importlib.import_module(module)
    sys.stdout.write(DONE)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    others, ours = (argument.split(",") for argument in sys.argv[1:])
    for name in others:
        importlib.import_module(name)
    sys.stdout.write(json.dumps({name: said for name in ours if (said := effects_of(name))}))
