#!/bin/bash
# Starts the Kafka node of docker-compose.yml; makes storage and users first
# if this is the first time. user.sh is for users that come later.
set -euo pipefail

config=/etc/samband/server.properties

if [[ ! -e /var/lib/kafka/data/log/meta.properties ]]; then
    users=()
    for file in /run/secrets/kafka_*_password; do
        user=${file#/run/secrets/kafka_}
        users+=(--add-scram "SCRAM-SHA-512=[name=${user%_password},password=$(<"$file")]")
    done
    /opt/kafka/bin/kafka-storage.sh format --config "$config" \
        --cluster-id "$(/opt/kafka/bin/kafka-storage.sh random-uuid)" "${users[@]}"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$config"
