# accesswatch in a container: `docker build -t accesswatch .`
#
# Without an image registry, PYTHON_IMAGE is the stand-in that deploy/airgap/build.sh makes.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.9
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir uv==${UV_VERSION}
ENV UV_PROJECT_ENVIRONMENT=/opt/accesswatch UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
# What changes seldom first: a new version of ours installs no library anew.
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --no-install-project
COPY console console
COPY sandbox sandbox
COPY stream stream
COPY agents agents
COPY cases cases
COPY history history
COPY alerts alerts
COPY enrichment enrichment
COPY simulator simulator
COPY deploy/limits.yaml deploy/delivery.yaml deploy/
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --no-editable
# The embedded Kafka and Valkey and the demo stay at home: a service has servers of its own.
RUN rm -rf /opt/accesswatch/lib/python3*/site-packages/sandbox

# The compose stack's profile `mail`, which takes e-mails and shows them in its log: `--target mail`.
FROM build AS mail-build
ENV UV_PROJECT_ENVIRONMENT=/opt/mail
RUN /opt/uv/bin/uv sync --quiet --frozen --only-group mail
FROM ${PYTHON_IMAGE} AS mail
COPY --from=mail-build /opt/mail /opt/mail
ENV PATH=/opt/mail/bin:${PATH} PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 1025
ENTRYPOINT ["python", "-m", "aiosmtpd", "-n", "-l", "0.0.0.0:1025", "-c", "aiosmtpd.handlers.Debugging", "stdout"]

FROM ${PYTHON_IMAGE}
# No way to build or to install anything; a user of a number, so that Kubernetes sees that it is not root.
RUN rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
        /usr/local/lib/python3*/site-packages/setuptools* /usr/local/lib/python3*/site-packages/wheel* \
        /usr/lib/python3*/ensurepip /usr/share/python-wheels \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/accesswatch accesswatch \
    && install -d -o accesswatch -g accesswatch /var/lib/accesswatch
COPY --from=build /opt/accesswatch /opt/accesswatch
COPY deploy/container/healthcheck.py /opt/healthcheck.py
ENV PATH=/opt/accesswatch/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ACCESSWATCH_STATE_DIR=/var/lib/accesswatch \
    ACCESSWATCH_HTTP=0.0.0.0:9108
USER 10001:10001
WORKDIR /var/lib/accesswatch
# The only place that is written to, beside /tmp: the root may be read-only.
VOLUME /var/lib/accesswatch
EXPOSE 9108
# Alive, not ready: a worker that holds accesses while Redis is away is not to be killed for it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["python", "-S", "/opt/healthcheck.py", "/livez"]
# As PID 1 it hears SIGTERM itself (console/main.py), finishes what is in hand, and ends within 20 s.
STOPSIGNAL SIGTERM
ENTRYPOINT ["accesswatch"]
CMD ["worker"]
