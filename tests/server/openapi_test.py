#!/usr/bin/env python3
"""openapi_test.py THEATER COMPONENTS: schemathesis asks for all that the description names, in every way it allows and in
some that it does not. No answer may be a server's error, be one that the description does not have, or look otherwise than
described."""

import json
import os
import subprocess
import sys
import tempfile

from wire import Server

PROGRAM, COMPONENTS = sys.argv[1:3]
HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("THEATER_CACHE") or os.path.expanduser("~/.cache/theater")
# scripts/install-deps.sh makes it.
SCHEMATHESIS = os.path.join(CACHE, "python", "bin", "schemathesis")
# ctest takes this for a test that was left out.
LEFT_OUT = 77

# Not asked: whether everything that a schema allows is accepted. A manifest is a string, but few strings are manifests.
SETTINGS = """
[checks.positive_data_acceptance]
enabled = false
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "406", "409", "413", "422", "426"]
[[operations]]
include-operation-id = ["requestFromActor", "openChannel"]
# A time limit that the client chose is none of the server's errors.
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "504"]
[phases.stateful]
enabled = false
[generation]
deterministic = true
database = "none"
"""


def main():
    if not os.path.exists(SCHEMATHESIS):
        print(f"left out: {SCHEMATHESIS} is not there; scripts/install-deps.sh installs it")
        return LEFT_OUT
    server = Server(PROGRAM, COMPONENTS)
    try:
        actors = {"lasting": server.start("lasting"), "ending": server.start("ending"),
                  "manifest": server.manifest("started", "guests/echo")}
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "schemathesis.toml"), "w") as file:
                file.write(SETTINGS)
            with server.unix() as http, open(os.path.join(folder, "openapi.json"), "wb") as file:
                file.write(http.request("GET", "/v1/openapi.json")[2])
            run = subprocess.run(
                [SCHEMATHESIS, "run", "openapi.json", "--url", f"http://127.0.0.1:{server.port}", "--max-examples", "12", "--no-color",
                 "--header", "Authorization: Bearer " + server.tokens["admin"], *sys.argv[3:]],
                cwd=folder, timeout=280, env=dict(os.environ, PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1",
                                                  SCHEMATHESIS_HOOKS="openapi_hooks", THEATER_TEST_ACTORS=json.dumps(actors)))
        code = server.stop()
        if code != 0:
            print(f"the server ended with {code}:\n{server.log_text()}")
        return run.returncode or code
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
