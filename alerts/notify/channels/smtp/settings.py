"""What stands of an e-mail channel in the delivery file."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from alerts.notify.channels.base import Opened, Remote
from alerts.notify.fields import LOOPBACK, Host, Mailbox, Port, WebAddress, in_clear
from alerts.notify.proxies import Proxied
from alerts.notify.secret_files import Surroundings


class OAuth2(Proxied):
    """Where a token for a mail server is had from: OAuth 2.0, client credentials (RFC 6749, 4.4)."""

    token_url: WebAddress
    client_id: Annotated[str, Field(min_length=1)]
    client_secret_file: str | None = None
    client_secret_env: str | None = None
    scope: str | None = None
    #: How we say who we are: ``post`` in the form, ``basic`` in a header.
    client_authentication: Literal["post", "basic"] = "post"
    #: CA certificates that the endpoint's is checked against; the system's when left out.
    ca_file: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.client_secret_file is None) == (self.client_secret_env is None):
            raise ValueError("needs one of client_secret_file and client_secret_env")
        if in_clear(self.token_url):
            raise ValueError("token_url needs an https:// address: a secret is sent there")
        return self


class MailServer(Remote):
    """A server that takes e-mail, and how we log in to it."""

    host: Host
    port: Port
    #: ``starttls``: upgrade or do not send; ``tls``: encrypted from the start; ``none``: a relay on this host.
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password_file: str | None = None
    password_env: str | None = None
    #: Instead of a password: XOAUTH2 or OAUTHBEARER, whichever the server offers.
    oauth2: OAuth2 | None = None
    sender: Mailbox

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = [source for source in (self.password_file, self.password_env, self.oauth2) if source is not None]
        if (self.username is None) != (not given) or len(given) > 1:
            raise ValueError("a username goes with one of password_file, password_env and oauth2")
        if self.security == "none" and self.host not in LOOPBACK and (given or self.detail == "ids"):
            raise ValueError("a password or `detail: ids` needs security starttls or tls")
        return self

    def opened(self, around: Surroundings) -> Opened[Self]:
        """Return it with its files found, its password or client secret, and the proxy to its token endpoint."""
        ca_file = around.certificates(self.ca_file)
        if self.oauth2 is None:
            password = around.secret("password", self.password_file, self.password_env)
            return Opened(self.model_copy(update={"ca_file": ca_file}), password)
        given = self.oauth2
        secret = around.secret("oauth2.client_secret", given.client_secret_file, given.client_secret_env)
        oauth2 = given.model_copy(update={"ca_file": around.certificates(given.ca_file, "oauth2.ca_file")})
        proxy = around.proxy(given.token_url, given, "oauth2.")
        return Opened(self.model_copy(update={"ca_file": ca_file, "oauth2": oauth2}), secret, proxy)


class SmtpChannel(MailServer):
    """E-mail through one server to always the same people."""

    kind: Literal["smtp"]
    recipients: Annotated[list[Mailbox], Field(min_length=1, max_length=50)]
