"""A child for the tests: does what it is asked, however rude."""

import os
import time
from pathlib import Path
from typing import Any

from agents.tools.child import serve


def work(request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "echo":
            return {
                "said": request["text"],
                "environment": dict(os.environ),
                "arguments": Path("/proc/self/cmdline").read_text(),
            }
        case "sleep":
            time.sleep(600)
        case "spin":
            while True:
                pass
        case "eat":
            return {"size": len(bytearray(1 << 34))}
        case "talk":
            return {"text": "x" * 1_000_000}
        case "die":
            os._exit(3)
        case "fork":
            if os.fork() == 0:
                time.sleep(600)
            time.sleep(600)
        case "write":
            try:
                Path(request["path"]).write_text("x")
            except OSError as error:
                return {"refused": error.strerror}
    return {}


if __name__ == "__main__":
    serve(work)
