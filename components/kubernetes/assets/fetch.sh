#!/bin/sh
# Downloads a dump from $BUCKET to $SCRATCH and checks it: the first half of a restore. $OBJECT is the dump's
# key. If $AT is a time such as 20240301T170000Z, the newest dump that is not later is used instead. The
# script needs the AWS CLI and its credentials.
set -eu
cd "$SCRATCH"

digits() {  # 20240301T170000Z becomes 20240301170000
    time="${1%Z}"
    echo "${time%T*}${time#*T}"
}

key="$OBJECT"
if [ -n "${AT:-}" ]; then
    key=""
    # S3 lists keys in lexical order, and the name of a dump is its time, so the last match is the newest.
    for candidate in $(aws s3api list-objects-v2 --bucket "$BUCKET" --prefix dumps/ \
        --query 'Contents[].Key' --output text); do
        name="${candidate#dumps/}"
        case "$name" in
            [0-9]*T[0-9]*Z.dump)
                [ "$(digits "${name%.dump}")" -gt "$(digits "$AT")" ] || key="$candidate"
                ;;
        esac
    done
    [ -n "$key" ] || { echo "s3://$BUCKET/dumps/ has no dump of $AT or before" >&2; exit 1; }
fi

echo "downloading s3://$BUCKET/$key"
# One request for the object and its checksum: latest.dump may be replaced at any moment.
sum="$(aws s3api get-object --bucket "$BUCKET" --key "$key" --query Metadata.sha256 --output text fetched)"
[ "${#sum}" -eq 64 ] || { echo "s3://$BUCKET/$key has no sha256 in its metadata: $sum" >&2; exit 1; }
echo "$sum  fetched" | sha256sum -c -
mv fetched restore.dump
echo "$key: $(wc -c < restore.dump) bytes, sha256 $sum"
