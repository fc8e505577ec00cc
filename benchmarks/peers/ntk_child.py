"""Tasks of neural-tangents, timed by itself after compilation; it reads requests and writes answers line by line."""

import contextlib
import functools
import json
import sys
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np

W_STD, B_STD, DEPTH = 2.0**0.5, 0.1, 3


def network(width=1):
    """A ReLU network of three hidden layers."""
    from neural_tangents import stax

    dense = functools.partial(stax.Dense, W_std=W_STD, b_std=B_STD)
    hidden = [layer for _ in range(DEPTH) for layer in (dense(width), stax.Relu())]
    return stax.serial(*hidden, dense(1))


def kernel(X):
    """The tangent kernel, compiled."""
    kernel_fn = network()[2]
    return functools.partial(jax.jit(lambda X: kernel_fn(X, None, "ntk")), X)


def flow(K, y, K_star, times, *, compiled):
    """Gradient flow at test points, eigendecomposition included."""
    import neural_tangents as nt

    start, start_star = jnp.zeros_like(y), jnp.zeros((K_star.shape[0], y.shape[1]), y.dtype)

    def predict(K, y, K_star, times):
        return nt.predict.gradient_descent_mse(K, y)(times, start, start_star, K_star)[1]

    return functools.partial(jax.jit(predict) if compiled else predict, K, y, K_star, times)


def ensemble(X, Z, y, times, *, compiled):
    """Mean and covariance from the points, as the function of the library is called."""
    import neural_tangents as nt

    kernel_fn = network()[2]

    def predict(X, Z, y, times):
        fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, X, y)
        return fn(t=times, x_test=Z, get="ntk", compute_cov=True).covariance

    return functools.partial(jax.jit(predict) if compiled else predict, X, Z, y, times)


def ensemble_of_kernels(X, Z, y, times, *, compiled):
    """The same with all kernels computed before."""
    import neural_tangents as nt

    kernel_fn, get = network()[2], ("nngp", "ntk")
    known = kernel_fn(X, None, get), kernel_fn(Z, X, get), kernel_fn(Z, None, get)

    def predict(known, y, times):
        def look_up(first, second=None, get=None):
            index = 1 if second is not None else 0 if first.shape == X.shape else 2
            return known[index] if isinstance(get, tuple) else getattr(known[index], get)

        fn = nt.predict.gradient_descent_mse_ensemble(look_up, X, y)
        return fn(t=times, x_test=Z, get="ntk", compute_cov=True).covariance

    return functools.partial(jax.jit(predict) if compiled else predict, known, y, times)


def empirical(X, *parameters, implementation, vmap):
    """Tangent kernel of a finite network, compiled; parameters are weights and biases in turn."""
    import neural_tangents as nt

    repair()
    init_fn, apply_fn, _ = network(parameters[0].shape[0])
    shapes = init_fn(jax.random.PRNGKey(0), X.shape)[1]
    values = iter(parameters)
    parameters = [tuple(jnp.reshape(next(values).T, part.shape) for part in layer) for layer in shapes]
    options = {"implementation": nt.NtkImplementation[implementation], "vmap_axes": 0 if vmap else None}
    ntk_fn = jax.jit(nt.empirical_ntk_fn(apply_fn, trace_axes=(-1,), **options))
    return functools.partial(ntk_fn, X, None, parameters)


def repair():
    """Give JAX two names back that the structured derivatives of release 0.6.5 look for and later ones do not."""
    import jax._src.source_info_util
    import jax.interpreters.ad

    jax.interpreters.ad.source_info_util = jax._src.source_info_util
    jax.interpreters.ad.config = jax.config


TASKS = {
    "kernel": kernel,
    **{
        f"{task.__name__}{', compiled' if compiled else ''}": functools.partial(task, compiled=compiled)
        for task in (flow, ensemble, ensemble_of_kernels)
        for compiled in (False, True)
    },
    **{
        f"{name.lower()}{', vmap' * vmap}": functools.partial(empirical, implementation=name, vmap=vmap)
        for name in ("JACOBIAN_CONTRACTION", "STRUCTURED_DERIVATIVES")
        for vmap in (False, True)
    },
}


def answer(question, prepared):
    """Answer of one request."""
    if "run" in question:
        cpu, wall = time.process_time(), time.perf_counter()
        result = jax.block_until_ready(prepared[question["run"]]())
        seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        del result
        return seconds
    name = question["prepare"]
    inputs = [jnp.asarray(np.load(path)) for path in question["inputs"].values()]
    try:
        prepared[name] = TASKS[name](*inputs)
        np.save(question["output"], np.asarray(prepared[name]()))
        jax.block_until_ready(prepared[name]())
    except Exception as error:  # whatever the library stumbles over is its answer
        return {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
    return {}


def serve():
    """Answer requests until there are no more."""
    warnings.simplefilter("ignore")
    prepared, replies = {}, sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            replies.write(json.dumps(answer(json.loads(line), prepared)) + "\n")
            replies.flush()


if __name__ == "__main__":
    serve()
