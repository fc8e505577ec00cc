"""The build with real kernels, started as a user starts it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.suite.toy import ToyProject, command

#: Generous: a kernel starts in one to two seconds, several on a busy machine.
PATIENCE = 60.0


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether a process is there and not a zombie that nobody has waited for yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return not done.stdout.strip().startswith("Z") and bool(done.stdout.strip())


def call(toy, *arguments):
    """Run a command line to its end: status, output."""
    done = subprocess.run(
        command(toy.root, *arguments),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=5 * PATIENCE, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


SCENARIO = {
    "alpha/01_law": """
from toylab.alpha import law
from toylab.records import record
result("alpha/law.svg", str(law() * size))
result("alpha/law.claim.json", record("alpha", "law"))
print(Path.cwd().name, os.environ["OMP_NUM_THREADS"], os.environ["THEORYLAB_PROGRESS"])
print("provenance", os.environ["THEORYLAB_PROVENANCE"])
""",
    "alpha/02_tools": """
%matplotlib --list
from toylab.alpha.tools import hammer
result("alpha/tools.svg", hammer())
""",
    "beta/01_law": """
import sys, types
import toylab.beta.theory as theory
sys.modules["made.up"] = types.ModuleType("made.up")
sys.modules["made.up"].__file__ = "_made_up.py"  # no file at all, as for torch.ops
result("beta/law.svg", str(theory.law()))
""",
}
EVERY = sorted(SCENARIO)
RESULTS = {f"{name}.ipynb" for name in EVERY} | {
    "alpha/law.svg", "alpha/law.claim.json", "alpha/tools.svg", "beta/law.svg",
}  # fmt: skip


def test_a_project_from_the_first_run_on(toy, tmp_path, monkeypatch):
    """One story, since each step needs the one before."""
    for name, code in SCENARIO.items():
        toy.write_notebook(name, code, minor=4 if name == "beta/01_law" else 5)
    # a kernel of the same name that the user has installed, and that does not work
    kernels = tmp_path / "home/.local/share/jupyter/kernels/python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    startup = tmp_path / "home/.ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")  # as outside of a virtual environment
    monkeypatch.setenv("OMP_NUM_THREADS", "7")

    status, out = call(toy, "figures", "-j", "2")
    assert status == 0, out
    assert toy.take_runs() == EVERY
    assert toy.results() == RESULTS
    assert "1 upheld, 0 not upheld, 0 inconclusive" in out
    assert "3 run" in out
    executed_notebooks_are_tidy(toy)

    # nothing changed, and nothing that matters changed
    for path in (toy.root / "toylab").rglob("*.py"):
        os.utime(path)
    toy.write_notebook("beta/01_law", SCENARIO["beta/01_law"], prose="## Other words")
    status, out = call(toy, "figures")
    assert (status, toy.take_runs()) == (0, [])
    assert "1 upheld" in out

    # a module: exactly the notebooks that import it, here through another module and the lazy package
    toy.write_module("shared.py", "scale = 5\n")
    assert "toylab.shared (toylab/shared.py) changed" in call(toy, "why", "alpha/01_law")[1]
    call(toy, "figures")
    assert toy.take_runs() == ["alpha/01_law"]
    assert (toy.root / "figures/alpha/law.svg").read_text() == "15"

    # parameters reach the kernel
    status, out = call(toy, "figures", "--only", "01_law.ipynb", "--only", "alpha/01_law", "-p", "size=1")
    assert (status, toy.take_runs()) == (64, [])
    status, out = call(toy, "figures", "--only", "alpha/01_law", "-p", "size=1")
    assert (status, toy.take_runs()) == (0, ["alpha/01_law"])
    assert (toy.root / "figures/alpha/law.svg").read_text() == "5"


def executed_notebooks_are_tidy(toy):
    """No trace of this machine or of the moment, and the environment that the notebooks were promised."""
    text = (toy.root / "figures/alpha/01_law.ipynb").read_text()
    assert str(toy.root) not in text
    old_format = json.loads((toy.root / "figures/beta/01_law.ipynb").read_text())
    ids = ["cell-0", "cell-1", "injected-parameters", "cell-2", "cell-3"]
    assert [cell["id"] for cell in old_format["cells"]] == ids
    content = json.loads(text)
    assert content["metadata"]["papermill"] == {
        "parameters": {"profile": "quick", "seed": 0, "backend": "numpy", "device": "cpu"}
    }
    assert [cell["id"] for cell in content["cells"]] == ["title", "settings", "injected-parameters", "prose", "work"]
    assert not any({"papermill", "execution"} & cell["metadata"].keys() for cell in content["cells"])
    lines = "".join(content["cells"][-1]["outputs"][0]["text"]).splitlines()
    assert lines[0] == "alpha 1 off"
    provenance = json.loads(lines[1].removeprefix("provenance "))
    conditions = {key: provenance[key] for key in ("profile", "seed", "backend", "device")}
    assert {**conditions, "size": 3} == provenance["parameters"]
    assert len(provenance["content_key"]) == 16


FAILURES = {
    "alpha/01_raises": ("raise ArithmeticError(f'no fixed point for size {size}')", "ArithmeticError: no fixed point"),
    "alpha/02_hidden": (
        "import importlib\nimportlib.import_module('toylab.beta.theory')",
        "loaded toylab.beta.theory (toylab/beta/theory.py), whose changes",
    ),
    "alpha/03_beside": ("import helper", "loaded helper (notebooks/alpha/helper.py), whose changes"),
    "alpha/04_exits": ("import sys\nsys.exit()", "ended itself (sys.exit)"),
    "alpha/05_dies": ("os._exit(7)", "DeadKernelError"),
}


def test_failures_say_what_happened_where(toy):
    for name, (code, _) in FAILURES.items():
        toy.write_notebook(name, "result('alpha/partial.svg', 'x')\n" + code)
    toy.write_notebook("beta/01_law", SCENARIO["beta/01_law"])
    (toy.root / "notebooks/alpha/helper.py").write_text("")
    status, out = call(toy, "figures", "-j", "2")
    assert status == 2, out
    assert toy.results() == {"beta/law.svg", "beta/01_law.ipynb"}
    for name, (_, message) in FAILURES.items():
        assert f"FAILED {name}" in out
        assert message in out
    assert 'FAILED alpha/01_raises (under "The work", cell work)' in out
    assert "FAILED alpha/03_beside\n" in out  # no cell is to blame
    assert 'FAILED alpha/05_dies (under "The work", cell work)' in out
    assert "parameters: profile='quick', seed=0, backend='numpy', device='cpu', size=3" in out
    assert "  | ArithmeticError: no fixed point for size 3" in out
    assert "as far as it came: .theorylab/failed/alpha/01_raises.ipynb" in out
    assert (toy.root / ".theorylab/failed/alpha/01_raises.ipynb").is_file()
    _, reasons = call(toy, "why", "alpha/04_exits")
    assert "its last run failed: the notebook ended itself" in reasons


BLOCKING = """
result("alpha/half.svg", "half")
(Path(os.environ["TOY_LOG"]).parent / "kernel.pid").write_text(f"{os.getpid()}\\n")
import time
while not (Path(os.environ["TOY_LOG"]).parent / "go").exists():
    time.sleep(0.05)
