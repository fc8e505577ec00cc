"""What `make figures` costs when there is nothing to do, beside the import of papermill alone.

Builds a toy project of ten notebooks and forty modules once, then times the command that finds all of them up to date.
The goal is 0.7 s. Run it with `python benchmarks/build_overhead.py`; it takes about half a minute.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.suite.toy import ToyProject, command

N_NOTEBOOKS = 10
N_MODULES = 40
REPEATS = 7
GOAL_SECONDS = 0.7


def make_project(root):
    """Notebooks that each import two modules of 200 lines and leave a claim record of ten thousand numbers."""
    toy = ToyProject(root)
    body = "".join(f"def function_{i}(x):\n    return x + {i}\n\n\n" for i in range(50))
    for i in range(N_MODULES):
        toy.write_module(f"gamma/m{i}.py", f"from toylab.gamma import m{i - i % 4}\n{body}")
    toy.write_module("gamma/__init__.py", "")
    for i in range(N_NOTEBOOKS):
        code = (
            f"from toylab.gamma import m{4 * i + 3}\nfrom toylab.records import record\nimport json\n"
            f"content = json.loads(record('gamma', 'claim_{i}'))\n"
            "content['arrays'] = {'risk': [j / 7 for j in range(10_000)]}\n"
            f"result('gamma/claim_{i}.claim.json', json.dumps(content))\n"
        )
        toy.write_notebook(f"gamma/{i:02d}_notebook", code)
    return toy


def seconds(arguments):
    """Wall time of a process."""
    start = time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    """Print the medians; fail when the goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        toy = make_project(Path(folder) / "toy")
        os.environ["TOY_LOG"] = str(toy.log)
        subprocess.run(command(toy.root, "figures"), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert len(toy.take_runs()) == N_NOTEBOOKS
        rows = {
            f"nothing to do for {N_NOTEBOOKS} notebooks": command(toy.root, "figures"),
            "peer: import papermill": [sys.executable, "-c", "import papermill"],
            "peer: start Python": [sys.executable, "-c", "pass"],
        }
        times = {what: [] for what in rows}
        for _ in range(REPEATS):  # in turns, so that a busy moment hits all alike
            for what, arguments in rows.items():
                times[what].append(seconds(arguments))
        assert toy.take_runs() == []
    medians = {what: statistics.median(values) for what, values in times.items()}
    ours = next(iter(medians.values()))
    for what, median in medians.items():
        print(f"{what:<36} {median:6.3f} s   ours / this {ours / median:5.2f}")
    print(f"goal: {GOAL_SECONDS} s, {'met' if ours <= GOAL_SECONDS else 'MISSED'}")
    return int(ours > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
