"""Put this folder on PYTHONPATH and Python starts guarded; see tests/network_guard.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.network_guard import install

install()
