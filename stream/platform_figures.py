"""Figures of what a worker stands on and what runs out one day: its disk, and the certificates that it was given."""

import asyncio
import shutil
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates

from agents.metrics import Metrics
from enrichment.errors import why
from enrichment.log import events
from stream.settings import PREFIX, Settings

#: Seconds between looks. A certificate that was renewed is seen within it, before it is used.
LOOK_SECONDS = 30.0

_log = events(__name__)


async def watch_platform(settings: Settings, metrics: Metrics) -> None:
    """Look again and again, for as long as the worker runs."""
    while True:
        await asyncio.to_thread(look, settings, metrics)
        await asyncio.sleep(LOOK_SECONDS)


def look(settings: Settings, metrics: Metrics) -> None:
    """Bring the figures up to date; what cannot be read keeps its last one."""
    try:
        disk = shutil.disk_usage(settings.state_dir)
        metrics.disk_free.set(disk.free)
        metrics.disk_size.set(disk.total)
        for setting, file in _certificates(settings).items():
            ends = [one.not_valid_after_utc for one in load_pem_x509_certificates(file.read_bytes())]
            metrics.certificate_ends.labels(setting).set(min(ends).timestamp())
    except (OSError, ValueError) as error:
        _log.info("figures-not-read", what="the disk or a certificate", why=why(error))


def _certificates(settings: Settings) -> dict[str, Path]:
    """Return the files that hold certificates, by the setting that names each."""
    names = [name for name in type(settings).model_fields if name.endswith(("_ca_file", "_cert_file"))]
    files = {PREFIX + name.upper(): getattr(settings, name) for name in names}
    return {setting: file for setting, file in files.items() if file is not None}
