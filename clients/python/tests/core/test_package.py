"""The wheel as it is installed."""

import ast
import json
import sys
from importlib.metadata import files, metadata, requires, version
from pathlib import Path

import narrowgate
import tomllib


def test_what_runs_here_is_the_installed_wheel():
    assert Path(narrowgate.__file__).is_relative_to(sys.prefix)


def test_it_has_its_licence_its_types_and_the_version_of_the_repository(repository):
    names = {str(each).split("/", 1)[1] for each in files("narrowgate")}
    assert {"py.typed", "__init__.py", "licenses/LICENSE"} <= names
    licence = next(each for each in files("narrowgate") if each.name == "LICENSE")
    assert licence.read_text() == (repository / "LICENSE").read_text()
    package = json.loads((repository / "package.json").read_text())
    assert version("narrowgate") == package["version"]
    assert metadata("narrowgate")["License-Expression"] == package["license"]
    assert metadata("narrowgate")["Description-Content-Type"] == "text/markdown"


def test_it_needs_two_packages(repository):
    project = tomllib.loads((repository / "clients/python/pyproject.toml").read_text())["project"]
    assert [each.split(">")[0] for each in project["dependencies"]] == ["httpx", "joserfc"]
    assert len(requires("narrowgate")) == 2
    imported = set()
    for path in Path(narrowgate.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"httpx", "httpx2", "joserfc"}


def test_every_public_name_says_what_it_is():
    for name in narrowgate.__all__:
        thing = getattr(narrowgate, name)
        if callable(thing) and getattr(thing, "__module__", "").startswith("narrowgate"):
            assert thing.__doc__, name
