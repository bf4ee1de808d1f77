"""Luigi's settings for tasks run by hand or by `uav run`: packaged here, a site's own luigi.cfg wins."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PACKAGED = str(Path(__file__).with_name("luigi.cfg"))

if "LUIGI_CONFIG_PATH" not in os.environ:
    if "luigi" in sys.modules:
        # the luigi command has imported itself already
        from luigi import configuration

        configuration.add_config_path(_PACKAGED)
    else:
        # Luigi reads some settings while it is imported
        os.environ["LUIGI_CONFIG_PATH"] = _PACKAGED
