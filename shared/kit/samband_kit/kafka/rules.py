"""Rules: who may do what, as Kafka's authorizer keeps them.

aiokafka knows these requests but offers no methods for them; here is what it
takes, and nothing of which rules there should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from aiokafka.errors import SecurityDisabled, for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest

from samband_kit.kafka.administration import Administration
from samband_kit.kafka.failures import NoAuthorizer

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY_HOST = "*"
EVERY_NAME = "*"
EVERYBODY = "*"
"""The principal whose rules hold for every user of the cluster."""
_USER = "User:"
_ANY = 1
_ALLOW = 3


class Resource(IntEnum):
    """What a rule is about, by Kafka's number."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5
    DELEGATION_TOKEN = 6
    USER = 7


class Pattern(IntEnum):
    """Whether a rule is about one name or about all that begin with it."""

    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """What a rule allows. Each of READ, WRITE and ALTER allows DESCRIBE too."""

    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12
    CREATE_TOKENS = 13
    DESCRIBE_TOKENS = 14
    TWO_PHASE_COMMIT = 15


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """`principal` may do `operation`; everything that no rule allows is refused."""

    principal: str
    resource: Resource
    name: str
    operation: Operation
    pattern: Pattern = Pattern.LITERAL
    host: str = ANY_HOST

    def __str__(self) -> str:
        what = self.resource.name.lower().replace("_", " ")
        begin = "that begins with " if self.pattern is Pattern.PREFIXED else ""
        where = "" if self.host == ANY_HOST else f" from {self.host}"
        operation = self.operation.name.lower().replace("_", " ")
        return f"{self.principal}: {operation} {what} {begin}{self.name}{where}"


class Authorizer(Administration):
    """The rules of a cluster; to see them takes DESCRIBE on it, to change them ALTER."""

    async def rules(self) -> set[Rule]:
        """Every rule that allows a user something.

        Raises:
            NoAuthorizer: the cluster lets everybody do everything.
        """
        everything: Any = None
        answer = await self._ask(
            DescribeAclsRequest(_ANY, everything, _ANY, everything, everything, _ANY, _ALLOW)
        )
        _raise(answer.error_code, answer.error_message)
        return {
            Rule(
                principal.removeprefix(_USER),
                Resource(resource),
                name,
                Operation(operation),
                Pattern(pattern),
                host,
            )
            for resource, name, pattern, entries in answer.resources
            for principal, host, operation, _ in entries
            if principal.startswith(_USER)
        }

    async def allow(self, rules: Iterable[Rule]) -> None:
        """Add rules; one that is there already stays as it is."""
        for rule in rules:
            answer = await self._ask(CreateAclsRequest(*_fields(rule)))
            for code, message in answer.creation_responses:
                _raise(code, message)

    async def withdraw(self, rules: Iterable[Rule]) -> None:
        """Take rules away; one that is not there is ignored."""
        for rule in rules:
            answer = await self._ask(DeleteAclsRequest(*_fields(rule)))
            for code, message, _ in answer.filter_responses:
                _raise(code, message)

    async def _ask(self, request: Any) -> Any:
        return await self._client._send_request(request)  # noqa: SLF001 - there is no public way


def _fields(rule: Rule) -> tuple[int, str, int, str, str, int, int]:
    return (
        rule.resource,
        rule.name,
        rule.pattern,
        _USER + rule.principal,
        rule.host,
        rule.operation,
        _ALLOW,
    )


def _raise(code: int, message: str | None) -> None:
    if for_code(code) is SecurityDisabled:
        raise NoAuthorizer("Kafka has no authorizer, and lets everybody do everything.")
    if code:
        raise for_code(code)(message)
