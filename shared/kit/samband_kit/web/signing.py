"""Signing: the secret keys, put to use. The first key signs, all verify.

Every use has a purpose of its own, so that a signature made for one thing is
worthless for another. The signatures are itsdangerous's, with SHA-256.
"""

import hashlib
import hmac

from itsdangerous import Signer, TimestampSigner

from samband_kit.settings import Settings


def signer(settings: Settings, purpose: str) -> Signer:
    """Signs bytes for `purpose`."""
    return Signer(
        _oldest_first(settings),
        salt=f"samband.{purpose}",
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )


def timestamp_signer(settings: Settings, purpose: str) -> TimestampSigner:
    """Signs bytes for `purpose` together with the present second."""
    return TimestampSigner(
        _oldest_first(settings),
        salt=f"samband.{purpose}",
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )


def keyed_hash(key: str, purpose: str, value: str) -> str:
    """A name for `value` that tells nobody without the key what it was."""
    text = f"samband.{purpose}\0{value}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _oldest_first(settings: Settings) -> list[str]:
    # itsdangerous signs with the last key of its list.
    return list(reversed(settings.keys))
