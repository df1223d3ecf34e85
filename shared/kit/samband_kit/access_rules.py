"""Access rules: who may do what in Kafka, generated from the contracts' table of topics.

One principal per service, called like it; one for each subscriber; one for the
job that makes topics. A service writes what it owns and reads what the table
says, in groups of its own. What no rule allows, Kafka refuses. `ensure_access`
makes the rules on a cluster these, and tells which others open Samband's names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from samband_contracts.topics import ALL, Visibility

from samband_kit.kafka.rules import (
    EVERY_NAME,
    EVERYBODY,
    Authorizer,
    Operation,
    Pattern,
    Resource,
    Rule,
)
from samband_kit.topics import physical

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from samband_contracts.topics import Topic

    from samband_kit.settings import KafkaSettings

OPERATOR = "operator"
"""Who runs the topics job; makes and extends topics, reads and writes none."""
SUBSCRIBER = "subscriber"
"""What the outside systems are called that nobody has given a name of their own."""
_NAMESPACE = "samband."
_OF_THE_JOB = (
    Operation.CREATE,
    Operation.ALTER,
    Operation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS,
)


class SubscriberRefused(Exception):
    """A subscriber may not be called so."""


def access_rules(
    prefix: str = "", topics: Sequence[Topic] = ALL, subscribers: Sequence[str] = (SUBSCRIBER,)
) -> list[Rule]:
    """Every rule that Samband needs, and no other; `prefix` stands before topics and groups."""
    services = _services(topics)
    begin = prefix + _NAMESPACE
    return [
        *(rule for topic in topics for rule in _of_topic(physical(prefix, topic), topic)),
        *(_group(name, f"{begin}{name}.") for name in services),
        *(
            Rule(OPERATOR, Resource.TOPIC, begin, operation, Pattern.PREFIXED)
            for operation in _OF_THE_JOB
        ),
        *(
            rule
            for name in subscribers
            for rule in _of_subscriber(prefix, name, {*services, OPERATOR})
        ),
    ]


async def ensure_access(
    settings: KafkaSettings,
    topics: Sequence[Topic] = ALL,
    subscribers: Sequence[str] = (SUBSCRIBER,),
    *,
    withdrawn: Sequence[str] = (),
    dry_run: bool = False,
) -> list[str]:
    """Make the rules of our principals what they should be; returns a sentence for each change.

    A rule of theirs on our topics and groups that is none of these is taken
    away; so is everything there of a subscriber that is `withdrawn`. Whatever
    else opens these names, to whom ever and to everybody, is not ours to take
    away and is only told. Adds before it takes away, so nobody is held up in
    between. With `dry_run` nothing is changed, and the sentences say what would be.

    Raises:
        SubscriberRefused: a name would give more than a subscriber may have.
        NoAuthorizer: the cluster lets everybody do everything.
        KafkaUnreachable: no broker answered, or let us in.
        KafkaError: the rules are not ours to see or to change.
    """
    prefix = settings.kafka_prefix
    wanted = access_rules(prefix, topics, [name for name in subscribers if name not in withdrawn])
    taken = {*_services(topics), OPERATOR}
    leaving = {rule for name in withdrawn for rule in _of_subscriber(prefix, name, taken)}
    begin = prefix + _NAMESPACE
    ours = {rule.principal for rule in wanted} | {*withdrawn}
    async with Authorizer(settings.kafka) as kafka:
        found = await kafka.rules()
        missing = [rule for rule in wanted if rule not in found]
        others = sorted(found.difference(wanted))
        outdated = [
            rule
            for rule in others
            if rule in leaving or (rule.principal in ours and rule.name.startswith(begin))
        ]
        beyond = [
            rule
            for rule in others
            if rule not in outdated and _opens(rule, begin, {*ours, EVERYBODY})
        ]
        if not dry_run:
            await kafka.allow(missing)
            await kafka.withdraw(outdated)
    add, take = ("Would allow", "Would take from") if dry_run else ("Allowed", "Took from")
    return [
        *(f"{add} {rule}." for rule in missing),
        *(f"{take} {rule}." for rule in outdated),
        *(f"Left as it is, though no contract says so: {rule}." for rule in beyond),
    ]


def _services(topics: Sequence[Topic]) -> list[str]:
    return sorted({name for topic in topics for name in (topic.owner, *topic.readers)})


def _of_topic(name: str, topic: Topic) -> Iterable[Rule]:
    yield Rule(topic.owner, Resource.TOPIC, name, Operation.WRITE)
    # An owner compares its outbox with the log. Nothing there is new to it.
    for reader in sorted({topic.owner, *topic.readers}):
        yield Rule(reader, Resource.TOPIC, name, Operation.READ)


def _of_subscriber(prefix: str, name: str, taken: set[str]) -> Iterable[Rule]:
    # With a dot, or called `samband`, its groups could be those of a service.
    if not re.fullmatch("[a-z0-9-]+", name) or name in taken or f"{name}." == _NAMESPACE:
        raise SubscriberRefused(
            f"A subscriber cannot be called {name!r}: small letters, digits and hyphens, "
            "and no name that is in use."
        )
    public = f"{prefix}{_NAMESPACE}{Visibility.PUBLIC}."
    yield Rule(name, Resource.TOPIC, public, Operation.READ, Pattern.PREFIXED)
    yield _group(name, f"{prefix}{name}.")


def _group(principal: str, begin: str) -> Rule:
    return Rule(principal, Resource.GROUP, begin, Operation.READ, Pattern.PREFIXED)


def _opens(rule: Rule, begin: str, ours: set[str]) -> bool:
    """Whether a rule is about names that begin so, among others or alone.

    A right on the whole cluster is told of our principals, and of everybody: that
    somebody else has it, an administrator for one, is no business of ours.
    """
    if rule.resource is Resource.CLUSTER:
        return rule.principal in ours
    if rule.resource not in (Resource.TOPIC, Resource.GROUP):
        return False
    if rule.pattern is Pattern.PREFIXED and begin.startswith(rule.name):
        return True
    return rule.name == EVERY_NAME or rule.name.startswith(begin)
