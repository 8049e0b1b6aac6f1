"""What stands of a syslog server in the delivery file."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from alerts.notify.channels.base import Opened, Remote
from alerts.notify.fields import LOOPBACK, Host, Port
from alerts.notify.secret_files import Surroundings


class SyslogChannel(Remote):
    """CEF over syslog: RFC 5424 messages over TLS, counted by octets."""

    keeps_status: ClassVar[bool] = True

    kind: Literal["syslog"]
    host: Host
    port: Port = 6514
    #: ``none``: a relay on this host.
    security: Literal["tls", "none"] = "tls"
    #: Of RFC 5424; 13 is "log audit".
    facility: Annotated[int, Field(ge=0, le=23)] = 13
    #: Ours, where the server asks for one.
    certificate_file: str | None = None
    key_file: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security == "none" and self.host not in LOOPBACK:
            raise ValueError("security none is for a relay on this host")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self

    def opened(self, around: Surroundings) -> Opened[Self]:
        """Return it with its files found."""
        found: dict[str, str | None] = {"ca_file": around.certificates(self.ca_file)}
        if self.certificate_file is not None and self.key_file is not None:
            certificate_file, key_file = around.own_certificate(self.certificate_file, self.key_file)
            found |= {"certificate_file": certificate_file, "key_file": key_file}
        return Opened(self.model_copy(update=found))
