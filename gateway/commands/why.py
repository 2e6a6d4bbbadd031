"""`why`: a symbol's state and what it follows from, in plain words."""

from gateway_client import CurveKeys

from gateway.commands.rpc import fetch


def tell_why(symbol: str, *, control: str, timeout_s: float, keys: CurveKeys | None = None) -> int:
    """Ask a running gateway and print its answer.

    Args:
        symbol: The vendor's spelling.
        control: The control socket.
        timeout_s: Longest wait.
        keys: For a gateway that asks for them.

    Returns:
        0 with an answer, 1 without.
    """
    answer = fetch("why", {"symbol": symbol}, control=control, timeout_s=timeout_s, keys=keys)
    if answer is None:
        return 1
    cause = f" ({answer['cause']})" if answer["cause"] is not None else ""
    print(f"{answer['symbol']}: {answer['state']}{cause}")
    for line in answer["lines"]:
        print(f"  {line}")
    return 0
