"""The demo's delivery routes: every alert goes to a mailbox and a webhook of this machine."""

import base64
import secrets
from pathlib import Path

import yaml

#: Standard Webhooks asks for 24 to 64 bytes.
_SECRET_BYTES = 32
#: A whole day's alerts in a few minutes are no storm here.
_MESSAGES_MAX = 1_000


def write_delivery(file: Path, smtp_port: int, webhook_url: str) -> None:
    """Write the delivery file, and the webhook's secret beside it."""
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    (file.parent / "webhook.secret").write_text(f"whsec_{secret}", "utf-8")
    smtp = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": smtp_port,
        "security": "none",
        "sender": "watch@agency.example",
    }
    document = {
        "channels": {
            "integrity-mail": {**smtp, "recipients": ["integrity@agency.example"]},
            # Alerts about Internal Integrity's own people go to somebody else.
            "governance-mail": {**smtp, "recipients": ["governance@agency.example"]},
            "case-system": {"kind": "webhook", "url": webhook_url, "secret_file": "webhook.secret"},
        },
        "routes": [
            {
                "name": "everything",
                "channels": ["integrity-mail", "case-system"],
                "storm": {"at_most": _MESSAGES_MAX, "per": "1h"},
                "conflict_route": "governance",
            },
            {
                "name": "governance",
                "channels": ["governance-mail"],
                "only_when_named": True,
                "independent": True,
                "conflict_route": "everything",
            },
        ],
    }
    file.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
