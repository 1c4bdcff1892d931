"""Is what the README shows there: its study, the files and the commands that it names?"""

import re

import pytest
from cases import ROOT

import codesign as cd
from codesign.cli import main

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"\b(?:configs|experiments|docs)/[\w./-]*\w\.\w+", TEXT)))
COMMANDS = sorted(set(re.findall(r"(?m)(?:`|^    |run )codesign ([a-z]+)\b", TEXT)))


def test_the_study_that_is_shown_is_one(tmp_path):
    (shown,) = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
    file = tmp_path / "shown.toml"
    file.write_text(shown, encoding="utf-8")
    study = cd.load(file)
    assert study.space.dimension == 2
    assert study.space.size > 10
    assert [reference.name for reference in study.file.references] == ["as published"]


@pytest.mark.parametrize("file", FILES)
def test_files_are_there(file):
    assert (ROOT / file).exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_there(command):
    assert command in main.commands


def test_much_is_found():
    assert len(FILES) > 20
    assert len(COMMANDS) > 8
