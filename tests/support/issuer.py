"""An OAuth 2 issuer on loopback: it knows one client, signs tokens, and publishes the key to check them with."""

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.secured import Authority

CLIENT, SECRET, AUDIENCE, SCOPE = "accesswatch client", "s3cr3t/+&=é", "kafka", "kafka.all"
ISSUER = "https://issuer.example"


class Issuer:
    """What it gives out, and how it answers; both may be changed while it runs."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.lifetime_seconds = 300
        self.audience = AUDIENCE
        #: Status and body that are answered instead of a token.
        self.instead: tuple[int, bytes] | None = None
        self.delay_seconds = 0.0
        #: When each token was given out.
        self.given: list[float] = []
        self.asked = 0

    def token(self) -> bytes:
        """Sign a token for the one client."""
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": self.audience, "sub": "watch", "iat": now, "exp": now + self.lifetime_seconds,
            "scope": SCOPE, "jti": str(len(self.given)),
        }  # fmt: skip
        self.given.append(time.time())
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        answer = {"access_token": signed, "token_type": "Bearer", "expires_in": self.lifetime_seconds, "scope": SCOPE}
        return json.dumps(answer).encode()

    def answer(self, authorization: str, form: dict[str, list[str]]) -> tuple[int, bytes]:
        """Answer a request for a token, as RFC 6749 has it."""
        self.asked += 1
        time.sleep(self.delay_seconds)
        if self.instead is not None:
            return self.instead
        if authorization:
            given = base64.b64decode(authorization.removeprefix("Basic ")).decode("ascii").partition(":")
            user, password = unquote_plus(given[0]), unquote_plus(given[2])
        else:
            user, password = form.get("client_id", [""])[0], form.get("client_secret", [""])[0]
        if (user, password) != (CLIENT, SECRET):
            # A careless endpoint repeats what it was given.
            said = f"no client {user} with {password} is known\r\n\x1b[2J here"
            return 401, json.dumps({"error": "invalid_client", "error_description": said}).encode()
        if form.get("grant_type") != ["client_credentials"]:
            return 400, b'{"error": "unsupported_grant_type"}'
        if form.get("scope") not in (None, [SCOPE]):
            return 400, b'{"error": "invalid_scope"}'
        return 200, self.token()


@contextmanager
def an_issuer(authority: Authority | None = None) -> Iterator[tuple[Issuer, str]]:
    """Run one for as long as the block; also give its address. With an authority it speaks TLS."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys = json.dumps({"keys": [issuer.key.as_dict(private=False)]}).encode()
            self._send(*((200, keys) if self.path == "/keys" else (404, b"<html>not here</html>")))

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if self.path.startswith("/token"):
                self._send(*issuer.answer(self.headers.get("Authorization", ""), form))
            else:
                self._send(404, b"<html>not here</html>")

        def log_message(self, *_: Any) -> None:
            pass

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if authority is not None:
        chain, key = authority.issue("issuer")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer, f"{'http' if authority is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def kafka_properties(keys_url: str, keystore: Path) -> dict[str, str]:
    """How a broker is told to believe this issuer, over TLS."""
    listener = "listener.name.sasl_ssl.oauthbearer"
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{listener}.sasl.jaas.config": (
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
        ),
        f"{listener}.sasl.server.callback.handler.class": (
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ),
        f"{listener}.sasl.oauthbearer.jwks.endpoint.url": keys_url,
        f"{listener}.sasl.oauthbearer.expected.audience": AUDIENCE,
        f"{listener}.sasl.oauthbearer.expected.issuer": ISSUER,
        # A connection lives no longer than the token that it was opened with.
        f"{listener}.connections.max.reauth.ms": "3600000",
    }
