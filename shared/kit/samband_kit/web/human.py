"""Human check: small hurdles for forms that anybody may send.

`ui.form(action, human="name")` puts a field that people never see and a signed
token that says when the form was shown into the page; `read_form(..., human=
"name")` refuses what a script would send. The refusals are ordinary `Invalid`:
the page comes again with everything that was typed.
"""

from samband_kit.errors import Invalid


class TooQuick(Invalid):
    """That was quicker than we can tell from a robot. Wait a few seconds and send again."""


class FormTooOld(Invalid):
    """The page was open for more than a day. Check your answers and send again."""


class LooksAutomated(Invalid):
    """The field that should be left empty was filled in. Leave it empty and send again."""
