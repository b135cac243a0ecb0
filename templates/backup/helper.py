"""What `make backup` does on the host beside Postgres' own tools.

helper.py keep FILE SUM    copies standard input to FILE and to standard output, and writes its sha256 to the file SUM
helper.py manifest FOLDER SUM ROWS ID IDENTITY AIRFLOW POSTGRES REVISION DAG_RELEASE
                           writes manifest.json and SHA256SUMS into the folder of a backup; the file ROWS has the
                           output of rows.awk

The script needs only Python's standard library. If it fails, it exits with 1 after one line on standard error.
"""
import datetime
import hashlib
import json
import os
import sys


def keep(file, sum_file):
    digest = hashlib.sha256()
    with open(file, "xb") as copy:
        while chunk := sys.stdin.buffer.read1(1 << 20):
            copy.write(chunk)
            digest.update(chunk)
            try:
                write(1, chunk)
            except BrokenPipeError:
                sys.exit("the dump cannot be read back to its end")
        copy.flush()
        os.fsync(copy.fileno())
    with open(sum_file, "x") as note:
        note.write(digest.hexdigest())


def write(descriptor, chunk):
    left = memoryview(chunk)
    while left:
        left = left[os.write(descriptor, left) :]


def manifest(folder, sum_file, rows_file, id, identity, airflow, postgres, revision, dag_release):
    files = {name: facts_of(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}
    with open(sum_file) as note:
        if note.read() != files["database.dump"]["sha256"]:
            sys.exit("database.dump on the disk is not what was read back")
    with open(rows_file) as counted:
        pairs = [entry.split(" ", 1) for entry in counted.read().split("\0")[:-1]]
    rows = {table: int(count) for count, table in sorted(pairs, key=lambda pair: pair[1])}
    wanted = {
        "id": id,
        "made": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "identity": json.loads(identity),
        "airflow": airflow or None,
        "postgres": postgres,
        "revision": revision,
        "dagRelease": dag_release or None,
        "files": files,
        "rows": rows,
    }
    path = os.path.join(folder, "manifest.json")
    with open(path, "x") as file:
        json.dump(wanted, file, indent=2)
        file.write("\n")
    with open(path) as file:
        if json.load(file) != wanted:
            sys.exit("manifest.json on the disk is not what was written")
    with open(os.path.join(folder, "SHA256SUMS"), "x") as sums:
        for name, facts in {**files, "manifest.json": facts_of(path)}.items():
            sums.write(f"{facts['sha256']}  {name}\n")


def facts_of(path):
    with open(path, "rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": os.path.getsize(path)}


try:
    {"keep": keep, "manifest": manifest}[sys.argv[1]](*sys.argv[2:])
except OSError as error:
    sys.exit(f"{error.filename or sys.argv[2]}: {error.strerror}")
