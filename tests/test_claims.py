"""Claims: registration and its refusals, statuses, controls, records, discovery."""

import json
import sys
import types

import numpy as np
import pytest

from theorylab import claims
from theorylab.claims import Agreement, Conditions, Outcome, Status, Verdict

DECLARED = {
    "statement": "One is $1$.",
    "source": "derived here",
    "tolerance": "floating point: 1e-12",
    "controls": {"two": "two in the place of one"},
    "chapter": "arithmetic",
}


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    monkeypatch.setattr(claims, "_registry", {})


def compare(predicted, measured=1.0, **changes):
    return Agreement(predicted=predicted, measured=measured, margin=1e-12, **changes)


def make(evidence=None, control=None, arrays=None, **changes):
    outcome = Outcome(evidence=evidence or compare(1.0), controls={"two": control or compare(2.0)}, arrays=arrays or {})

    def one(conditions: Conditions) -> Outcome:
        return outcome

    return claims.claim(**{**DECLARED, **changes})(one)


class TestStatus:
    def test_upheld(self):
        result = make().run()
        assert (result.verdict, result.status) == (Verdict.CONFIRMED, Status.UPHELD)
        assert result.controls[0].rejected

    def test_refuted_is_not_upheld(self):
        result = make(evidence=compare(1.5)).run()
        assert (result.verdict, result.status) == (Verdict.REFUTED, Status.NOT_UPHELD)

    def test_a_missed_control_is_not_upheld(self):
        result = make(control=compare(1.0)).run()
        assert (result.verdict, result.status) == (Verdict.CONFIRMED, Status.NOT_UPHELD)
        assert not result.controls[0].rejected

    def test_an_inconclusive_control_is_not_upheld(self):
        noisy = compare(1.0, standard_error=1.0, resolution=0.1)
        assert make(control=noisy).run().status is Status.NOT_UPHELD

    def test_inconclusive(self):
        noisy = compare(1.0, standard_error=1.0, resolution=0.1)
        assert make(evidence=noisy).run().status is Status.INCONCLUSIVE

    def test_a_contradicted_paper_is_upheld_as_refuted(self):
        assert make(evidence=compare(1.5), expected="refuted").run().status is Status.UPHELD
        assert make(expected="refuted", chapter="other").run().status is Status.NOT_UPHELD

    def test_every_piece_counts(self):
        assert make(evidence=[compare(1.0), compare(1.5)]).run().verdict is Verdict.REFUTED


class TestRegistration:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"controls": {}}, "controls of claim arithmetic.one must name at least one"),
            ({"controls": {"two": " "}}, "description of control 'two' of claim arithmetic.one must be"),
            ({"controls": ["two"]}, "controls of claim arithmetic.one must name"),
            ({"source": ""}, "source of claim arithmetic.one must be a non-empty text"),
            ({"statement": "  "}, "statement of claim arithmetic.one must be"),
            ({"tolerance": ""}, "tolerance of claim arithmetic.one must be"),
            ({"expected": "inconclusive"}, "expected must"),
            ({"cost": "hours"}, "cost must"),
            ({"chapter": None}, "chapter must be given"),
        ],
    )
    def test_refused(self, changes, message):
        with pytest.raises(ValueError, match=message):
            make(**changes)

    def test_a_duplicated_id_is_refused(self):
        make()
        with pytest.raises(ValueError, match=r"id of a claim must be unique; got 'arithmetic.one' a second time"):
            make()

    def test_a_reloaded_module_replaces_its_claims(self, monkeypatch):
        module = sys.modules[__name__]
        first = make()
        monkeypatch.setattr(module, "__spec__", object())
        second = make()
        assert claims.run("arithmetic.one").claim is second is not first

    def test_the_chapter_is_that_of_the_claims_module(self):
        assert claims._chapter_of("theorylab.ntk.claims") == "ntk"
        assert claims._chapter_of("theorylab.ntk.claims.dynamics") == "ntk"

    def test_wrong_controls_are_refused_when_run(self):
        with pytest.raises(ValueError, match="controls of arithmetic.one must be the declared ones"):
            make(controls={"three": "three in the place of one"}).run()

    def test_a_function_that_returns_no_outcome_is_refused(self):
        made = claims.claim(**DECLARED)(lambda conditions: 1.0)
        with pytest.raises(TypeError, match="must return an Outcome; got float"):
            made.run()


