"""Every setting, with its unit, its default, and the reason for it.

Values come from YAML files (`--config`, later ones win) and from the environment, which wins over
them: `IQGW_` and the name, `__` between levels, as in `IQGW_DATA__BIND`. Unknown names are refused,
not ignored: a misspelled limit is no limit. Credentials are apart: they come from `IQFEED_…`
variables or `.env` only. Only `app` and `cli` read settings; all else gets plain values.
"""

from gateway.settings.connection import ConnectionConfig, IqconnectSettings, UpstreamSettings
from gateway.settings.credentials import (
    Credentials,
    changed_credentials,
    environment_of_child,
    load_credentials,
)
from gateway.settings.files import CONFIG_BYTES_MAX, Configs
from gateway.settings.http import HttpSettings, address_of, is_loopback
from gateway.settings.loading import (
    find_control_bind,
    find_source,
    load_relay_settings,
    load_settings,
)
from gateway.settings.masked import masked
from gateway.settings.relay import RelaySettings
from gateway.settings.sections import ENV_PREFIX, Settings
from gateway.settings.service_manager import ServiceManager, find_service_manager

__all__ = [
    "CONFIG_BYTES_MAX",
    "ENV_PREFIX",
    "Configs",
    "ConnectionConfig",
    "Credentials",
    "HttpSettings",
    "IqconnectSettings",
    "RelaySettings",
    "ServiceManager",
    "Settings",
    "UpstreamSettings",
    "address_of",
    "changed_credentials",
    "environment_of_child",
    "find_control_bind",
    "find_service_manager",
    "find_source",
    "is_loopback",
    "load_credentials",
    "load_relay_settings",
    "load_settings",
    "masked",
]
