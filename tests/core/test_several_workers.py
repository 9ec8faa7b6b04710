"""More than one worker for an adapter: who takes which case, who is given help, and that nothing is lost by it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import COMMAND, Suite, gone, make_suite, python

from conformance.case.errors import AdapterUnavailable
from conformance.golden.store import VectorStore
from conformance.results.result import Result
from conformance.run.parallel import run_in_parallel
from conformance.run.pipeline import PendingCase, Pipeline
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings
from conformance.run.share import Share

NAMES = ["waits", *(f"n{n:02}" for n in range(16)), "exits", "n16", "raises", "n17"]
SPEC = "family: broken\ndefaults: {T: 2, B: 1, I: 2, H: 2}\ncases:\n" + "".join(f"  - name: {name}\n" for name in NAMES)


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    pytest.importorskip("flint")
    return make_suite(tmp_path_factory.mktemp("twenty"), {"broken.yaml": SPEC})


@pytest.fixture
def notes(broken_adapters: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What the adapters have written down: `start PID`, `CASE in PID`."""
    path = tmp_path / "notes"
    monkeypatch.setenv("LSTM_BROKEN_NOTES", str(path))
    return lambda: path.read_text().splitlines()


def run(suite: Suite, *labels: str, seconds: float = 10.0, jobs: int = 2, each: Callable[[Result], None] | None = None):
    """The runners and the results of all cases with these adapters, each case expected to take so many seconds."""
    runners = {label: Runner(label, VectorStore(suite.vectors), [], RunSettings(timeout=120.0)) for label in labels}
    results: list[Result] = []

    def report(result: Result) -> None:
        results.append(result)
        if each is not None:
            each(result)

    for runner in runners.values():
        runner.start()
    cases = {label: list(suite.cases.values()) for label in labels}
    run_in_parallel(
        runners, cases, jobs, expected=lambda label: [seconds] * len(NAMES), begun=lambda label: None, report=report
    )
    return runners, results


def test_a_second_worker_takes_cases_from_the_end_and_each_is_run_once(twenty, notes):
    runners, results = run(twenty, "helped")
    assert Counter(result.case.id for result in results) == Counter([*twenty.cases])
    became = {result.case.id: result.outcome.name for result in results}
    usual = {"broken/exits": "crashed", "broken/raises": "errored"}
    assert became == dict.fromkeys(twenty.cases, "passed") | usual
    begun = [line.split(" in ") for line in notes() if " in " in line]
    assert Counter(case_id for case_id, _ in begun) == Counter([*twenty.cases])
    first = begun[0][1]
    own = [case_id for case_id, pid in begun if pid == first]
    others = [case_id for case_id, pid in begun if pid != first]
    assert own == list(twenty.cases)[: len(own)]
    assert others == list(twenty.cases)[: len(own) - 1 : -1]
    # The first one waited until the other one had lost a process to `exits`, the fourth from the end.
    assert len({pid for _, pid in begun}) == 3 and len(others) > 4
    assert runners["helped"].import_seconds > runners["helped"].loading
    assert {result.adapter for result in results} == {"helped"}


def test_one_job_is_one_worker_and_the_order_of_the_cases(twenty, notes):
    _, results = run(twenty, "noting", jobs=1)
    assert [result.case.id for result in results] == list(twenty.cases)
    assert sum(line.startswith("start") for line in notes()) == 2, "one more after `exits`"


@pytest.mark.parametrize("label", ["helped-alone", "helped@board"])
def test_what_has_something_to_itself_is_never_run_twice_at_a_time(twenty, notes, label):
    spare = {name: case for name, case in twenty.cases.items() if name != "broken/waits"}
    _, results = run(Suite(twenty.specs, twenty.vectors, twenty.deviations, spare), label, seconds=1000.0)
    assert [result.case.id for result in results] == list(spare)
    assert sum(line.startswith("start") for line in notes()) == 2, "one more after `exits`"


def test_a_worker_that_computes_with_other_versions_gets_no_case(twenty, notes):
    _, results = run(twenty, "differs")
    assert [result.case.id for result in results] == list(twenty.cases)
    starts = [line.split()[1] for line in notes() if line.startswith("start")]
    answering = dict.fromkeys(line.split(" in ")[1] for line in notes() if " in " in line)
    assert len(starts) == 3 and len(answering) == 2, "one more after `exits`"
    assert set(starts) - set(answering) == {starts[1]}


def test_an_adapter_with_little_left_gets_no_second_worker(twenty, notes):
    run(twenty, "noting", seconds=0.01)
    assert sum(line.startswith("start") for line in notes()) == 2, "one more after `exits`"