class TestRunning:
    def test_unknown_id(self):
        make()
        with pytest.raises(ValueError, match=r"id must .*arithmetic.one"):
            claims.run("arithmetic.won")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [({"profile": "fast"}, "profile must"), ({"seed": -1}, "seed must"), ({"backend": "nunpy"}, "numpy")],
    )
    def test_wrong_conditions(self, changes, message):
        with pytest.raises(ValueError, match=message):
            make().run(**changes)

    def test_conditions_choose_by_profile(self):
        assert Conditions("quick").choose(quick=1, full=2) == 1
        assert Conditions("full").choose(quick=1, full=2) == 2

    def test_random_numbers_depend_on_seed_and_path_only(self):
        draw = Conditions(seed=3).rng("a").random()
        assert draw == Conditions("full", seed=3).rng("a").random()
        assert draw != Conditions(seed=4).rng("a").random()
        assert draw != Conditions(seed=3).rng("b").random()


class TestRecords:
    def test_round_trip(self, tmp_path, monkeypatch):
        monkeypatch.setenv("THEORYLAB_OUTPUT", str(tmp_path))
        curve = np.array([1.0, np.inf, np.nan])
        result = make(arrays={"curve": curve}).run(seed=5)
        path = result.save()
        assert path == tmp_path / "arithmetic" / "one.claim.json"
        record = claims.load_record(path)
        np.testing.assert_array_equal(record["arrays"]["curve"], curve)
        assert record["id"] == "arithmetic.one"
        assert record["status"] == "upheld"
        assert record["conditions"] == {"profile": "quick", "seed": 5, "backend": "numpy", "device": "cpu"}
        assert record["controls"][0]["rejected"] is True
        assert record["evidence"][0]["predicted"] == 1.0
        assert record["versions"]["numpy"] == np.__version__

    def test_records_are_strict_json(self, tmp_path, monkeypatch):
        monkeypatch.setenv("THEORYLAB_OUTPUT", str(tmp_path))
        path = make(evidence=Agreement(predicted=1.0, measured=2.0, margin=0.0)).run().save()

        def refuse(constant):
            raise AssertionError(f"{constant} is no JSON")

        record = json.loads(path.read_text(), parse_constant=refuse)
        assert record["evidence"][0]["strain"] == "inf"

    def test_another_format_is_refused(self, tmp_path):
        path = tmp_path / "x.claim.json"
        path.write_text('{"format": 99}')
        with pytest.raises(ValueError, match="path must name a claim record of format 1"):
            claims.load_record(path)

    def test_the_family_wise_level_is_that_of_all_pieces(self):
        noisy = compare(1.0, standard_error=0.1, resolution=1.0)
        result = make(evidence=[noisy, noisy, compare(1.0)]).run()
        assert result.false_alarm_rate == pytest.approx(claims.false_alarm_rate(2))
        assert result.to_record()["false_alarm_rate"] == result.false_alarm_rate
        assert "at most 0.00093 of runs" in result._repr_markdown_()

    def test_texts_name_verdict_and_controls(self):
        result = make(control=compare(1.0)).run()
        assert "arithmetic.one: not upheld (confirmed; 0 of 1 controls rejected)" in str(result)
        assert "**missed**" in result._repr_markdown_()


def test_discover_imports_the_claims_of_every_chapter(tmp_path, monkeypatch):
    text = """
from theorylab.claims import Agreement, Outcome, claim

@claim(statement="One is $1$.", source="derived here", tolerance="none", controls={"two": "two"})
def one(conditions):
    return Outcome(
        evidence=Agreement(predicted=1.0, measured=1.0, margin=0.0),
        controls={"two": Agreement(predicted=2.0, measured=1.0, margin=0.0)},
    )
"""
    for chapter in ("sums", "products"):
        folder = tmp_path / "toylab" / chapter
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "claims.py").write_text(text)
    (tmp_path / "toylab" / "__init__.py").touch()
    (tmp_path / "toylab" / "plain").mkdir()
    (tmp_path / "toylab" / "plain" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    try:
        assert list(claims.discover("toylab")) == ["products.one", "sums.one"]
        assert isinstance(sys.modules["toylab.sums.claims"], types.ModuleType)
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
