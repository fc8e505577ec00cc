"""Convolutional networks: kernels of finitely many channels beside the limit, and what pooling knows about images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from theorylab import datasets
from theorylab.claims import Agreement, Conditions, Ordering, Outcome, Rate, claim
from theorylab.evidence import error_of_mean
from theorylab.ntk.experiment.convolutional_network import CNN, ConvolutionalKernels, convolutional_kernels
from theorylab.ntk.problem import erf, relu
from theorylab.ntk.theory import NTK, ConvNTK, dual_activation

__all__ = ["convolutional_kernel", "pooling_and_shifts"]

#: A network on which every control is off by a tenth or more.
_W_STD, _B_STD = 1.5, 0.5
_READOUTS = ("flatten", "gap")
_Kernel = Callable[..., np.ndarray]
#: Numbers that the derivatives of an ensemble may hold at once.
_AT_ONCE = 2**22


def _digit_images(conditions: Conditions, n: int, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Random digits, (n, side, side, 1), averaged over neighbouring pixels, of mean square one, and their labels."""
    data, block = datasets.load("digits"), 8 // side
    images = data.X.reshape(-1, side, block, side, block).mean(axis=(2, 4))[..., None]
    chosen = conditions.rng("images", n).permutation(len(images))[:n]
    return images[chosen] / np.sqrt(np.mean(images**2)), data.y[chosen]


