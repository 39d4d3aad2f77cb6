"""Alarms: said in the log, and posted to the webhook that the settings name.

The address is the operator's alone, in the settings, so it may lie in the own network, as alert managers do; what it
answers is not read, and where it points to is not followed. It may hold a secret, and is never said.
The body is JSON; with a key, `X-Footnote-Signature` is `sha256=` and the HMAC of the body, so that who listens knows
whom it comes from. What is not taken is posted again, three times in all.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import httpx
from pydantic import SecretStr

from finetune.rollout.stages import Deployment

log = logging.getLogger("footnote.rollout")

_TRIES = 3
_PAUSE = 2.0
_SECONDS = 10.0


class Alarm:
    """Raises alarms for one server. For one event loop."""

    def __init__(self, webhook: str | None = None, key: SecretStr | None = None) -> None:
        self._webhook = webhook
        self._key = key
        if webhook is not None:  # whose address httpx would log with each post
            logging.getLogger("httpx").setLevel(logging.WARNING)
        self._posts: set[asyncio.Task[None]] = set()

    def raise_(self, what: str, deployment: Deployment, said: str) -> None:
        """Says that something has happened to a deployment; returns at once."""
        self.say(
            what, said, deployment=deployment.id, scope=deployment.scope, version=deployment.version,
            stage=deployment.stage,
        )  # fmt: skip

    def say(self, what: str, said: str, **about: Any) -> None:
        """Says that something has happened; returns at once."""
        log.warning("alarm: %s: %s %s", what, said, about)
        if self._webhook is None:
            return
        body = json.dumps({"alarm": what, "said": said, "at": round(time.time(), 3), **about}, ensure_ascii=False)
        task = asyncio.create_task(self._post(body.encode()), name=f"alarm {what}")
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def close(self) -> None:
        """Gives what is being posted a moment, then leaves it."""
        if self._posts:
            await asyncio.wait(self._posts, timeout=_SECONDS)
        for task in self._posts:
            task.cancel()

    async def _post(self, body: bytes) -> None:
        assert self._webhook is not None
        headers = {"content-type": "application/json"}
        if self._key is not None:
            digest = hmac.new(self._key.get_secret_value().encode(), body, hashlib.sha256).hexdigest()
            headers["x-footnote-signature"] = f"sha256={digest}"
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            for _ in range(_TRIES):
                try:
                    async with asyncio.timeout(_SECONDS):  # httpx' own is for each read
                        async with client.stream("POST", self._webhook, content=body, headers=headers) as answer:
                            answer.raise_for_status()
                    return
                except (httpx.HTTPError, TimeoutError) as error:
                    log.warning("the webhook did not take an alarm: %s", _said(error))
                    await asyncio.sleep(_PAUSE)


def _said(error: Exception) -> str:
    """What went wrong, without the address."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered {error.response.status_code}"
    return type(error).__name__


__all__ = ["Alarm"]
