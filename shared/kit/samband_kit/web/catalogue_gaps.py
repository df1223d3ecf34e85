"""Catalogue gaps: sentences that a package uses and that have no Swedish yet.

Each service's tests call `catalogue_gaps("samband_<service>")` and want an
empty list. Sentences are found where they are written: `_()`, `N_()` and
`ngettext()` in Python and templates, docstrings and advice of refusals.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from samband_kit.errors import Refusal
from samband_kit.web.i18n import KIT

METHODS = [
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**/templates/**.txt", "jinja2"),
]
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "N_": None, "ngettext": (1, 2)}
SEEN_ON_PAGES = ("samband_kit.errors", "samband_kit.idempotency")
"""The kit's refusals outside of this room that people meet; operators' commands speak English."""
OPTIONS = {"**/templates/**": {"silent": "false"}}


def catalogue_gaps(package: str) -> list[str]:
    """One line for each sentence that is missing, unsure (fuzzy) or loses a {placeholder}."""
    translated = {**_translations(KIT), **_translations(package)}
    gaps = []
    for sentence in sorted(set(sentences(package))):
        found = translated.get(sentence)
        if not found:
            gaps.append(f"no Swedish: {sentence!r}")
        elif any(_placeholders(one) != _placeholders(sentence) for one in found):
            gaps.append(f"other placeholders: {sentence!r}")
    return gaps


def sentences(package: str) -> Iterator[str]:
    """Every sentence of the package that somebody may read."""
    folder = Path(str(files(package)))
    found = extract_from_dir(folder, METHODS, OPTIONS, KEYWORDS)
    for _file, _line, message, _comments, _context in found:
        yield message[0] if isinstance(message, tuple) else message
    for module in pkgutil.walk_packages([str(folder)], f"{package}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    # The subclasses of a class are known once their modules are imported.
    modules = (package, *SEEN_ON_PAGES) if package == KIT else (package,)
    for refusal in _subclasses(Refusal):
        if any(f"{refusal.__module__}.".startswith(f"{module}.") for module in modules):
            yield " ".join((refusal.__doc__ or "").split())
            if refusal.advice:
                yield refusal.advice


def _subclasses(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _subclasses(below)


def _translations(package: str) -> dict[str, tuple[str, ...]]:
    source = files(package) / "locale" / "sv.po"
    catalogue = (
        read_po(BytesIO(source.read_bytes()), locale="sv") if source.is_file() else Catalog()
    )
    found: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        whole = tuple(form for form in forms if isinstance(form, str) and form)
        if message.id and not message.fuzzy:
            key = message.id if isinstance(message.id, str) else message.id[0]
            found[key] = whole if len(whole) == len(forms) else ()
    return found


def _placeholders(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(text) if name}
