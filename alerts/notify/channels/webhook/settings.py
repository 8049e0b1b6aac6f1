"""What stands of a webhook in the delivery file, and the form of its secret."""

import base64
import binascii
from typing import Final, Literal, Self

from pydantic import SecretStr, model_validator

from alerts.notify.channels.base import Opened, Remote
from alerts.notify.fields import WebAddress, in_clear
from alerts.notify.proxies import Proxied
from alerts.notify.secret_files import SecretMistake, Surroundings, text_of

#: Standard Webhooks: a symmetric secret is 24 to 64 bytes, in base64 behind this prefix.
_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)


class WebhookChannel(Remote, Proxied):
    """An HTTP endpoint that takes CloudEvents, signed as Standard Webhooks has it."""

    kind: Literal["webhook"]
    url: WebAddress
    #: Holds ``whsec_`` and base64 of 24 to 64 random bytes.
    secret_file: str

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.detail == "ids" and in_clear(self.url):
            raise ValueError("`detail: ids` needs an https:// address")
        return self

    def opened(self, around: Surroundings) -> Opened[Self]:
        """Return it with its files found, its signing key and its proxy."""
        found = self.model_copy(update={"ca_file": around.certificates(self.ca_file)})
        return Opened(found, _signing_key(around, self.secret_file), around.proxy(self.url, self))


def key_bytes(secret: SecretStr) -> bytes:
    """Return the key inside a secret of the form of Standard Webhooks."""
    text = secret.get_secret_value()
    if not text.startswith(_PREFIX):
        raise ValueError("has no prefix")
    return base64.b64decode(text.removeprefix(_PREFIX), validate=True)


def _signing_key(around: Surroundings, file: str) -> SecretStr:
    secret = SecretStr(text_of(around.beside / file, "secret_file"))
    try:
        fits = len(key_bytes(secret)) in _KEY_BYTES
    except (binascii.Error, ValueError):
        fits = False
    if not fits:
        raise SecretMistake("secret_file", "the file must hold whsec_ and the base64 of 24 to 64 bytes")
    return secret
