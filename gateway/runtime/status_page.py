"""The status page over HTTP: the page itself at `/`, and what it is told at `/events`."""

from typing import Final

from gateway.page.asset import Page
from gateway.runtime.http_messages import Handler, HttpRequest, Response, Stream
from gateway.runtime.status_hub import StatusHub

HTML: Final = "text/html; charset=utf-8"


class StatusPage:
    """Answers `/` and `/events`.

    Args:
        page: The page.
        hub: Knows what to tell.
    """

    def __init__(self, page: Page, hub: StatusHub) -> None:
        self._hub = hub
        self._response = Response(200, page.body, HTML, page.policy)

    def routes(self) -> dict[str, Handler]:
        """Path to handler."""
        return {"/": self.page, "/events": self.events}

    async def page(self, _: HttpRequest) -> Response:
        """The page, the same for everybody."""
        return self._response

    async def events(self, _: HttpRequest) -> Stream:
        """Everything the page shows, and then what changes."""
        return Stream(self._hub.stream())
