"""The command line: ranges spelled out, every combination, and what is refused."""

import itertools

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from xorlab.cli.overrides import OverrideError, check_single, combinations, refuse_repeats

ENDS = st.integers(-50, 50)


def parsed(*lines):
    return OverridesParser.create().parse_overrides(list(lines))


def lines(jobs):
    return [tuple(setting.line for setting in job) for job in jobs]


def values(line):
    return [setting.text for (setting,) in combinations(parsed(line))]


@given(first=ENDS, last=ENDS)
def test_a_range_counts_from_its_first_end_to_its_last(first, last):
    found = [int(value) for value in values(f"seed={first}..{last}")]
    assert (found[0], found[-1]) == (first, last)
    assert sorted(found) == list(range(min(first, last), max(first, last) + 1))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("seed=0..3", "0 1 2 3"),
        ("seed=3..0", "3 2 1 0"),
        ("seed=5..5", "5"),
        ("seed=0..2,9", "0 1 2 9"),
        ("seed=9,2..0", "9 2 1 0"),
        ("seed=choice(0..2,9)", "0 1 2 9"),
        ("seed=range(0,3)", "0 1 2"),
        ("+seed=0..1", "0 1"),
        ("seed=7", "7"),
        ("lr=0.01,1e-1,1", "0.01 0.1 1"),
        ("arch.hidden=[3],[5,5]", "[3] [5,5]"),
        ("init.path='0..3'", "'0..3'"),
        ("init.path=../0..3.npz", "../0..3.npz"),
        ("target_loss=null,0.1", "null 0.1"),
    ],
)
def test_values(line, expected):
    assert values(line) == expected.split()


def test_jobs_are_every_combination_the_last_key_fastest():
    jobs = lines(combinations(parsed("arch=2-2-1,2-3-1", "epochs=5", "seed=0..2")))
    expected = itertools.product(("arch=2-2-1", "arch=2-3-1"), ("epochs=5",), ("seed=0", "seed=1", "seed=2"))
    assert jobs == list(expected)


def test_the_last_of_two_overrides_counts_at_the_place_of_the_first():
    jobs = combinations(parsed("seed=0..9", "lr=1", "seed=4,5"))
    assert lines(jobs) == [("seed=4", "lr=1"), ("seed=5", "lr=1")]


@pytest.mark.parametrize(
    "line",
    [
        *("seed=0..2,7", "lr=range(0.1,1,0.2)", "lr=1e-3,nan,inf,true,null", "init.path='a b',\"c,d\",e f,''", "~lr"),
        *(
            "++new={a:[1,'2']},[{b:null}]",
            "+data@here=xor,and",
            r"experiment=a\,b",
            "lr=${seed},'${seed}'",
            "~data=xor",
        ),
    ],
)
def test_a_setting_is_what_hydra_reads_where_it_is_typed_alone(line):
    for (setting,) in combinations(parsed(line)):
        (alone,) = parsed(setting.line)
        assert (repr(setting.value), setting.kind) == (repr(alone.value()), alone.type)
        assert f"{setting.line}" == f"{alone.get_key_element()}={alone.get_value_element_as_str()}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seed=1,1", "seed=1,1 repeats 1;"),
        ("seed=0..4,3", "seed=0..4,3 repeats 3;"),
        ("lr=1,1.0", "lr=1,1.0 repeats 1;"),
        ("arch=2-3-1,2-3-1", "repeats 2-3-1;"),
        ("seed=range(5,5)", r"seed=range\(5,5\) is empty"),
        ("seed=range(0,10,0)", r"seed=range\(0,10,0\) must have a step other than 0"),
        ("lr=range(0,1,0.0)", r"must have a step other than 0"),
        ("seed=0..", "seed=0.. needs both ends"),
        ("seed=1,..9", "seed=1,..9 needs both ends"),
        ("lr=interval(0,1)", "is an interval"),
        ("experiment=width,depth", "experiment=width,depth can't be swept"),
    ],
)
def test_refused_of_a_sweep(line, message):
    with pytest.raises(OverrideError, match=message):
        combinations(parsed(line))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["seed=0..99999999999"], "seed=0..99999999999 has 100,000,000,000 values; a sweep can have 16,777,216 runs"),
        (["seed=range(0,99999999999)"], "has 99,999,999,999 values; a sweep can have 16,777,216 runs"),
        (["lr=range(1,0,-1e-12)"], "has 1,000,000,000,000 values; a sweep can have 16,777,216 runs"),
        (["lr=range(0,4097)", "seed=0..4096"], r"got 16,785,409: 4,097 of lr x 4,097 of seed. Give fewer values"),
    ],
)
def test_a_sweep_of_too_many_runs_is_refused_with_their_number(typed, message):
    with pytest.raises(OverrideError, match=message):
        combinations(parsed(*typed))


@pytest.mark.parametrize("typed", [["seed=0", "seed=1"], ["seed=0", "lr=1", "seed=0"], ["+a=1", "+a=2"]])
def test_a_repeated_key_is_refused(typed):
    with pytest.raises(OverrideError, match="is given 2 times"):
        refuse_repeats(parsed(*typed))
    with pytest.raises(OverrideError, match="is given 2 times"):
        check_single(typed)


@pytest.mark.parametrize("typed", [[], ["seed=0", "lr=0"], ["~lr", "+lr=3"], ["init.path=../a..b", "lr=1"]])
def test_a_single_run_s_overrides(typed):
    check_single(typed)


def test_a_range_without_a_sweep_is_refused():
    with pytest.raises(OverrideError, match=r"seed=0\.\.9 is a sweep; add -m"):
        check_single(["lr=1", "seed=0..9"])
