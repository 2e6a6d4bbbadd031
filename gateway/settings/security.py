"""Who may connect, and who may do what."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.settings.section import Positive, Section


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
    connections_per_user_max: Positive = 8
    """Connections of one user to the data socket at one time; more are cut."""
    requests_per_second_max: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Requests of one user a second, and twice as many at once. Beyond, they are refused with
    `rate_limited`; who goes on far beyond all the same is cut off. Counted with keys only, as all
    that is counted by user; `quotas` in a client's file says otherwise for one."""
    replay_mb_per_minute_max: Annotated[int, Field(ge=1, le=900)] = 128
    """Events sent again to one user a minute, in megabytes."""
    rotation: RotationSettings | None = None
    """While the gateway's key is replaced: where its next one holds. Only with `keys_dir`."""
