"""Who may connect, and who may do what."""

from pathlib import Path

from gateway.settings.section import Section


class RotationSettings(Section):
    """A second pair of addresses, where the gateway's next key holds; see `keys server --next`."""

    data_bind: str
    """As `data.bind`."""
    control_bind: str
    """As `control.bind`."""


class SecuritySettings(Section):
    """Who may connect, and who may do what."""

    allow_local_admin: bool = False
    """Whether every program of this machine may use the admin methods, such as `admin.reconnect`.
    Without keys nobody can be told from anybody else, so it is all or none."""
    keys_dir: Path | None = None
    """Directory with the gateway's keys and `clients.d`, as `keys server` and `keys new` make it;
    only who has a key there may connect then. Without it everybody on this machine may."""
    rotation: RotationSettings | None = None
    """While the gateway's key is replaced: where its next one holds. Only with `keys_dir`."""
