"""What others made, to compare with: packages of npm and PyPI, installed into a cache folder, not the project."""

import importlib
import json
import shutil
import subprocess
import sys
from types import ModuleType

from benchmarks.cache import folder

VOUCHERS = "voucher-code-generator@1.3.0"
SMSUTIL = "smsutil==1.1.3"

_SCRIPT = """
const generator = require('voucher-code-generator');
const before = process.memoryUsage().rss;
const began = process.hrtime.bigint();
const codes = generator.generate({prefix: 'SUMMER-', length: 14, count: Number(process.argv[1])});
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const peak = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({seconds, mib: (peak - before) / 1048576, made: codes.length}));
"""


def voucher_codes(count: int) -> tuple[float, float] | None:
    """Seconds and MiB (peak above the start) that npm's voucher-code-generator takes for `count`; None without node.

    It draws from one alphabet of letters and digits with `Math.random`, and keeps all in memory to tell them apart.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        return None
    place = folder("npm")
    if not (place / "node_modules" / "voucher-code-generator").exists():
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(place), VOUCHERS]
        if subprocess.run(command, check=False).returncode:
            return None
    said = subprocess.run(["node", "-e", _SCRIPT, str(count)], cwd=place, check=True, capture_output=True).stdout
    found = json.loads(said)
    assert found["made"] == count
    return found["seconds"], found["mib"]


def smsutil() -> ModuleType | None:
    """PyPI's smsutil; None where it cannot be had."""
    place = folder("pypi")
    if not (place / "smsutil").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(place), SMSUTIL]
        if subprocess.run(command, check=False).returncode:
            return None
    sys.path.append(str(place))
    try:
        return importlib.import_module("smsutil")
    finally:
        sys.path.remove(str(place))
