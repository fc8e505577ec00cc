"""What the README says is so: its example runs, its ledger is the registry, its pictures and commands exist."""

import re
from pathlib import Path

import pytest

from theorylab import claims

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text()


def test_the_example_runs(capsys):
    (example,) = re.findall(r"```python\n(from theorylab\.random_features.*?)```", TEXT, flags=re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert len(re.findall(r"\d\.\d+", capsys.readouterr().out)) == 7


def test_the_ledger_lists_every_claim_with_its_controls():
    rows = re.findall(r"^\| `([\w.]+)` \|.*\| (\d+) of (\d+) \| ([\w ]+) \|$", TEXT, flags=re.MULTILINE)
    found = claims.discover()
    assert sorted(row[0] for row in rows) == sorted(found)
    for name, refuted, total, status in rows:
        assert int(refuted) == int(total) == len(found[name].controls)
        assert status == "upheld"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_links_lead_to_files(link):
    assert (ROOT / link).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", TEXT, flags=re.MULTILINE))))
def test_commands_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
