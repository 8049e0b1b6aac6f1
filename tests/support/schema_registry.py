"""A schema registry on loopback that speaks the part of Confluent's API that readers use."""

import base64
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import fastavro

USER, PASSWORD = "reader", "pl@nted/secret"


class Registry:
    """What it has; both may be changed while it runs."""

    def __init__(self) -> None:
        self.schemas: dict[int, dict[str, Any]] = {}
        self.subjects: dict[tuple[str, int], dict[str, Any]] = {}
        #: Status and body that are answered instead.
        self.instead: tuple[int, bytes] | None = None
        self.asked: list[str] = []
        self.url = ""

    def add(self, schema_id: int, schema: Any, **more: Any) -> None:
        """Register a schema under an id."""
        self.schemas[schema_id] = {"schema": json.dumps(schema)} | more

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        """Answer a request, as the API has it."""
        self.asked.append(path)
        if self.instead is not None:
            return self.instead
        if authorization != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return 401, b'{"error_code": 401, "message": "Unauthorized"}'
        _, kind, name, *rest = path.split("/")
        by_id = kind == "schemas"
        found = self.schemas.get(int(rest[0])) if by_id else self.subjects.get((name, int(rest[1])))
        if found is None:
            return 404, b'{"error_code": 40403, "message": "Schema not found"}'
        return 200, json.dumps(found).encode()


@contextmanager
def a_registry() -> Iterator[Registry]:
    """Run a registry for as long as the block; its URL holds user and password."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = registry.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.url = f"http://{USER}:{PASSWORD.replace('@', '%40').replace('/', '%2F')}@127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def framed(schema_id: int, schema: Any, record: Any) -> bytes:
    """Write a record as a serializer does: a zero byte, the id, and Avro."""
    written = BytesIO()
    fastavro.schemaless_writer(written, schema, record)
    return struct.pack(">bI", 0, schema_id) + written.getvalue()
