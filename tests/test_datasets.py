"""Real data: the bundled sets as they are, the downloaded ones from a small stand-in that this module serves itself."""

import gzip
import hashlib
import http.server
import json
import logging
import threading

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from theorylab import datasets

# ------------------------------------------------------------------------------------------------- bundled sets

SHAPES = {
    "digits": (1797, 64, 10),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, 0),
    "iris": (150, 4, 3),
}


@pytest.mark.parametrize("name", datasets.BUNDLED)
def test_bundled_sets_are_raw_and_complete(name):
    dataset = datasets.load(name)
    assert (dataset.n_samples, dataset.n_features, dataset.n_classes) == SHAPES[name]
    assert dataset.X.dtype == np.float64
    assert np.isfinite(dataset.X).all()
    assert "scikit-learn" in dataset.source
    assert dataset.description
    if dataset.task == "classification":
        assert dataset.y.dtype == np.int64
        assert set(dataset.y.tolist()) == set(range(dataset.n_classes))
    else:
        assert dataset.y.dtype == np.float64
        assert dataset.target_names == ()


def test_known_values_of_the_bundled_sets():
    assert datasets.load("digits").X.max() == 16
    assert datasets.load("iris").target_names == ("setosa", "versicolor", "virginica")
    assert datasets.load("diabetes").X[0, 0] == 59  # an age in years, not scikit-learn's scaled column
    assert np.bincount(datasets.load("wine").y).tolist() == [59, 71, 48]


def test_a_caller_cannot_change_what_the_next_caller_gets():
    dataset = datasets.load("digits")
    for array in (dataset.X, dataset.y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3
    assert datasets.load("digits").X[0, 2] == 5
    with pytest.raises(AttributeError):
        dataset.X = np.zeros((2, 2))


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'digits'"):
        datasets.load("digit")
    with pytest.raises(TypeError, match="name must be one of"):
        datasets.load(3)


@pytest.mark.parametrize("option", [{"sha256": "0" * 64}, {"base_url": "http://127.0.0.1"}])
def test_download_options_mean_nothing_for_bundled_sets(option):
    with pytest.raises(ValueError, match="not downloaded"):
        datasets.load("iris", **option)


def test_own_data_in_the_same_form():
    own = datasets.Dataset(name="own", X=[[1, 2], [3, 4]], y=[0, 1], target_names=("a", "b"), task="classification")
    assert own.X.dtype == np.float64
    assert own.y.dtype == np.int64
    assert repr(own).startswith("Dataset(name='own', task='classification'")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [0, 1, 1]}, "y must be as long as X"),
        ({"y": [0, 2]}, "y must be .*<= 1"),
        ({"y": [0, 0.5]}, "y must be labels"),
        ({"X": [1.0, 2.0]}, "X must"),
        ({"X": [[1.0], [np.nan]]}, "X must be finite"),
        ({"task": "ranking"}, "task must be one of"),
    ],
)
def test_own_data_is_checked(change, message):
    good = {"name": "own", "X": [[1.0], [2.0]], "y": [0, 1], "target_names": ("a", "b"), "task": "classification"}
    with pytest.raises(ValueError, match=message):
        datasets.Dataset(**{**good, **change})


# ------------------------------------------------------------------------------------------------- preprocessing

# wide, but 2**-8 times the smallest is still a normal number
magnitudes = st.floats(1e-290, 1e300)
features = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
    elements=magnitudes | magnitudes.map(lambda x: -x) | st.sampled_from([0.0, 0.1, 1.0, 1.0 + 2e-16]),
)
labels = hnp.arrays(np.int64, st.integers(1, 20), elements=st.integers(0, 6))


@given(features)
def test_standardized_features_have_mean_zero_and_variance_one_or_zero(X):
    Z = datasets.standardized(X)
    assert np.isfinite(Z).all()
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-9)
    constant = (Z == 0).all(axis=0)
    np.testing.assert_allclose(Z.var(axis=0)[~constant], 1, rtol=1e-9)
    assert constant[(X[0] == X).all(axis=0)].all()


