#!/bin/sh
# Uploads the dump in $SCRATCH to $BUCKET: the second half of a backup. The script needs the AWS CLI and its
# credentials. It reads the uploaded object back; if the object is intact, S3 copies it to latest.dump.
set -eu
cd "$SCRATCH"

set -- *.dump
name="$1"
if [ "$#" -ne 1 ] || [ ! -f "$name" ]; then
    echo "$SCRATCH must contain exactly one dump" >&2
    exit 1
fi
sha256sum -c "$name.sha256"
sum="$(cut -c 1-64 "$name.sha256")"
key="dumps/$name"

echo "uploading s3://$BUCKET/$key"
aws s3 cp --no-progress --metadata "sha256=$sum" "$name" "s3://$BUCKET/$key"
aws s3 cp --no-progress "$name.sha256" "s3://$BUCKET/$key.sha256"

stored="$(aws s3 cp --no-progress "s3://$BUCKET/$key" - | sha256sum | cut -c 1-64)"
[ "$stored" = "$sum" ] || {
    echo "s3://$BUCKET/$key differs from the uploaded file: sha256 $stored" >&2
    exit 1
}

# Set the metadata again: copying the object's own in a multipart copy would require permission to read tags.
aws s3 cp --no-progress --metadata-directive REPLACE --metadata "sha256=$sum" \
    "s3://$BUCKET/$key" "s3://$BUCKET/latest.dump"
echo "latest.dump is $name, sha256 $sum"
