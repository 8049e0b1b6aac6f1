"""Metrics and health over HTTP: ``/metrics``, ``/livez``, ``/readyz``."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

#: Gives the reasons why not, empty where all is well.
Check = Callable[[], list[str]]


class Health:
    """The worker's web pages. They hold no ids and no names."""

    def __init__(self, registry: CollectorRegistry, live: Check, ready: Check) -> None:
        self._registry = registry
        self._live = live
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", lambda _: _answer(self._live()))
        app.router.add_get("/readyz", lambda _: _answer(self._ready()))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _answer(reasons: list[str]) -> web.Response:
    if reasons:
        return web.Response(status=503, text="\n".join(reasons) + "\n")
    return web.Response(text="ok\n")