@given(features, st.integers(-8, 8), st.booleans())
def test_standardized_ignores_units(X, exponent, mirrored):
    factor = 2.0**exponent * (-1 if mirrored else 1)
    np.testing.assert_array_equal(datasets.standardized(X * factor), np.sign(factor) * datasets.standardized(X))


def test_a_small_spread_around_a_large_mean():
    # the rounding of the mean alone would shift the result by some per cent of a standard deviation
    X = 1e8 + 1e-6 * np.random.default_rng(0).standard_normal((1001, 3))
    np.testing.assert_allclose(datasets.standardized(X).mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(datasets.scaled_to_mean_square_norm(X, 1.0).mean(axis=0), 0, atol=1e-12)


@given(features, st.floats(1e-3, 1e3))
def test_scaling_as_a_whole(X, value):
    if (X[0] == X).all():
        with pytest.raises(ValueError, match="X must have at least two different rows"):
            datasets.scaled_to_mean_square_norm(X, value)
        return
    Z = datasets.scaled_to_mean_square_norm(X, value)
    np.testing.assert_allclose((Z**2).sum(axis=1).mean(), value, rtol=1e-9)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-9 * value**0.5)


def test_scaling_as_a_whole_keeps_directions():
    X = datasets.load("wine").X
    Z = datasets.scaled_to_mean_square_norm(X)
    ratio = Z / (X - X.mean(axis=0))
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-8)
    np.testing.assert_allclose((Z**2).sum(axis=1).mean(), 13, rtol=1e-12)


def test_digits_by_method():
    digits = datasets.load("digits")
    np.testing.assert_allclose((digits.scaled_to_mean_square_norm().X ** 2).sum(axis=1).mean(), 64)
    standard = digits.standardized()
    constant = (digits.X[0] == digits.X).all(axis=0)
    assert constant.sum() == 3  # corner pixels that are never inked
    np.testing.assert_array_equal(standard.X[:, constant], 0)
    np.testing.assert_allclose(standard.X.var(axis=0)[~constant], 1)
    np.testing.assert_array_equal(standard.y, digits.y)
    assert not standard.X.flags.writeable


@given(labels)
def test_one_hot_inverts_to_the_labels(y):
    encoded = datasets.one_hot(y, n_classes=7)
    assert encoded.shape == (len(y), 7)
    np.testing.assert_array_equal(encoded.argmax(axis=1), y)
    np.testing.assert_array_equal(encoded.sum(axis=1), 1)
    np.testing.assert_array_equal(datasets.one_hot(y), encoded[:, : y.max() + 1])


@given(labels, st.sets(st.integers(0, 6)))
def test_plus_minus_one_is_plain(y, positive):
    np.testing.assert_array_equal(
        datasets.plus_minus_one(y, positive), [1.0 if label in positive else -1.0 for label in y]
    )


def test_plus_minus_one_of_one_label():
    np.testing.assert_array_equal(datasets.plus_minus_one([2, 1], positive=2), [1, -1])


@pytest.mark.parametrize(
    "function",
    [
        datasets.standardized,
        datasets.scaled_to_mean_square_norm,
        lambda X: datasets.one_hot(X[:, 0]),
        lambda X: datasets.plus_minus_one(X[:, 0], (1, 2)),
    ],
)
def test_preprocessing_keeps_the_namespace(function):
    X = np.array([[1.0, 2.0, 5.0], [3.0, 2.0, 4.0], [0.0, 2.0, 4.0]])
    result = function(array_api_strict.asarray(X))
    assert type(result).__module__.startswith("array_api_strict")
    np.testing.assert_allclose(np.asarray(result), function(X), rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.standardized([1.0, 2.0]), "X must"),
        (lambda: datasets.standardized([[1.0, np.inf]]), "X must be finite"),
        (lambda: datasets.scaled_to_mean_square_norm([[1.0], [2.0]], 0), "value must be .*> 0"),
        (lambda: datasets.one_hot([0, -1]), "y must be .*>= 0"),
        (lambda: datasets.one_hot([0.5]), "y must be labels"),
        (lambda: datasets.one_hot([0, 3], n_classes=3), "y must be .*<= 2"),
        (lambda: datasets.one_hot([0], n_classes=0), "n_classes must be"),
        (lambda: datasets.plus_minus_one([0, 1], positive=-1), "positive must be"),
    ],
)
def test_preprocessing_refuses_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ------------------------------------------------------------------------------------------------- downloads

