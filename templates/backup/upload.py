"""Puts the files of a folder into an S3 bucket: upload.py BUCKET REGION PREFIX FOLDER, run by the host with its own role.

Only adds: If-None-Match refuses to write over what is there. S3 compares each file with its sha256. The manifest goes last:
where it is, all is. Standard library only; credentials come from the instance's metadata service and are written nowhere.
"""
import datetime
import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

LIMIT = 5 * 1024**3  # of one PUT; a multipart upload would need the permission to decrypt
METADATA = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254")


def metadata(path, method="GET", headers=()):
    request = urllib.request.Request(METADATA + "/latest/" + path, method=method, headers=dict(headers))
    # Never through a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=10).read().decode()


def credentials():
    token = metadata("api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
    headers = {"X-aws-ec2-metadata-token": token}
    role = metadata("meta-data/iam/security-credentials/", headers=headers).strip()
    return json.loads(metadata("meta-data/iam/security-credentials/" + role, headers=headers))


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def authorization(keys, region, host, path, headers, digest, now):
    """AWS Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html"""
    signed = sorted([*headers, "host"])
    values = {**headers, "host": host}
    canonical = ["PUT", path, ""] + [name + ":" + values[name] for name in signed] + ["", ";".join(signed), digest]
    scope = "/".join([now[:8], region, "s3", "aws4_request"])
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256("\n".join(canonical).encode()).hexdigest()])
    key = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in [now[:8], region, "s3", "aws4_request"]:
        key = sign(key, part)
    signature = sign(key, text).hex()
    return f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}, SignedHeaders={';'.join(signed)}, Signature={signature}"


def put(keys, bucket, region, key, file):
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3")
    base = f"{endpoint}/{bucket}" if endpoint else f"https://{bucket}.s3.{region}.amazonaws.com"
    url = base + "/" + urllib.parse.quote(key)
    parts = urllib.parse.urlsplit(url)
    with open(file, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {
            "if-none-match": "*",
            "x-amz-content-sha256": digest,
            "x-amz-date": now,
            "x-amz-security-token": keys["Token"],
        }
        headers["authorization"] = authorization(keys, region, parts.netloc, parts.path, headers, digest, now)
        headers["content-length"] = str(os.path.getsize(file))
        urllib.request.urlopen(urllib.request.Request(url, data=content, method="PUT", headers=headers), timeout=600)


def main(bucket, region, prefix, folder):
    names = sorted(os.listdir(folder), key=lambda name: (name == "manifest.json", name))
    for name in names:
        if os.path.getsize(os.path.join(folder, name)) > LIMIT:
            sys.exit(f"{name} is larger than the 5 GiB that the host may put into the bucket at once")
    try:
        keys = credentials()
    except OSError as error:
        sys.exit(f"the instance's metadata service gives no credentials: {error}")
    for name in names:
        try:
            put(keys, bucket, region, prefix + name, os.path.join(folder, name))
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            sys.exit(f"the bucket {bucket} does not take {prefix}{name}: HTTP {error.code}: {said}")
        except OSError as error:
            sys.exit(f"the bucket {bucket} cannot be reached: {error}")


main(*sys.argv[1:])
