#!/bin/bash
# Gives Kafka a user, or a user another password, which is read from standard input:
#
#     docker compose exec --no-TTY kafka /etc/samband/user.sh statistics < password
#
# What the user may do is said by the command `access`: nothing, until then.
set -euo pipefail

user=${1:?the name of the user}
# Of the two that may do this, the one whose own password is not being changed.
caller=admin
[[ $user != admin ]] || caller=broker

password=$(cat)
if [[ -z $password ]]; then
    echo "No password came on standard input; $user is as before." >&2
    exit 1
fi
# By ways that no list of processes shows.
exec /opt/kafka/bin/kafka-configs.sh --bootstrap-server localhost:9092 \
    --command-config <(sed "s/admin/$caller/g" /etc/samband/admin.properties) --alter \
    --entity-type users --entity-name "$user" \
    --add-config-file <(printf 'SCRAM-SHA-512=password=%s\n' "$password")
