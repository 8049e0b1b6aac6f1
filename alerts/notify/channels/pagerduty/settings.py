"""What stands of a PagerDuty service in the delivery file."""

import re
from typing import ClassVar, Final, Literal, Self

from pydantic import model_validator

from alerts.notify.channels.base import Opened, Remote
from alerts.notify.fields import SecureAddress
from alerts.notify.proxies import Proxied
from alerts.notify.secret_files import Surroundings, of_form

PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
#: PagerDuty's integration keys.
_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{32}")


class PagerdutyChannel(Remote, Proxied):
    """A PagerDuty service, by Events v2: an alert here is an alert there, and is acknowledged and resolved with it."""

    keeps_status: ClassVar[bool] = True

    kind: Literal["pagerduty"]
    routing_key_file: str | None = None
    routing_key_env: str | None = None
    #: PagerDuty has another one for its European region.
    url: SecureAddress = PAGERDUTY_URL

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.routing_key_file is None) == (self.routing_key_env is None):
            raise ValueError("needs one of routing_key_file and routing_key_env")
        return self

    def opened(self, around: Surroundings) -> Opened[Self]:
        """Return it with its files found, its routing key and its proxy."""
        secret = around.secret("routing_key", self.routing_key_file, self.routing_key_env)
        what = "a routing key: 32 letters and digits"
        routing_key = of_form(secret, _ROUTING_KEY, "routing_key", self.routing_key_file, what)
        found = self.model_copy(update={"ca_file": around.certificates(self.ca_file)})
        return Opened(found, routing_key, around.proxy(self.url, self))
