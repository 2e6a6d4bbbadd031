"""Which client a consumer is: learned from the requests that pass, by the token in them."""

from typing import Final

TOKENS_MAX: Final = 10_000


class ConsumerNames:
    """Clients by the token of their own topic; the oldest make room.

    `learn` is the control loop's, `of` is any thread's.
    """

    __slots__ = ("_clients", "forgotten")

    def __init__(self) -> None:
        self._clients: dict[str, str] = {}
        self.forgotten = 0
        """Tokens that had to make room."""

    def learn(self, params: object) -> None:
        """Look for a client's name beside its token in the parameters of a request."""
        if not isinstance(params, dict):
            return
        token, client = params.get("data_token"), params.get("client")
        if not isinstance(token, str) or not isinstance(client, str) or not token:
            return
        # A token that is used goes to the end of the line.
        self._clients.pop(token, None)
        self._clients[token] = client
        if len(self._clients) > TOKENS_MAX:
            del self._clients[next(iter(self._clients))]
            self.forgotten += 1

    def of(self, token: str) -> str | None:
        """The client's name; None while no request told it."""
        return self._clients.get(token)