result("alpha/whole.svg", "whole")
"""


@pytest.fixture
def blocked(toy):
    """A build that has finished one notebook and is in the middle of the second: project, process, kernel."""
    toy.write_notebook("alpha/01_tools", SCENARIO["alpha/02_tools"])
    toy.write_notebook("alpha/02_blocks", BLOCKING)
    toy.write_notebook("alpha/03_later", "")
    pid_file = toy.root / "kernel.pid"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    process = subprocess.Popen(
        command(toy.root, "figures", "-j", "1"),
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    with process:
        wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"))
        yield toy, process, int(pid_file.read_text())
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


FINISHED = {"alpha/01_tools.ipynb", "alpha/tools.svg"}


def the_next_run_does_the_rest(toy: ToyProject) -> None:
    assert toy.take_runs() == ["alpha/01_tools", "alpha/02_blocks"]
    assert toy.results() == FINISHED
    (toy.root / "go").touch()
    status, out = call(toy, "figures", "-j", "1")
    assert status == 0, out
    assert toy.take_runs() == ["alpha/02_blocks", "alpha/03_later"]
    whole = {"alpha/half.svg", "alpha/whole.svg", "alpha/02_blocks.ipynb", "alpha/03_later.ipynb"}
    assert toy.results() == FINISHED | whole
    assert not (toy.root / ".theorylab/staging").exists()


def test_kill_9_in_the_middle(blocked):
    toy, process, kernel = blocked
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    wait_until(lambda: not is_running(kernel))
    the_next_run_does_the_rest(toy)


def test_an_interrupt_in_the_middle(blocked):
    toy, process, kernel = blocked
    other_status, other_out = call(toy, "figures")
    assert other_status == 64
    assert "another build is running" in other_out
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert b"interrupted" in out
    assert b"FAILED" not in out
    wait_until(lambda: not is_running(kernel))
    the_next_run_does_the_rest(toy)
