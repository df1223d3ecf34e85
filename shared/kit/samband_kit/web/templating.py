"""Templating: where templates lie and what every one of them may use."""

from collections.abc import Callable, Sequence
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from samband_kit.web.i18n import KIT, _, ngettext
from samband_kit.web.static import static_address
from samband_kit.web.times import format_date, format_datetime, format_period

Source = tuple[str, str | None, Callable[[], bool] | None]


def environment(packages: Sequence[str]) -> Environment:
    """The templates of the packages, then the kit's.

    `room/name.html` is `<package>/room/templates/name.html`, `name.html` is
    `<package>/templates/name.html`.
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
