"""How configurations are refused."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import load_settings


def refusal(tmp_path: Path, text: str) -> ConfigError:
    """How a configuration is refused."""
    config = tmp_path / "gateway.yaml"
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    return caught.value
