"""Bodies: the posted form, read once and within limits."""

from starlette.datastructures import FormData
from starlette.requests import Request

from samband_kit.web.context import visit_of

FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
MOST_FIELDS = 200
LARGEST_PART = 64 * 1024


def is_form(request: Request) -> bool:
    """Whether the body says that it is what a browser's form sends."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind in FORM_TYPES


async def posted(request: Request) -> FormData:
    """The form's fields. Files, too many fields and broken bodies raise HTTPException 400."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=LARGEST_PART)
    visit_of(request).form = form
    return form
