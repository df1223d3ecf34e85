#!/bin/bash
# Starts the Kafka node of docker-compose.yml; makes storage and users first
# if this is the first time. user.sh is for users that come later.
set -euo pipefail

config=/etc/samband/server.properties

if [[ ! -e /var/lib/kafka/data/log/meta.properties ]]; then
    # One argument a line, read by the tool: no list of processes shows a password.
    users() {
        local file user
        for file in /run/secrets/kafka_*_password; do
            user=${file#/run/secrets/kafka_}
            printf -- '--add-scram\nSCRAM-SHA-512=[name=%s,password=%s]\n' \
                "${user%_password}" "$(<"$file")"
        done
    }
    # What it says of its work holds the keys that were made from the passwords.
    /opt/kafka/bin/kafka-storage.sh format --config "$config" \
        --cluster-id "$(/opt/kafka/bin/kafka-storage.sh random-uuid)" @<(users) >/dev/null
fi
exec /opt/kafka/bin/kafka-server-start.sh "$config"
