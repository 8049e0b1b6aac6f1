#!/bin/bash
# As the official image: every KAFKA_SOME_NAME becomes some.name in server.properties (__ is _, ___ is -), the storage
# is formatted when it is empty, and the broker becomes PID 1.
set -euo pipefail
file=/opt/kafka/config/server.properties
: >"$file"
while IFS='=' read -r -d '' name value; do
    case $name in
    KAFKA_HEAP_OPTS | KAFKA_OPTS) ;;
    KAFKA_*)
        key=${name#KAFKA_}
        key=${key//___/-}
        key=${key//__/~}
        key=${key//_/.}
        key=${key//\~/_}
        printf '%s=%s\n' "${key,,}" "$value" >>"$file"
        ;;
    esac
done </proc/self/environ
grep -q '^log.dirs=' "$file" || echo log.dirs=/var/lib/kafka/data >>"$file"
java=(java -XX:+ExitOnOutOfMemoryError -Dorg.slf4j.simpleLogger.defaultLogLevel=warn ${KAFKA_OPTS:-} -cp '/opt/kafka/libs/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted \
    --cluster-id "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" --config "$file" >/dev/null
exec "${java[@]}" ${KAFKA_HEAP_OPTS:--Xmx1G} kafka.Kafka "$file"
