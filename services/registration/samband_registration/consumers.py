"""What registration does about the facts of other services: nothing, so far."""

from samband_kit.reactions import Reaction

REACTIONS: tuple[Reaction, ...] = ()
