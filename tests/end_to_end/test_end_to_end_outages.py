"""What people see, and what becomes of their work, while parts of the system are away."""

from __future__ import annotations

from samband_local.stack import Stack
from samband_local.story import officers

from tests.end_to_end.playing import at_the_button, confirmations, served_again, some_officers


async def test_a_form_sent_while_kafka_is_down_is_received_and_answered_later(
    stack: Stack,
) -> None:
    (officer,) = some_officers(1)
    stack.stop("kafka")
    try:
        async with at_the_button(stack, officer) as (visitor, checked):
            reference = await officers.send(visitor, checked)
    finally:
        stack.start("kafka")

    assert reference
    assert await confirmations(stack, officer, patience=90) == 1


async def test_a_restart_of_postgres_loses_nothing_and_repeats_nothing(stack: Stack) -> None:
    before, after = some_officers(2)
    async with at_the_button(stack, before) as (visitor, checked):
        assert await officers.send(visitor, checked)
    stack.kill("postgres")
    await served_again(stack)

    async with at_the_button(stack, after) as (visitor, checked):
        assert await officers.send(visitor, checked)

    assert await confirmations(stack, before, patience=90) == 1
    assert await confirmations(stack, after, patience=90) == 1


async def test_killed_services_come_back_and_finish_what_was_accepted(stack: Stack) -> None:
    (officer,) = some_officers(1)
    restarts = stack.kept["registration"].restarts
    # Nobody can have sent the mail before the kill.
    stack.stop("notifications")
    async with at_the_button(stack, officer) as (visitor, checked):
        assert await officers.send(visitor, checked)
    stack.kill("registration")
    stack.start("notifications")
    stack.kill("notifications")

    assert await confirmations(stack, officer, patience=90) == 1
    await served_again(stack)
    assert stack.kept["registration"].restarts > restarts


async def test_sending_twice_is_one_registration(stack: Stack) -> None:
    (officer,) = some_officers(1)
    async with at_the_button(stack, officer) as (visitor, checked):
        first = await officers.send(visitor, checked)
        second = await officers.send(visitor, checked)

    assert first == second
    assert await confirmations(stack, officer) == 1
