"""
Parses every DAG file of a release as the dag-processor would and prints what it found, as one line of JSON:

    {"dags": {dag_id: {"file": "etl.py", "hash": "…"}}, "errors": [{"file": "etl.py", "line": 3, "error": "…"}]}

`hash` changes with the DAG's structure or its file. The errors are told on stderr, too, a line each; then the exit code is 1.

Importing Airflow takes most of a check's time. So the dag-processor starts a process beside itself that has done so and
forks for each check (`serve`); bin/check_dags.py asks it.
"""

import hashlib
import json
import os
import re
import signal
import socket
import sys
import traceback
from pathlib import Path

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.file import list_py_file_paths


def error(root: Path, file: str, text: str) -> dict:
    """An import error with its place: the deepest line of the traceback that is in the release."""
    frames = re.findall(rf'File "{re.escape(str(root))}/([^"]+)", line (\d+)', text)
    where, line = frames[-1] if frames else (file, None)
    return {"file": where, "line": int(line) if line else None, "error": exception(text)}


def exception(text: str) -> str:
    """What stands below the frames of a traceback, as one line: its message may have many, of which the first names the cause."""
    lines = text.strip().splitlines()
    after = max((i for i, line in enumerate(lines) if line.startswith("  File ")), default=-1) + 1
    while 0 < after < len(lines) and lines[after].startswith("    "):
        after += 1
    message = " ".join(line.strip() for line in lines[after:] if line.strip()) or lines[-1]
    return message if len(message) <= 500 else message[:500] + " …"


def digest(dag, source: bytes) -> str:
    data = DagSerialization.to_dict(dag)
    for key in ("fileloc", "relative_fileloc"):
        data["dag"].pop(key, None)
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode() + source).hexdigest()[:16]


def check(root: Path) -> dict:
    dags, errors = {}, []
    for path in sorted(list_py_file_paths(root)):
        file = os.path.relpath(path, root)
        source = Path(path).read_bytes()
        try:
            bag = BundleDagBag(dag_folder=path, bundle_path=root, bundle_name="releases", load_op_links=False)
        except SystemExit as exit:
            errors.append({"file": file, "line": None, "error": f"SystemExit: the file ends the interpreter ({exit})"})
            continue
        errors += [error(root, name, text) for name, text in bag.import_errors.items()]
        for dag_id, dag in bag.dags.items():
            if dag_id in dags:
                other = dags[dag_id]["file"]
                errors.append({"file": file, "line": None, "error": f"DAG id {dag_id} is taken already, by {other}"})
                continue
            try:
                dags[dag_id] = {"file": file, "hash": digest(dag, source)}
            except Exception as failure:
                errors.append({"file": file, "line": None, "error": f"{type(failure).__name__}: {failure}"})
    return {"dags": dags, "errors": errors}


def run(root: str, wants_log: bool, result: int, problems: int) -> int:
    """
    Prints the result into one file descriptor and the problems into the other, after what Airflow and the DAG files print,
    if that is wanted. It changes the process and its environment for good, so it gets a process of its own.
    Returns the exit code.
    """
    log = problems if wants_log else os.open(os.devnull, os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # With "server", Variable.get and connections at the top level of a file read the database, as they do in the
    # dag-processor. The traceback of an import error must be complete, because it holds the line in the operator's own file.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH"] = "100"
    found = check(Path(root).resolve())
    sys.stdout.flush()
    lines = [f"{problem['file']}:{problem['line'] or 1}: {problem['error']}" for problem in found["errors"]]
    write(problems, "".join(line + "\n" for line in lines) + hint(lines))
    write(result, json.dumps(found) + "\n")
    return 1 if lines else 0


def write(file: int, text: str) -> None:
    with os.fdopen(os.dup(file), "w") as stream:
        stream.write(text)


# Packages that are called otherwise than what they hold.
PACKAGES = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "yaml": "pyyaml",
}


def hint(lines: list[str]) -> str:
    """For modules that no package in the image has: what to do next, as the last line."""
    modules = [found[1] for line in lines if (found := re.search(r"ModuleNotFoundError: No module named '([^']+)'", line))]
    packages = list(dict.fromkeys(package_of(module) for module in modules))
    if not packages:
        return ""
    return f"hint: add {', '.join(packages)} (or whichever package has it) to airflow.requirements in the deployment file, then make provision; a module of your own belongs into the folder of DAGs\n"


def package_of(module: str) -> str:
    parts = module.split(".")
    if parts[:2] == ["airflow", "providers"] and len(parts) > 2:
        # Providers have names of one part or two: amazon, apache.kafka.
        count = 4 if parts[2] in ("apache", "atlassian", "common", "dbt", "microsoft") else 3
        return "-".join(["apache", *parts[:count]]).replace("_", "-")
    return PACKAGES.get(parts[0], parts[0])


def serve(address: str) -> None:
    """
    Answers for ever: who connects sends a folder, after `log ` if the log is wanted, and two file descriptors, for the result
    and the problems; and gets one byte when the check has ended, its exit code; or none if the check's process was killed,
    or a DAG file ended it.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    # Nobody waits for the processes of ended checks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answer(client)
        client.close()


def answer(client: socket.socket) -> None:
    code, problems = 1, 2
    try:
        message, (result, problems), _, _ = socket.recv_fds(client, 4096, 2)
        folder = message.decode()
        code = run(folder.removeprefix("log "), folder.startswith("log "), result, problems)
    except BaseException:
        write(problems, traceback.format_exc())
    finally:
        client.send(bytes([code]))
        os._exit(0)
