#!/bin/bash
# Run once by the image of PostgreSQL, when its data are new: roles and schemas.
set -euo pipefail
for service in registration networks notifications; do
    export "${service^^}_PASSWORD=$(<"/run/secrets/${service}_password")"
done
psql --no-psqlrc --username postgres --dbname postgres --file /etc/samband/roles.sql
