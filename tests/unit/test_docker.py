"""The container files are not run here; they must at least say what the code does."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_compose_names_node_scheduler_and_worker() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"nodeodm", "luigid", "worker"}
    environment = services["worker"]["environment"]
    assert environment["UAV_NODE"].startswith("http://nodeodm:")
    assert environment["UAV_SCHEDULER"] == "http://luigid:8082"
    assert (ROOT / "docker" / services["luigid"]["build"]["context"]).resolve() == ROOT
    assert all(port.startswith("127.0.0.1:") for port in services["luigid"]["ports"])


def test_luigi_settings_have_no_dashes_and_keep_failures_visible() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "docker" / "luigi.cfg")
    assert config["worker"]["check_complete_on_run"] == "true"
    assert "scheduler_url" in config["core"]
    assert not [key for section in config for key in config[section] if "-" in key]


def test_the_image_installs_the_libraries_make_checks() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    checked = set(re.findall(r'missing="\$missing (lib\S+)"', (ROOT / ".ci" / "system-libraries").read_text()))
    assert checked
    assert all(package in dockerfile for package in checked)
    assert "constraints.txt" in dockerfile
