import pytest

from theorylab.suite.options import check_backend, default_jobs, given_parameters, parser
from theorylab.suite.project import UsageError


def parse(*arguments):
    return parser().parse_args(["figures", *arguments])


def test_standard_parameters_come_first():
    options = parse("--seed", "3", "-p", "widths=(1, 2)", "-p", "name='x'")
    assert given_parameters(options) == {
        "profile": "quick", "seed": 3, "backend": "numpy", "device": "cpu", "widths": (1, 2), "name": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "quik"], "unknown --profile 'quik'. Did you mean 'quick'"),
        (["--seed", "-1"], "integer >= 0; got '-1'"),
        (["-j", "0"], "integer >= 1; got '0'"),
        (["--seed", "one"], "integer >= 0; got 'one'"),
        (["--prof", "full"], "unrecognized arguments"),
        (["-p", "size"], "must be NAME=VALUE; got 'size'"),
        (["-p", "a-b=1"], "must be NAME=VALUE"),
        (["-p", "seed=1"], "Use --seed"),
        (["-p", "mode=fast"], "Quote a text twice"),
        (["-p", "mode={1}"], "made of None, bool"),
        (["-p", "mode=b'x'"], "made of None, bool"),
        (["--backend", "nunpy"], "numpy"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        given_parameters(parse(*arguments))


def test_an_unknown_command_is_refused():
    with pytest.raises(UsageError, match="unknown command 'figurs'. Did you mean 'figures'"):
        parser().parse_args(["figurs"])


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="device"):
        check_backend("numpy", "cuda")


def test_one_at_a_time_on_a_shared_device():
    assert default_jobs("cuda") == 1
    assert default_jobs("cpu") >= 1
