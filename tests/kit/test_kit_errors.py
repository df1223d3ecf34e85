"""Refusals say what their docstring says."""

from samband_kit.errors import Conflict, FieldErrors, NotFound, TransitionRefused


class CallFull(Conflict):
    """The call {call} takes no more than
    {places} registrations.
    """


def test_the_docstring_is_the_message_with_its_facts_filled_in() -> None:
    refusal = CallFull(call="2020", places=8)
    assert refusal.message == "The call {call} takes no more than {places} registrations."
    assert str(refusal) == "The call 2020 takes no more than 8 registrations."
    assert refusal.status == 409
    assert refusal.fields == {}


def test_a_refused_transition_names_what_is_possible() -> None:
    assert str(TransitionRefused("accept", "declined", ["reopen", "archive"])) == (
        "“accept” is not possible in the state “declined”. Possible now: reopen, archive."
    )
    assert str(TransitionRefused("accept", "expired", [])).endswith("Possible now: –.")


def test_field_errors_keep_the_message_of_each_field() -> None:
    refusal = FieldErrors({"email": "This is not an e-mail address."})
    assert refusal.fields == {"email": "This is not an e-mail address."}
    assert (refusal.status, NotFound().status) == (422, 404)
