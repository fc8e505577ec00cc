"""The tangent kernel of n = 20 000 points by the same code on a GPU (torch) and on the CPU, with its memory.

Without a GPU it says so, and shows what torch does on the CPU at n = 5000.  Medians of elapsed seconds; memory is the
largest held beyond the inputs, in units of the result.  Run it with `python benchmarks/ntk_gpu.py [n]`.
"""

import importlib.util
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from theorylab import arrays
from theorylab.ntk import NTK

N_INPUTS, REPEATS = 64, 3
KERNEL = NTK("relu", depth=3)


def points(n, dtype):
    return np.random.default_rng(0).standard_normal((n, N_INPUTS)).astype(dtype)


def seconds(function, finish=lambda: None):
    """Median elapsed seconds of several calls after one that does not count."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        result = function()
        finish()
        times.append(time.perf_counter() - start)
        del result
    return statistics.median(times[1:])


def compare_gpu(n, dtype):
    """Print seconds, ratio, memory and difference of a GPU and the CPU."""
    import torch

    host = points(n, dtype)
    X = torch.asarray(host, device="cuda")
    matrix = n * n * host.itemsize
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    there = arrays.to_numpy(KERNEL(X))
    memory = (torch.cuda.max_memory_allocated() - before) / matrix
    here = KERNEL(host)
    largest = float(np.max(np.diagonal(here)))
    rows = range(0, n, 1000)  # a third matrix on the host is not needed
    difference = max(float(np.max(np.abs(here[i : i + 1000] - there[i : i + 1000]))) for i in rows) / largest
    del here, there
    gpu, cpu = seconds(lambda: KERNEL(X), torch.cuda.synchronize), seconds(lambda: KERNEL(host))
    print(
        f"{dtype}, n = {n}: {torch.cuda.get_device_name()} {gpu:.3f} s, CPU {cpu:.2f} s, {cpu / gpu:.0f} x; "
        f"peak memory {memory:.2f} n x n; largest difference {difference:.1e} of the largest entry",
        flush=True,
    )


def compare_cpu(n, dtype):
    """Print seconds of torch and NumPy on the CPU, and the memory of each in a process of its own."""
    import torch

    host = points(n, dtype)
    X = torch.asarray(host)
    difference = np.max(np.abs(arrays.to_numpy(KERNEL(X)) - KERNEL(host))) / np.max(KERNEL.diag(host))
    for name, inputs in {"torch": X, "NumPy": host}.items():
        command = [sys.executable, __file__, str(n), dtype, name]
        memory = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        took = seconds(lambda inputs=inputs: KERNEL(inputs))
        print(f"{dtype}, n = {n}: {name} on the CPU {took:.2f} s; peak memory {memory} n x n", flush=True)
    print(f"    largest difference {difference:.1e} of the largest entry")


def peak_memory(n, dtype, name):
    """Largest resident memory that one call adds, in matrices."""
    X = points(n, dtype)
    if name == "torch":
        import torch

        X = torch.asarray(X)
    KERNEL(X[:500, :])  # libraries and threads start
    before, result = resident("VmRSS"), KERNEL(X)
    return (resident("VmHWM") - before) / (result.shape[0] ** 2 * X.itemsize)


def resident(field):
    status = Path("/proc/self/status")
    return 1024 * int(status.read_text().partition(f"{field}:")[2].split()[0]) if status.exists() else float("nan")


def main():
    """Print what this machine can do."""
    if len(sys.argv) == 4:
        print(f"{peak_memory(int(sys.argv[1]), *sys.argv[2:]):.2f}")
        return
    if importlib.util.find_spec("torch") is None:
        print("torch is not installed, and so no GPU is used: `make backends` adds it")
        return
    import torch

    compare, n = (compare_gpu, 20_000) if torch.cuda.is_available() else (compare_cpu, 5_000)
    if compare is compare_cpu:
        print("there is no GPU here, and so no ratio to the CPU")
    for dtype in ("float32", "float64"):
        compare(int(sys.argv[1]) if len(sys.argv) == 2 else n, dtype)


if __name__ == "__main__":
    main()