@pytest.mark.slow
def test_an_interrupt_ends_all_workers_of_an_adapter(twenty, notes):
    def interrupt(result: Result) -> None:
        if result.case.id == "broken/n17":  # the second one's
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(twenty, "helped", each=interrupt)
    pids = [int(line.split()[1]) for line in notes() if line.startswith("start")]
    assert len(pids) >= 2
    assert all(gone(pid) for pid in pids)


def test_the_adapters_that_need_longest_begin_first(twenty, broken_adapters):
    labels, order = {"broken": 1.0, "numpy": 30.0, "tanh-off": 7.0}, []
    runners = {label: Runner(label, VectorStore(twenty.vectors), [], RunSettings()) for label in labels}
    cases = [case for name, case in twenty.cases.items() if name in ("broken/n00", "broken/n01")]
    run_in_parallel(
        runners,
        dict.fromkeys(labels, cases),
        2,
        expected=lambda label: [labels[label]] * 2,
        begun=order.append,
        report=lambda result: None,
    )
    assert (set(order[:2]), order[2:]) == ({"numpy", "tanh-off"}, ["broken"])


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "starts"), [("1", 2), ("2", 1)])
def test_what_was_loaded_to_see_whether_it_loads_runs_if_all_may_run_at_a_time(twenty, tmp_path, jobs, starts):
    words = ["run", "-j", jobs, "--adapter", "counts-starts", "--adapter", "numpy", "--case", "broken/n0*"]
    done = python("-c", COMMAND, *words, *twenty.folders, cwd=tmp_path, LSTM_BROKEN_STARTS=str(tmp_path / "starts"))
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "starts").read_text().splitlines()) == starts


def test_a_share_tells_what_one_more_worker_would_save(twenty):
    cases = list(twenty.cases.values())
    share = Share(cases, lambda: [1.0] * len(cases))
    assert share.gain(loading=1.0) == 0.0, "nobody works on it, so nobody is helped"
    share.workers = 1
    assert share.gain(loading=1.0) == (len(cases) - 1) / 2
    share.workers = 2
    assert share.gain(loading=1.0) == (len(cases) - 2) / 6
    share.workers, taken = 1, share.in_order()
    for each in [next(taken) for _ in range(9)]:
        share.came(_took(each, 5.0 if each is cases[0] else 0.25))
    assert share.gain(loading=1.0) == pytest.approx((0.25 * (len(cases) - 9) - 1.0) / 2), "as measured, but the first"
    assert [*share.from_the_end()] == cases[:8:-1]
    assert (share.waiting, [*taken]) == (False, [])


def _took(case, seconds):
    from conformance.case.outcomes import Errored

    return Result(case, "any", Errored("x"), {}, seconds=seconds)


def test_as_many_cases_are_sent_ahead_as_take_a_few_seconds(twenty):
    store, (case, *_) = VectorStore(twenty.vectors), twenty.cases.values()
    pipeline = Pipeline(iter([PendingCase(case, store.load(case)) for _ in range(500)]))
    assert len(list(pipeline.refill())) == 9, "nothing is known yet"
    pipeline.took(2.0)
    assert list(pipeline.refill()) == []
    for _ in range(8):
        pipeline.pop()
    assert len(list(pipeline.refill())) == 2, "two cases of two seconds"
    for _ in range(1000):
        pipeline.took(0.0005)
    list(pipeline.refill())
    assert len(pipeline.waiting) == 129


def test_a_second_worker_that_does_not_load_leaves_all_to_the_first(twenty, notes):
    runner = Runner("loads-once", VectorStore(twenty.vectors), [], RunSettings())
    runner.start()
    with pytest.raises(AdapterUnavailable, match="device lost"):
        runner.another().start()
    runner.close()


def test_what_cases_cost_is_as_stored_or_by_their_size_where_the_file_is_damaged(tmp_path):
    from conformance.case.select import select_cases
    from conformance.data import default_folders
    from conformance.quick.usual import UsualSeconds

    own = default_folders()
    short, long = (
        select_cases(own.specs, [name])[0] for name in ("cell/step-f32-both-states", "long/thousand-bidirectional-f32")
    )
    stored = UsualSeconds(VectorStore(own.vectors))
    assert stored.of("keras-tensorflow", long) > 100 * stored.of("numpy", short) > 0.0
    (tmp_path / "times.xz").write_bytes(b"damaged")
    damaged = UsualSeconds(VectorStore(tmp_path))
    assert damaged.of("torch", long) > damaged.of("torch", short) > 0.0
