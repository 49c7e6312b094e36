"""What schemathesis is told of this server: which actors there are, so that what it asks for is there more often than a
random name would be. THEATER_TEST_ACTORS: JSON, `lasting`, `ending` and `manifest`."""

import json
import os
import zlib

import schemathesis

ACTORS = json.loads(os.environ["THEATER_TEST_ACTORS"])
LONGEST_MS = 500
# These end what they name.
ENDING = {"stopActor", "terminateActor", "restartActor", "pauseActor", "unpauseActor"}


def share(text, parts):
    """The same for the same text in every run."""
    return zlib.crc32(str(text).encode("utf-8", "replace")) % parts


def is_negative(case, part):
    component = case.meta.components.get(part) if case.meta else None
    return component is not None and component.mode.is_negative


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    known = ACTORS["ending"] if operation in ENDING else ACTORS["lasting"]
    if case.path_parameters and not is_negative(case, "path") and share(case.path_parameters.get("actor"), 4) != 0:
        case.path_parameters["actor"] = known
    if case.query and "actor" in case.query and not is_negative(case, "query") and share(case.query["actor"], 4) != 0:
        case.query["actor"] = known
    # An actor that was paused would be waited for; whoever asks says how long.
    if operation == "requestFromActor" and not is_negative(case, "query"):
        case.query["timeout_ms"] = min(int(case.query.get("timeout_ms", LONGEST_MS)), LONGEST_MS)
    if operation == "startActor" and isinstance(case.body, dict) and not is_negative(case, "body") and share(case.body, 8) == 0:
        case.body.clear()
        case.body.update(manifest=ACTORS["manifest"], base_directory="/")
