"""Find out who opens a socket before it shows anything: by the session's cookie, or by a token in the first frame.

A browser sends cookies along with the handshake of any site's page. So they count for pages of our own alone; a page
of another site has to be one that a web chat allows, and to name its visitor itself, in a frame: what stands in an
address stands in logs as well.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unicom.platforms.webchat.connection import NOBODY, Connection

if TYPE_CHECKING:
    from unicom.platforms.webchat.watching import Holder

NO_CHAT, TOO_LARGE = 4400, 1009
MOST_BYTES = 32 * 1024
PATIENCE_S = 5.0
"""For how long a socket may wait with its token."""
PARAMETER = "auth"
"""The parameter of a socket's address that says, with the value ``token``, that a token will follow."""


@dataclass(kw_only=True)
class Wish:
    """Be what a socket was opened for."""

    chat_id: str
    channel_id: str
    filters: dict[str, str]


class Entrance(Connection):
    """Let visitors in to what is theirs."""

    wish: Wish | None = None
    """What is waited for the token for; None where nothing is waited for."""
    patience_s = PATIENCE_S
    _patience: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Let a visitor in by their session, or wait for their token."""
        from unicom.platforms.webchat import origins
        from unicom.platforms.webchat.watching import Nobody, Visit

        origin = origins.origin_of(self.scope)
        is_ours = origins.is_from_here(self.scope)
        if not is_ours and not await self._is_welcome(origin):
            await self.close()  # before the handshake: the browser is told nothing
            return
        await self.accept()
        chat_id = str(self.scope.get("url_route", {}).get("kwargs", {}).get("chat_id", "")).strip(" /")
        if not chat_id:
            await self.close(NO_CHAT)
            return
        query = origins.query_of(self.scope)
        says_token = query.pop(PARAMETER, "") == "token"
        wish = Wish(chat_id=chat_id, channel_id=query.pop("channel_id", ""), filters=query)
        if says_token or not is_ours:
            self._wait(wish)
            return
        session = self.scope.get("session")
        visit = Visit(session_key=getattr(session, "session_key", None), user=self.scope.get("user"))
        if origin is None:
            try:
                await self.ask(visit.person)
            except Nobody:
                self._wait(wish)  # no page, and no session: a program, which may have a token
                return
        await self.enter(visit, wish)

    async def enter(self, visit: Holder, wish: Wish) -> None:
        """Show somebody what they came for; raises Nobody, NotAccessible or AccountBlocked."""
        raise NotImplementedError

    async def disconnect(self, code: int) -> None:
        """Wait no more."""
        self._stop_waiting()
        await super().disconnect(code)

    async def _is_welcome(self, origin: str | None) -> bool:
        """Tell whether a page of another site may come in as far as its first frame."""
        from unicom.platforms.webchat import origins
        from unicom.platforms.webchat.bearers import is_welcome_somewhere

        if origin is None or not origins.is_served(origins.host_of(self.scope)):
            return False
        return await self.ask(lambda: is_welcome_somewhere(origin))

    def _wait(self, wish: Wish) -> None:
        self.wish = wish
        self._patience = asyncio.get_running_loop().create_task(self._lose_patience())

    def _stop_waiting(self) -> Wish | None:
        wish, self.wish = self.wish, None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        return wish

    async def _lose_patience(self) -> None:
        await asyncio.sleep(self.patience_s)
        if self.wish is not None:
            self.wish = self._patience = None
            await self.close(NOBODY)

    async def authenticate(self, text: str | None) -> None:
        """Take the first frame for a token; whatever else it is, it ends the socket."""
        from unicom.platforms.webchat import origins
        from unicom.platforms.webchat.watching import Nobody, TokenVisit

        wish = self._stop_waiting()
        assert wish is not None  # noqa: S101  asked before
        if text is not None and len(text) > MOST_BYTES:
            await self.close(TOO_LARGE)
            return
        try:
            frame: Any = json.loads(text or "")
        except (ValueError, RecursionError):
            raise Nobody from None
        if not isinstance(frame, dict) or frame.get("action") != "authenticate":
            raise Nobody
        visit = TokenVisit.of(
            frame.get("token"),
            origin=origins.origin_of(self.scope),
            host=origins.host_of(self.scope),
            is_secure=self.scope.get("scheme") == "wss",
        )
        await self.enter(visit, wish)
