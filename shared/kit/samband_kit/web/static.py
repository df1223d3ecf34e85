"""Static files: style sheet, font and mark, the kit's own and the same for every service.

An address carries a hash of the file's content, so browsers keep the file for
a year and a change is seen at once.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"
FOR_A_YEAR = "public, max-age=31536000, immutable"
FOR_AN_HOUR = "public, max-age=3600"


@cache
def _version(file: str) -> str:
    return hashlib.sha256((FOLDER / file).read_bytes()).hexdigest()[:12]


def static_address(file: str) -> str:
    """The address of a file in `static/`; a file that does not exist raises OSError."""
    return f"{PREFIX}/{file}?v={_version(file)}"


class StaticFolder(StaticFiles):
    """Serves the folder, and says how long a file may be kept."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file with its caching. Fonts never change under their name."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        lasting = scope["query_string"].startswith(b"v=") or str(full_path).endswith(".woff2")
        response.headers["Cache-Control"] = FOR_A_YEAR if lasting else FOR_AN_HOUR
        return response
