"""Countries: ISO 3166 codes and their names in both languages. Sweden is not among them."""

from babel import Locale
from samband_contracts.values import Language

# What the name list has besides countries: unions, the unknown, and what tests use.
_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})


def countries(language: Language) -> dict[str, str]:
    """Code to name, for organisations abroad."""
    return {
        str(code): name
        for code, name in Locale(language).territories.items()
        if len(str(code)) == 2
        and str(code).isalpha()
        and code != "SE"
        and code not in _NO_COUNTRIES
    }
