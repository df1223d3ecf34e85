"""What can go wrong when starting things on somebody's machine.

Each class is one fact; its message is one sentence that says what to do.
`exit_code` is what the command line ends with.
"""

from __future__ import annotations

from typing import ClassVar


class LocalProblem(Exception):
    """Something on this machine keeps Samband from starting."""

    exit_code: ClassVar[int] = 1


class PortTaken(LocalProblem):
    """A port is already used by another program."""

    def __init__(self, port: int, purpose: str) -> None:
        super().__init__(
            f"Port {port} for {purpose} is used by another program: "
            "choose another with --port, or stop that program."
        )


class NotWritable(LocalProblem):
    """A folder cannot be written to."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(
            f"Samband cannot write in {path} ({reason}): "
            "give yourself write permission there, or choose another folder with --data."
        )


class NotOurs(LocalProblem):
    """A folder holds something, and nothing in it says that Samband made it."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"{path} is not empty and was not made by Samband, so nothing in it is touched: "
            "choose another folder with --data."
        )


class TooLittleMemory(LocalProblem):
    """Less memory is free than the processes need."""

    exit_code = 75

    def __init__(self, free_mb: int, needed_mb: int) -> None:
        super().__init__(
            f"Samband needs about {needed_mb} MB of free memory and finds {free_mb} MB: "
            "close some programs and try again."
        )


class NoNetwork(LocalProblem):
    """Kafka's files have to be downloaded once, and the network does not answer."""

    exit_code = 75

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The first start downloads Kafka (45 files, 43 MB) from Maven Central, "
            f"and that failed at {what}: connect to the network and try again."
        )


class WrongChecksum(LocalProblem):
    """A downloaded file is not the one that was reviewed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The downloaded file {name} is not the one that Samband was tested with "
            "(its SHA-256 differs), so it was thrown away: try again, and if it happens "
            "twice, look at what stands between you and Maven Central."
        )


class ClosedFolder(LocalProblem):
    """PostgreSQL's own user cannot reach a folder."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"PostgreSQL refuses to run as root, and the user `nobody` that runs it instead "
            f"cannot enter {path}: open it with `chmod o+x {path}`, or run Samband as an "
            "ordinary user."
        )


class DidNotStart(LocalProblem):
    """A process ended, or did not become ready in time."""

    exit_code = 70

    def __init__(self, name: str, reason: str, log: object) -> None:
        super().__init__(f"{name} did not start: {reason} (its log is {log})")


class AlreadyRunning(LocalProblem):
    """Another launcher already looks after this folder."""

    exit_code = 75

    def __init__(self, path: object) -> None:
        super().__init__(
            f"Samband is already running with its data in {path}: "
            "see `samband status`, or stop it with `samband down`."
        )


class NotRunning(LocalProblem):
    """No launcher looks after this folder."""

    exit_code = 70

    def __init__(self, path: object) -> None:
        super().__init__(
            f"Samband is not running with its data in {path}: start it with `samband up`."
        )
