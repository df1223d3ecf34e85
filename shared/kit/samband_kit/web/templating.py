"""Templating: where templates lie and what every one of them may use."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import Environment, FunctionLoader, StrictUndefined

from samband_kit.web.i18n import KIT, _, ngettext
from samband_kit.web.static import static_address
from samband_kit.web.times import format_date, format_datetime, format_period

Source = tuple[str, str | None, Callable[[], bool] | None]


@cache
def environment(packages: tuple[str, ...]) -> Environment:
    """The templates of the packages, then the kit's.

    `room/name.html` is `<package>/room/templates/name.html`, `name.html` is
    `<package>/templates/name.html`. All are compiled here, once, so that the
    first reader does not wait for it.
    """
    made = Environment(
        loader=FunctionLoader(_loader((*packages, KIT))),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {
        "_": _,
        "ngettext": ngettext,
        "static": static_address,
        "format_date": format_date,
        "format_datetime": format_datetime,
        "format_period": format_period,
    }
    for name in _names((*packages, KIT)):
        made.get_template(name)
    return made


def _loader(packages: Sequence[str]) -> Callable[[str], Source | None]:
    roots = [files(package) for package in packages]

    def load(name: str) -> Source | None:
        room, _slash, file = name.rpartition("/")
        for root in roots:
            place = root / room if room else root
            source = place / "templates" / file
            if source.is_file():
                return source.read_text(encoding="utf-8"), str(source), None
        return None

    return load


def _names(packages: Sequence[str]) -> Iterator[str]:
    """Every template of the packages by its name."""
    for package in packages:
        root = files(package)
        yield from _pages(root, "")
        for room in root.iterdir():
            yield from _pages(room, f"{room.name}/")


def _pages(place: Traversable, prefix: str) -> Iterator[str]:
    folder = place / "templates"
    if folder.is_dir():
        yield from (f"{prefix}{file.name}" for file in folder.iterdir() if ".html" in file.name)