def _empirical(conditions: Conditions, network: CNN, X: np.ndarray, n_networks: int) -> ConvolutionalKernels:
    """Kernels of random networks, each (networks, n, n)."""
    backend = conditions.backend
    rng, inputs = conditions.rng("networks", network.readout, network.channels), backend.asarray(X)
    at_once = max(1, _AT_ONCE // (len(X) * network.channels * sum(network.fan_in)))
    pieces = []
    for start in range(0, n_networks, at_once):
        parameters = network.initial(rng, ensemble=min(at_once, n_networks - start), backend=backend)
        pieces.append([backend.to_numpy(one) for one in convolutional_kernels(network, parameters, inputs)])
    return ConvolutionalKernels(*(np.concatenate(kernels) for kernels in zip(*pieces, strict=True)))


def _shift(n: int, step: int, *, periodic: bool) -> np.ndarray:
    matrix = np.eye(n, k=step)
    return matrix + np.eye(n, k=step - n * np.sign(step)) if periodic and step else matrix


def _wrong_recursion(X: np.ndarray, depth: int, readout: str, wrong: str) -> np.ndarray:
    """The recursion with one mistake in it, on all pairs of pixels and with the shifts as matrices."""
    n, rows, columns, _ = X.shape
    steps, periodic = (-1, 0, 1), wrong == "periodic_border"
    shifts = [
        np.kron(_shift(rows, a, periodic=periodic), _shift(columns, b, periodic=periodic)) for a in steps for b in steps
    ]

    def convolved(values: np.ndarray) -> np.ndarray:
        moved = (M @ values if wrong == "one_index_shifted" else M @ values @ M.T for M in shifts)
        return np.asarray(_W_STD**2 / 9.0 * sum(moved))

    flat = X.reshape(n, rows * columns, -1)
    S = np.einsum("ipc,jqc->ijpq", flat, flat) / X.shape[-1]
    K = np.zeros_like(S)
    for _ in range(depth):
        S = convolved(S) + _B_STD**2
        K = S + convolved(K) / (_W_STD**2 if wrong == "no_weight_variance" else 1.0)
        q = np.einsum("iipp->ip", S)
        limit = np.sqrt(q[:, None, :, None] * q[None, :, None, :])
        dual = dual_activation(erf(), q[:, None, :, None], q[None, :, None, :], np.clip(S, -limit, limit))
        S, K = np.asarray(dual.value), K * np.asarray(dual.derivative)
    summed = np.mean(S + K, axis=(2, 3)) if readout == "gap" else np.einsum("ijpp->ij", S + K) / flat.shape[1]
    return np.asarray(_W_STD**2 * summed + _B_STD**2)


@claim(
    statement=r"The tangent kernel of a random convolutional network tends to that of "
    r"$\Sigma^{l+1}_{pp'} = \frac{\sigma_w^2}{9}\sum_o T(\Sigma^l)_{p+o,p'+o} + \sigma_b^2$, $\Theta^{l+1} = "
    r"\Sigma^{l+1} + \frac{\sigma_w^2}{9}\sum_o(\dot T(\Sigma^l)\Theta^l)_{p+o,p'+o}$, averaged over $p = p'$ for a "
    r"read-out of all pixels and over all pairs for one of their average; the error of a single network falls as the "
    r"root of the number of channels.",
    source="arora2019, section 4; novak2019 for the covariance",
    tolerance="mean over networks: 2/channels of the largest entry for each convolution, the order of the correction "
    "for finitely many; exponent of a single network's error: 0.08, for its own corrections at few channels; "
    "resolution 8 % and 0.15, below what every control is off",
    controls={
        "other_readout": "kernel of the flattened image against the networks that pool, and the reverse",
        "one_index_shifted": "filters that move one of the two pixels alone",
        "periodic_border": "images that continue on the other side in the place of zeros around them",
        "no_weight_variance": "derivative term without the variance of the weights",
        "nngp_for_ntk": "covariance in the place of the tangent kernel",
        "rate_one": "error of a single network as one over the number of channels",
    },
)
def convolutional_kernel(conditions: Conditions) -> Outcome:
    """Kernels of random convolutional networks with growing numbers of channels, on five handwritten digits."""
    side, depth, most = conditions.choose(quick=(4, 2, 200), full=(8, 3, 400))
    X, _ = _digit_images(conditions, 5, side)
    channels = np.array([16, 32, 64, 128, 256])
    exact = {
        (readout, kind): ConvNTK(erf(), depth, _W_STD, _B_STD, readout=readout, kind=kind)(X)
        for readout in _READOUTS
        for kind in ("nngp", "ntk")
    }
    samples, errors = {}, {}
    for readout in _READOUTS:
        for c in channels:
            network = CNN(X.shape[1:], int(c), depth, erf(), _W_STD, _B_STD, readout)
            kernels = _empirical(conditions, network, X, int(most * min(1.0, 64 / c)))
            samples[readout] = kernels  # those of the most channels are kept
            gaps = np.linalg.norm(kernels.ntk - exact[readout, "ntk"], axis=(1, 2))
            relative = gaps / np.linalg.norm(exact[readout, "ntk"])
            errors[readout, int(c)] = relative.mean(), error_of_mean(relative)
    mean, spread = (np.array([[errors[r, int(c)][i] for c in channels] for r in _READOUTS]) for i in (0, 1))

    def mean_kernel(readout: str, predicted: np.ndarray, kind: str = "ntk") -> Agreement:
        values, upper = getattr(samples[readout], kind), np.triu_indices(len(X))
        return Agreement(
            predicted=predicted[upper],
            measured=values.mean(axis=0)[upper],
            standard_error=error_of_mean(values)[upper],
            margin=2.0 * depth / channels[-1] * np.max(predicted),
            resolution=0.08 * np.max(predicted),
            label=f"mean {kind.upper()}, {readout}, {channels[-1]} channels",
        )

    def falls(exponent: float) -> list[Rate]:
        return [
            Rate.fit(
                channels,
                mean[i],
                y_standard_error=spread[i],
                predicted=exponent,
                margin=0.08,
                resolution=0.15,
                label=f"error of one network's NTK, {readout}",
            )
            for i, readout in enumerate(_READOUTS)
        ]

    mistakes = ("one_index_shifted", "periodic_border", "no_weight_variance")
    wrong = {(r, name): _wrong_recursion(X, depth, r, name) for r in _READOUTS for name in mistakes}
    wrong |= {("flatten", "other_readout"): exact["gap", "ntk"], ("gap", "other_readout"): exact["flatten", "ntk"]}
    wrong |= {(r, "nngp_for_ntk"): exact[r, "nngp"] for r in _READOUTS}
    return Outcome(
        evidence=[*(mean_kernel(r, limit, kind) for (r, kind), limit in exact.items()), *falls(-0.5)],
        controls={
            **{name: [mean_kernel(r, wrong[r, name]) for r in _READOUTS] for _, name in wrong},
            "rate_one": falls(-1.0),
        },
        arrays={
            "channels": channels,
            **{f"error_{r}": mean[i] for i, r in enumerate(_READOUTS)},
            **{f"standard_error_{r}": spread[i] for i, r in enumerate(_READOUTS)},
            **{
                f"off_{name}_{r}": np.linalg.norm(value - exact[r, "ntk"]) / np.linalg.norm(exact[r, "ntk"])
                for (r, name), value in wrong.items()
            },
        },
    )


def _shifted(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """Every image moved by one pixel up, down, left or right; what leaves comes in again on the other side."""
    moves = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    chosen = rng.integers(len(moves), size=len(images))
    return np.stack([np.roll(x, moves[i], axis=(0, 1)) for x, i in zip(images, chosen, strict=True)])


def _share_right(
    kernel: _Kernel, train: tuple[np.ndarray, np.ndarray], tests: list[np.ndarray], y: np.ndarray
) -> np.ndarray:
    """Share of each of several test sets with the labels y that kernel regression on one-hot labels gets right."""
    X, labels = train
    K = kernel(X)
    ridge = 1e-6 * np.trace(K) / len(X)
    weights = np.linalg.solve(K + ridge * np.eye(len(X)), datasets.one_hot(labels, 10) - 0.1)
    return np.array([np.mean(np.argmax(kernel(test, X) @ weights, axis=1) == y) for test in tests])


@claim(
    statement=r"Averaging over pixels lets a convolutional kernel recognise what has moved: of handwritten digits "
    r"shifted by one pixel, the kernel of pooled networks, a mean over all pairs $(p, p')$, gets at least three in ten "
    r"more right than that of a read-out of all pixels, a mean over $p = p'$, and that of dense networks.",
    source="arora2019, section 5 (accuracy of pooled kernels); the test by shifts is made here",
    tolerance="three in ten, more than half of what a shift takes away from a kernel that compares each pixel with the "
    "same one; resolution a quarter, less than that",
    controls={
        "flatten_readout": "kernel of the read-out of all pixels in the place of the pooled one",
        "permuted_pixels": "pixels of all images put into one random order, in which there are no neighbours",
        "not_shifted": "digits that have not moved",
    },
)
def pooling_and_shifts(conditions: Conditions) -> Outcome:
    """Kernel regression on handwritten digits, and how much of it survives a shift by one pixel."""
    n, n_test = conditions.choose(quick=(50, 150), full=(200, 400))
    images, labels = _digit_images(conditions, n + n_test)
    rng, y = conditions.rng("shifts"), labels[n:]
    sets = [images[:n], images[n:], _shifted(rng, images[n:])]
    order = rng.permutation(64)
    permuted = [one.reshape(-1, 64)[:, order].reshape(one.shape) for one in sets]
    pooled = ConvNTK(relu(), 2, readout="gap")
    kernels: dict[str, _Kernel] = {"dense": _dense, "flatten": ConvNTK(relu(), 2), "gap": pooled}
    right = {name: _share_right(kernel, (sets[0], labels[:n]), sets[1:], y) for name, kernel in kernels.items()}
    right["permuted"] = _share_right(pooled, (permuted[0], labels[:n]), permuted[2:], y)

    def more_right(best: str, at: int = -1) -> list[Ordering]:
        pieces = []
        for name in ("dense", "flatten"):
            pair = np.array([right[name][at], right[best][at]])
            pieces.append(
                Ordering(
                    values=pair,
                    standard_error=np.sqrt(pair * (1.0 - pair) / n_test),
                    direction="increasing",
                    least_step=0.3,
                    margin=0.0,
                    resolution=0.25,
                    label=f"share right, {name} and {best}",
                )
            )
        return pieces

    return Outcome(
        evidence=more_right("gap"),
        controls={
            "flatten_readout": more_right("flatten"),
            "permuted_pixels": more_right("permuted"),
            "not_shifted": more_right("gap", at=0),
        },
        arrays={"n_train": n, "n_test": n_test, **{f"right_{name}": values for name, values in right.items()}},
    )


def _dense(X: np.ndarray, Y: np.ndarray | None = None) -> np.ndarray:
    """Kernel of dense networks on the pixels in a row."""
    return np.asarray(NTK(relu(), 2)(X.reshape(len(X), -1), None if Y is None else Y.reshape(len(Y), -1)))
