"""Luigi's settings for tasks run by hand or by `uav run`: packaged here, a site's own luigi.cfg wins."""

from __future__ import annotations

import os
from pathlib import Path

import luigi.configuration

if "LUIGI_CONFIG_PATH" not in os.environ:
    luigi.configuration.add_config_path(str(Path(__file__).with_name("luigi.cfg")))