PIXELS = np.arange(24).reshape(6, 4) * 11
CLASSES = np.array([0, 1, 2, 0, 1, 0])
ARFF = (
    "% a comment\n@RELATION toy\n\n@ATTRIBUTE pixel1 real\n@attribute 'pixel 2' INTEGER\n@ATTRIBUTE class {0,1,2}\n"
    "@ATTRIBUTE pixel3 real\n@ATTRIBUTE pixel4 real\n\n@DATA\n"
    + "\n".join(f"{row[0]},{row[1]},{label},{row[2]},{row[3]}" for row, label in zip(PIXELS, CLASSES, strict=True))
    + "\n"
).encode()
SHA256 = hashlib.sha256(ARFF).hexdigest()
TOY = datasets.OpenMLSource(
    name="toy", file_id=7, file_name="toy.arff", n_features=4, class_counts=(3, 2, 1), sha256=SHA256
)
UNPINNED = datasets.OpenMLSource(name="toy", file_id=7, file_name="toy.arff", n_features=4, class_counts=(3, 2, 1))


class Mirror:
    """A web server on this machine that answers each path with given bytes, and counts."""

    def __init__(self):
        self.files = {"/7/toy.arff": ARFF}
        self.headers = {}
        self.requests = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.requests.append(self.path)
                content = mirror.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                for key, value in {"Content-Length": str(len(content)), **mirror.headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Mirror()
    yield running
    running.close()


def load(mirror, folder, source=TOY, **options):
    return datasets.load(source, cache_directory=folder, base_url=mirror.url, **options)


def test_download_once(mirror, tmp_path):
    first = load(mirror, tmp_path)
    np.testing.assert_array_equal(first.X, PIXELS)
    np.testing.assert_array_equal(first.y, CLASSES)
    assert first.X.dtype == np.float64
    assert first.y.dtype == np.int64
    assert (first.task, first.target_names) == ("classification", ("0", "1", "2"))
    assert SHA256 in first.source
    assert "pinned" in first.source
    assert f"{mirror.url}/7/toy.arff" in first.source
    second = load(mirror, tmp_path)
    np.testing.assert_array_equal(second.X, first.X)
    np.testing.assert_array_equal(second.y, first.y)
    assert mirror.requests == ["/7/toy.arff"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.json", "toy.npz"]
    with np.load(tmp_path / "toy.npz") as stored:
        assert stored["X"].dtype == np.uint8


def test_default_cache_folder(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("THEORYLAB_CACHE", str(tmp_path))
    datasets.load(TOY, base_url=mirror.url)
    assert (tmp_path / "datasets" / "toy.npz").is_file()


def test_compressed_transfer_and_compressed_file(mirror, tmp_path):
    mirror.files["/7/toy.arff"] = gzip.compress(ARFF)
    np.testing.assert_array_equal(load(mirror, tmp_path / "file").X, PIXELS)
    mirror.headers["Content-Encoding"] = "gzip"
    np.testing.assert_array_equal(load(mirror, tmp_path / "transfer").X, PIXELS)


def test_first_download_is_trusted_recorded_and_required_ever_after(mirror, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="theorylab.datasets"):
        first = load(mirror, tmp_path, UNPINNED)
    assert SHA256 in caplog.text
    assert "recorded at the first download" in first.source
    assert json.loads((tmp_path / "toy.json").read_text())["sha256"] == SHA256
    (tmp_path / "toy.npz").unlink()
    mirror.files["/7/toy.arff"] = ARFF.replace(b"@RELATION toy", b"@RELATION changed")
    with pytest.raises(datasets.ChecksumMismatch) as caught:
        load(mirror, tmp_path, UNPINNED)
    assert caught.value.expected == SHA256
    assert not (tmp_path / "toy.npz").exists()


@pytest.mark.parametrize("source", [TOY, UNPINNED])
def test_wrong_checksum(mirror, tmp_path, source):
    mirror.files["/7/toy.arff"] = other = ARFF.replace(b"11,", b"12,")
    received = hashlib.sha256(other).hexdigest()
    pin = {} if source.sha256 else {"sha256": SHA256}
    with pytest.raises(datasets.ChecksumMismatch) as caught:
        load(mirror, tmp_path, source, **pin)
    assert (caught.value.expected, caught.value.received) == (SHA256, received)
    assert "try again" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert load(mirror, tmp_path, source, sha256=received).X[0, 1] == 12


def test_cache_made_from_another_file_than_the_pinned_one(mirror, tmp_path):
    load(mirror, tmp_path, UNPINNED)
    with pytest.raises(datasets.ChecksumMismatch, match="Delete"):
        load(mirror, tmp_path, UNPINNED, sha256="0" * 64)
    assert load(mirror, tmp_path, UNPINNED, sha256=SHA256).n_samples == 6


def test_no_network(mirror, tmp_path):
    url = mirror.url
    mirror.close()
    with pytest.raises(datasets.DatasetUnavailable) as caught:
        datasets.load(TOY, cache_directory=tmp_path, base_url=url)
    for part in (f"{url}/7/toy.arff", str(tmp_path), "by hand", "THEORYLAB_CACHE", "digits"):
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_such_file(mirror, tmp_path):
    mirror.files.clear()
    with pytest.raises(datasets.DatasetUnavailable, match="404"):
        load(mirror, tmp_path)


def test_connection_that_breaks_leaves_nothing(mirror, tmp_path):
    mirror.headers["Content-Length"] = str(len(ARFF) + 1000)
    with pytest.raises(datasets.DatasetUnavailable, match="toy"):
        load(mirror, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_file_put_there_by_hand(mirror, tmp_path, suffix):
    by_hand = tmp_path / f"toy.arff{suffix}"
    by_hand.write_bytes(gzip.compress(ARFF) if suffix else ARFF)
    np.testing.assert_array_equal(load(mirror, tmp_path).X, PIXELS)
    assert mirror.requests == []
    assert by_hand.is_file()


def test_truncated_gzip_put_there_by_hand(mirror, tmp_path):
    (tmp_path / "toy.arff.gz").write_bytes(gzip.compress(ARFF)[:-20])
    with pytest.raises(datasets.MalformedDataset, match="left where it is"):
        load(mirror, tmp_path)


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "record"])
def test_damaged_cache_is_made_anew(mirror, tmp_path, damage, caplog):
    load(mirror, tmp_path)
    stored = tmp_path / "toy.npz"
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "flip":
        stored.write_bytes(content)
    elif damage == "truncate":
        stored.write_bytes(content[:100])
    elif damage == "remove":
        stored.unlink()
    else:
        (tmp_path / "toy.json").write_text('{"format": 1, "sha')
    np.testing.assert_array_equal(load(mirror, tmp_path).X, PIXELS)
    assert len(mirror.requests) == 2
    assert ("damaged" in caplog.text) == (damage != "remove")


LINES = ARFF.decode().splitlines()
MALFORMED = {
    "no data section": (LINES[:8], "no @DATA"),
    "a row too few": (LINES[:-1], "ends after 5 of 6 rows"),
    "a row too many": ([*LINES, LINES[-1]], "more than 6 rows"),
    "a short row": ([*LINES[:-1], LINES[-1].rpartition(",")[0]], "number of columns changed"),
    "columns too few": (
        [line.rpartition(",")[0] if "," in line[3:] else line for line in LINES],
        "values in place of 5",
    ),
    "a missing column name": ([line for line in LINES if "pixel3" not in line], "it has 4 columns"),
    "another target": ([line.replace("class", "label") for line in LINES], "0 of them named 'class'"),
    "too large a value": ([*LINES[:-1], "256,0,0,0,0"], "not an integer in 0..255"),
    "a fraction": ([*LINES[:-1], "0.5,0,0,0,0"], "not an integer in 0..255"),
    "a missing value": ([*LINES[:-1], "?,0,0,0,0"], "could not convert"),
    "sparse rows": ([*LINES[:-1], "{0 220, 1 231}"], "is not the data set 'toy'"),
    "another class": ([*LINES[:-1], LINES[-1].replace(",0,", ",1,")], r"have \[2, 3, 1\] rows"),
    "a class that is not declared": ([*LINES[:-1], LINES[-1].replace(",0,", ",3,")], r"have \[2, 2, 1, 1\] rows"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_file(mirror, tmp_path, case):
    lines, message = MALFORMED[case]
    mirror.files["/7/toy.arff"] = "\n".join(lines).encode()
    with pytest.raises(datasets.MalformedDataset, match=message):
        load(mirror, tmp_path, UNPINNED)
    assert list(tmp_path.iterdir()) == []


def test_quoted_classes_and_decimal_points(mirror, tmp_path):
    rows = [f"{row[0]}.0,{row[1]},'{label}',{row[2]},{row[3]}" for row, label in zip(PIXELS, CLASSES, strict=True)]
    mirror.files["/7/toy.arff"] = "\n".join([*LINES[:10], *rows]).encode()
    dataset = load(mirror, tmp_path, UNPINNED)
    np.testing.assert_array_equal(dataset.X, PIXELS)
    np.testing.assert_array_equal(dataset.y, CLASSES)


def test_rows_beyond_one_portion(mirror, tmp_path):
    n_rows = 4501
    source = datasets.OpenMLSource(name="long", file_id=7, file_name="toy.arff", n_features=4, class_counts=(n_rows,))
    mirror.files["/7/toy.arff"] = "\n".join([*LINES[:10], *[f"{i % 251},1,0,2,3" for i in range(n_rows)]]).encode()
    np.testing.assert_array_equal(load(mirror, tmp_path, source).X[:, 0], np.arange(n_rows) % 251)


@pytest.mark.parametrize("name", datasets.OPENML)
def test_downloadable_sets_are_declared_consistently(name):
    source = datasets.OPENML[name]
    assert source.name == name
    assert source.n_samples == (60_000 if name == "cifar_10" else 70_000)
    assert len(source.target_names) == len(source.class_counts) == 10
    assert source.url().startswith("https://api.openml.org/data/v1/download/")


def test_download_by_name_offline_says_what_to_do(tmp_path):
    with pytest.raises(datasets.DatasetUnavailable, match=r"mnist_784\.arff"):
        datasets.load("mnist", cache_directory=tmp_path, base_url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../toy"}, "name must be a plain file name"),
        ({"file_name": "a/b"}, "file_name must be a plain file name"),
        ({"file_id": 0}, "file_id must be"),
        ({"n_features": -1}, "n_features must be"),
        ({"class_counts": ()}, "class_counts must"),
        ({"class_counts": (-1, 2)}, "class_counts must"),
        ({"target_names": ("a",)}, "target_names must be as long"),
        ({"sha256": "abc"}, "sha256 must be 64"),
    ],
)
def test_sources_are_checked(change, message):
    good = {"name": "toy", "file_id": 7, "file_name": "toy.arff", "n_features": 4, "class_counts": (3, 2, 1)}
    with pytest.raises(ValueError, match=message):
        datasets.OpenMLSource(**{**good, **change})


def test_pin_of_the_caller_is_checked(tmp_path):
    with pytest.raises(ValueError, match="sha256 must be 64"):
        datasets.load(TOY, cache_directory=tmp_path, sha256=SHA256.upper())
