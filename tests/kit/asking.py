"""Asking a process over HTTP, as Prometheus and a load balancer do."""

import asyncio
import urllib.error
import urllib.request


async def get(url: str) -> tuple[int, str]:
    """Status and text; status 0 where nobody answers."""

    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    return await asyncio.to_thread(ask)
