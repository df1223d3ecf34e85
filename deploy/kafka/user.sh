#!/bin/bash
# Gives Kafka a user, or a user another password, which is read from standard input:
#
#     docker compose exec --no-TTY kafka /etc/samband/user.sh statistics < password
#
# What the user may do is said by the command `access`: nothing, until then.
set -euo pipefail

read -r password
exec /opt/kafka/bin/kafka-configs.sh --bootstrap-server localhost:9092 \
    --command-config /etc/samband/admin.properties --alter \
    --entity-type users --entity-name "${1:?the name of the user}" \
    --add-config "SCRAM-SHA-512=[password=$password]"
