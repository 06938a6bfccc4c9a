#!/bin/sh
# Uploads the dump of $SCRATCH to $BUCKET; the second half of a backup. Needs the AWS command line and its
# credentials. latest.dump is replaced last, by a copy inside S3 of what was read back and found intact.
set -eu
cd "$SCRATCH"

set -- *.dump
name="$1"
if [ "$#" -ne 1 ] || [ ! -f "$name" ]; then
    echo "expected one dump in $SCRATCH" >&2
    exit 1
fi
sha256sum -c "$name.sha256"
sum="$(cut -c 1-64 "$name.sha256")"
key="dumps/$name"

echo "uploading s3://$BUCKET/$key"
aws s3 cp --no-progress --metadata "sha256=$sum" "$name" "s3://$BUCKET/$key"
aws s3 cp --no-progress "$name.sha256" "s3://$BUCKET/$key.sha256"

stored="$(aws s3 cp --no-progress "s3://$BUCKET/$key" - | sha256sum | cut -c 1-64)"
[ "$stored" = "$sum" ] || { echo "s3://$BUCKET/$key is not what was uploaded: sha256 $stored" >&2; exit 1; }

# With metadata said anew: copying the object's own would need the right to read tags (multipart copies).
aws s3 cp --no-progress --metadata-directive REPLACE --metadata "sha256=$sum" \
    "s3://$BUCKET/$key" "s3://$BUCKET/latest.dump"
echo "latest.dump is $name, sha256 $sum"
