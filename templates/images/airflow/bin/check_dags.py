"""
Parses every DAG file of a release as the dag-processor would and prints what it found, as one line of JSON:

    {"dags": {dag_id: {"file": "etl.py", "hash": "…"}}, "errors": [{"file": "etl.py", "line": 3, "error": "…"}]}

`hash` changes with the DAG's structure or its file. If there are errors, they are also the last lines of stderr, and the
exit code is 1.
Run as: docker compose run --rm --no-deps -T dag-processor python /opt/airflow/bin/check_dags.py <release folder>
"""

import hashlib
import json
import os
import re
import sys
from pathlib import Path

# DAG files may print: their output goes to stderr, so that stdout holds only the result.
result = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

# With "server", Variable.get and connections at the top level of a file read the database, as they do in the dag-processor.
# The traceback of an import error must be complete, because it holds the line in the operator's own file.
os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH"] = "100"

from airflow.dag_processing.dagbag import BundleDagBag  # noqa: E402
from airflow.serialization.serialized_objects import DagSerialization  # noqa: E402
from airflow.utils.file import list_py_file_paths  # noqa: E402


def error(root: Path, file: str, text: str) -> dict:
    """An import error with its place: the deepest line of the traceback that is in the release."""
    frames = re.findall(rf'File "{re.escape(str(root))}/([^"]+)", line (\d+)', text)
    where, line = frames[-1] if frames else (file, None)
    return {"file": where, "line": int(line) if line else None, "error": text.strip().splitlines()[-1]}


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


found = check(Path(sys.argv[1]).resolve())
print(json.dumps(found), file=result, flush=True)
for problem in found["errors"]:
    print(f"{problem['file']}:{problem['line'] or 1}: {problem['error']}", file=sys.stderr)
sys.exit(1 if found["errors"] else 0)
