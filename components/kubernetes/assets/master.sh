#!/bin/sh
# Writes the master user's connection to $PGSERVICEFILE, as libpq's service $PGSERVICE. The script reads the
# password from the secret $SECRET_ARN, which RDS manages, whenever it starts, so a rotation by RDS breaks
# nothing. It needs the AWS CLI and its credentials. The password is in memory only, and neither in arguments
# nor in the log: only commands of the shell itself get it.
set -eu
umask 077

refuse() {
    echo "the secret $SECRET_ARN has no password" >&2
    exit 1
}

secret="$(aws secretsmanager get-secret-value --secret-id "$SECRET_ARN" --query SecretString --output text)"

# The secret is a JSON object with `username` and `password` (RDS user guide, password management with Secrets
# Manager). The image has no JSON parser, so this reads the string after "password", escapes included.
rest="${secret#*\"password\"}"
[ "$rest" != "$secret" ] || refuse
rest="${rest#*\"}"
password=""
while :; do
    case "$rest" in
        '"'*) break ;;
        \\u????*)
            code="${rest#??}"
            octal="$(printf '%03o' "0x${code%"${code#????}"}")"
            password="$password$(printf '%b' "\\0$octal")"
            rest="${rest#??????}"
            ;;
        \\?*)
            rest="${rest#?}"
            password="$password${rest%"${rest#?}"}"
            rest="${rest#?}"
            ;;
        ?*)
            password="$password${rest%"${rest#?}"}"
            rest="${rest#?}"
            ;;
        *) refuse ;;  # The string does not end.
    esac
done
[ -n "$password" ] || refuse

# A here document is unsuitable: a shell may write it to a temporary file on the disk.
{
    printf '[%s]\nhost=%s\nport=%s\n' "$PGSERVICE" "$DATABASE_HOST" "$DATABASE_PORT"
    printf 'dbname=%s\nuser=%s\npassword=%s\n' "$DATABASE_NAME" "$DATABASE_USER" "$password"
} > "$PGSERVICEFILE"
echo "$PGSERVICEFILE has the connection of $DATABASE_USER"
