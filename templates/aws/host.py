"""What the host does in AWS. It uses its own role, whose credentials the instance's metadata service gives.

host.py upload BUCKET OWNER REGION PREFIX FOLDER   puts the files of a folder into a bucket of this account
host.py assume ROLE REGION SESSION FILE            writes credentials of another role into a file

The script needs only Python's standard library. If it fails, it exits with 1 after one line on standard error, which
never holds credentials.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

LIMIT = 5 * 1024**3  # bytes in one PUT; a multipart upload would need the permission to decrypt
METADATA = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254")


def metadata(path, method="GET", headers=()):
    request = urllib.request.Request(METADATA + "/latest/" + path, method=method, headers=dict(headers))
    # The metadata service must never be asked through a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=10).read().decode()


def credentials():
    try:
        token = metadata("api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
        headers = {"X-aws-ec2-metadata-token": token}
        role = metadata("meta-data/iam/security-credentials/", headers=headers).strip()
        return json.loads(metadata("meta-data/iam/security-credentials/" + role, headers=headers))
    except OSError as error:
        sys.exit(f"the instance's metadata service gives no credentials: {error}")


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(keys, service, region, method, url, headers, digest):
    """The headers with AWS's Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html

    digest: sha256 of the body, in hexadecimal. The path of `url` must be encoded already.
    """
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    parts = urllib.parse.urlsplit(url)
    headers = {**headers, "x-amz-date": now, "x-amz-security-token": keys["Token"]}
    values = {**headers, "host": parts.netloc}
    names = sorted(values)
    canonical = [method, parts.path or "/", ""] + [name + ":" + values[name] for name in names] + ["", ";".join(names), digest]
    scope = "/".join([now[:8], region, service, "aws4_request"])
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256("\n".join(canonical).encode()).hexdigest()])
    key = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in [now[:8], region, service, "aws4_request"]:
        key = sign(key, part)
    credential = f"Credential={keys['AccessKeyId']}/{scope}, SignedHeaders={';'.join(names)}, Signature={sign(key, text).hex()}"
    return {**headers, "authorization": "AWS4-HMAC-SHA256 " + credential}


def put(keys, bucket, owner, region, key, file):
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3")
    base = f"{endpoint}/{bucket}" if endpoint else f"https://{bucket}.s3.{region}.amazonaws.com"
    url = base + "/" + urllib.parse.quote(key)
    with open(file, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        headers = {
            "if-none-match": "*",
            # S3 refuses a bucket of the same name that belongs to somebody else.
            "x-amz-expected-bucket-owner": owner,
            "x-amz-content-sha256": digest,
            # A bucket with object lock refuses an object without a checksum: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
            "x-amz-sdk-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(digest)).decode(),
        }
        headers = signed(keys, "s3", region, "PUT", url, headers, digest)
        headers["content-length"] = str(os.path.getsize(file))
        urllib.request.urlopen(urllib.request.Request(url, data=content, method="PUT", headers=headers), timeout=600)


def upload(bucket, owner, region, prefix, folder):
    """Uploads the files of a folder. Nothing is overwritten, because of If-None-Match, and S3 compares each file with its
    sha256. The manifest is uploaded last: if it is in the bucket, the backup is complete."""
    names = sorted(os.listdir(folder), key=lambda name: (name == "manifest.json", name))
    for name in names:
        if os.path.getsize(os.path.join(folder, name)) > LIMIT:
            sys.exit(f"{name} is larger than the 5 GiB that the host may put into the bucket at once")
    keys = credentials()
    for name in names:
        try:
            put(keys, bucket, owner, region, prefix + name, os.path.join(folder, name))
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            sys.exit(f"the bucket {bucket} does not take {prefix}{name}: HTTP {error.code}: {said}")
        except OSError as error:
            sys.exit(f"the bucket {bucket} cannot be reached: {error}")


def texts(answer):
    """The texts of an XML answer by the names of their elements, without AWS's namespace."""
    return {element.tag.rpartition("}")[2]: element.text for element in xml.etree.ElementTree.fromstring(answer).iter()}


def assume(role, region, session, file):
    """Assumes a role for an hour, the longest time that AWS allows one role to assume another, and writes its credentials
    to a file. AWS's tools read this format from a credential_process:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html"""
    url = os.environ.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{region}.amazonaws.com/"
    query = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role, "RoleSessionName": session, "DurationSeconds": 3600}
    body = urllib.parse.urlencode(query).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    headers = signed(credentials(), "sts", region, "POST", url, headers, hashlib.sha256(body).hexdigest())
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=20).read()
    except urllib.error.HTTPError as error:
        said = error.read()
        try:
            said = texts(said)
            said = f"{said['Code']}: {said['Message']}"
        except (xml.etree.ElementTree.ParseError, KeyError):
            said = f"HTTP {error.code}"
        sys.exit(f"the host may not assume the role {role}: {said}")
    except OSError as error:
        sys.exit(f"STS cannot be reached: {error}")
    found = texts(answer)
    names = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]
    # The file is replaced in one step, so nobody reads half of it.
    new = file + ".new"
    if os.path.lexists(new):
        os.remove(new)
    with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o440), "w") as content:
        json.dump({"Version": 1, **{name: found[name] for name in names}}, content)
    os.rename(new, file)


{"upload": upload, "assume": assume}[sys.argv[1]](*sys.argv[2:])
