"""Times as people read them: in a zone, and with that zone named.

Swedish after Språkrådet ("tis 9 februari 2027 kl. 10.00, svensk tid"),
English in the same order ("Tue 9 February 2027 at 10:00, Swedish time").
"""

from datetime import date, datetime

SWEDEN = "Europe/Stockholm"


def format_datetime(moment: datetime, zone: str = SWEDEN, *, also: str | None = None) -> str:
    """Day and time in `zone`; `also` adds the time in a second zone.

    "tis 9 februari 2027 kl. 10.00, svensk tid · 11.00 i Lusaka". Refuses a
    naive moment and an unknown zone with ValueError.
    """
    raise NotImplementedError


def format_period(start: datetime, end: datetime, zone: str = SWEDEN, *, also: str | None = None) -> str:
    """From start to end: "tis 9 februari 2027 kl. 10.00–11.30, svensk tid"."""
    raise NotImplementedError


def format_date(day: date | datetime, zone: str = SWEDEN) -> str:
    """The day alone: "9 februari 2027"; of a moment, the day in `zone`."""
    raise NotImplementedError
