"""`python -m sandbox`: a Slack workspace and a phone on this machine (README)."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
from pathlib import Path

import uvicorn

from sandbox.server import Options, Parts, make_server


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="the port to listen on (default: 8080)")
    parser.add_argument("--data", type=Path, help="a folder that keeps the workspace; in memory without it")
    parser.add_argument("--manifest", type=Path, help="the app's manifest.yml: its commands, scopes and events")
    parser.add_argument("--inbound-url", help="where replies from phones are posted to")
    parser.add_argument("--clock-hook", action="append", default=[], help="told when the clock moves; may be repeated")
    parser.add_argument("--contacts", type=Path, help='a JSON file of names by number: {"+48…": "Anna K."}')
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends: with its parent")
    return parser.parse_args()


def main() -> None:
    """Read the command line and serve until Ctrl-C."""
    args = _options()
    options = Options(
        data=args.data,
        manifest=args.manifest,
        inbound_url=args.inbound_url,
        clock_hooks=args.clock_hook,
        contacts=json.loads(args.contacts.read_text(encoding="utf-8")) if args.contacts else {},
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has stopped cleanly by then, and raises it again
        server = make_server(Parts(options), host=args.host, port=args.port)
        if args.until_eof:
            threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
        server.run()


def _stop_at_eof(server: uvicorn.Server) -> None:
    """Stop the server once nobody holds the other end of standard input any more."""
    sys.stdin.buffer.read()
    server.should_exit = True


if __name__ == "__main__":
    main()
