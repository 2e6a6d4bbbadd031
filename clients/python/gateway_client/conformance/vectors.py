"""Decodes the frames of test vectors."""

from typing import Any

from gateway_client.codec import decode_frame
from gateway_client.conformance.spelling import spelled_message
from gateway_client.errors import CodecError


def answer_vector(case: dict[str, Any]) -> dict[str, object]:
    """Say what a frame means, or why it means nothing."""
    try:
        message = decode_frame(bytes.fromhex(case["frame"]))
    except CodecError as error:
        return {"result": "invalid", "error": error.code}
    return {"result": "valid", "message": spelled_message(message)}
