#!/bin/sh
# Build every image of docker-compose.yml on a machine that reaches package registries but no image registry.
#
#   deploy/airgap/build.sh            what is missing; our own image always
#   deploy/airgap/build.sh --fresh    everything anew, with the packages as they are today
#
# Needs root, Docker, debootstrap, and `make setup` (Kafka's jars come through it). The mirror is the one that this
# machine's apt uses, and the CAs are the ones that this machine believes. Then:
#
#   docker compose --env-file deploy/airgap/images.env up --wait
#   docker save $(sed -n 's/.*_IMAGE=//p' deploy/airgap/images.env) | gzip > images.tar.gz    to carry them elsewhere
set -eu
cd "$(dirname "$0")/../.."
export DOCKER_BUILDKIT=0
BASE=accesswatch-airgap/debian:bookworm
CAS=/etc/ssl/certs/ca-certificates.crt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

image() { sed -n "s/^$1=//p" deploy/airgap/images.env; }
missing() { [ "${fresh:-}" ] || ! docker image inspect "$1" >/dev/null 2>&1; }
build() { # build TARGET IMAGE CONTEXT
    missing "$2" || return 0
    echo "building $2"
    quietly docker build --network host --build-arg "BASE=$BASE" --target "$1" --tag "$2" \
        --file deploy/airgap/Dockerfile "$3"
}
quietly() { # what a command says is shown when it fails
    "$@" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
}
[ "${1:-}" = --fresh ] && fresh=1

if missing "$BASE"; then
    echo "building $BASE"
    # One line an archive in the old form of apt's sources, or a field in the new one.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    quietly debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" "$mirror"
    cp "$CAS" "$work/root$CAS"
    tar -C "$work/root" -c . | docker import --change "ENV SSL_CERT_FILE=$CAS PIP_CERT=$CAS" - "$BASE" >/dev/null
fi

mkdir "$work/context"
cp -r deploy/airgap/kafka deploy/airgap/postgres "$work/context"
mkdir "$work/context/jars"
if missing "$(image KAFKA_IMAGE)"; then
    .venv/bin/python -c 'from sandbox.jars import classpath; print(classpath().replace(":", "\n"))' |
        xargs -I '{}' cp '{}' "$work/context/jars"
fi
.venv/bin/python -c 'from sandbox.valkey import binary; print(binary())' |
    xargs -I '{}' cp '{}' "$work/context/valkey-server"
build python "$(image PYTHON_IMAGE)" "$work/context"
build kafka "$(image KAFKA_IMAGE)" "$work/context"
build redis "$(image REDIS_IMAGE)" "$work/context"
build postgres "$(image POSTGRES_IMAGE)" "$work/context"
build prometheus "$(image PROMETHEUS_IMAGE)" "$work/context"
build alertmanager "$(image ALERTMANAGER_IMAGE)" "$work/context"

echo "building $(image WORKER_IMAGE) and $(image MAIL_IMAGE)"
quietly docker build --network host --build-arg "PYTHON_IMAGE=$(image PYTHON_IMAGE)" --target mail \
    --tag "$(image MAIL_IMAGE)" .
quietly docker build --network host --build-arg "PYTHON_IMAGE=$(image PYTHON_IMAGE)" \
    --tag "$(image WORKER_IMAGE)" .
docker image ls --format '{{.Repository}}:{{.Tag}}  {{.Size}}' | grep -E '^accesswatch' | sort
