"""Several processes share a training: who takes what, who hears of a signal, whose error is shown, what is inherited."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import models, runs, settings
from sft.cli.screen import Progress
from sft.errors import MissingError, SettingsError, SftError
from sft.planner import memory, team
from sft.planner.plan import make_plan
from sft.planner.team import Team
from sft.presets import TrainSettings
from sft.training import follow, launch, machines
from sft.training.ranks import Ranks

small = st.integers(1, 12)


@given(small, small, st.integers(1, 9))
def test_a_step_has_as_many_rows_however_many_processes_share_it(batch: int, accum: int, count: int) -> None:
    effective = batch * accum
    if effective % count:
        with pytest.raises(SettingsError, match=f"= {effective} rows a step do not divide over {count}"):
            team.share(batch, accum, count)
        return
    micro, times = team.share(batch, accum, count)
    assert micro * times * count == effective and micro <= batch


@given(st.integers(1, 500), st.sampled_from([2, 4, 8]), st.floats(0.3, 3))
def test_the_plan_is_the_same_for_one_process_and_for_several(rows: int, count: int, epochs: float) -> None:
    alone = make_plan(rows, TrainSettings(batch_size=8, grad_accum=2, epochs=epochs))
    micro, accum = team.share(8, 2, count)
    shared = make_plan(rows, TrainSettings(batch_size=micro, grad_accum=accum, epochs=epochs), devices=count)
    assert shared.effective_batch == alone.effective_batch
    assert (shared.total_steps, shared.rows_seen, shared.warmup_steps) == (
        alone.total_steps, alone.rows_seen, alone.warmup_steps,
    )  # fmt: skip


def test_what_does_not_divide_is_refused_with_what_does() -> None:
    with pytest.raises(SettingsError) as caught:
        team.share(4, 4, 3)
    assert str(caught.value) == "num_processes: 4 × 4 = 16 rows a step do not divide over 3 processes"
    assert caught.value.hint == "--num-processes 2 or 4, or batch_size × grad_accum = 15 or 18"
    with pytest.raises(SettingsError) as caught:
        team.share(1, 2, 5)
    assert caught.value.hint == "--num-processes 2, or batch_size × grad_accum = 5"


def test_the_team_is_counted_over_all_machines() -> None:
    wanted = TrainSettings(num_processes=8, num_machines=2, machine_rank=1, main_address="[fe80::1]:29500")
    assert team.of(wanted) == Team(8, 2, 1, "fe80::1", 29500)
    assert team.of(wanted).here == 4
    assert team.of(TrainSettings()) == Team()


def test_all_that_does_not_fit_together_is_said_at_once() -> None:
    wanted = TrainSettings(num_processes=3, num_machines=2, machine_rank=2, main_address="here")
    with pytest.raises(SettingsError) as caught:
        team.of(wanted)
    said = [f"{part} ({part.hint})" for part in caught.value.parts]
    assert len(said) == 3
    assert "3 processes are not as many on each of 2 machines" in said[0] and "2 or 4" in said[0]
    assert "machine_rank = 2, but there are 2 machines" in said[1] and "from 0 to 1" in said[1]
    assert "'here' is no address with a port" in said[2]
    with pytest.raises(SettingsError, match="need the address of machine 0"):
        team.require_address(Team(2, 2))
    team.require_address(Team(2, 1))


def test_a_split_model_gets_what_it_needs_unless_something_else_was_asked_for() -> None:
    plain = settings.resolve_train({"num_processes": 2})
    assert team.sharded(plain) is plain
    found = team.sharded(settings.resolve_train({"num_processes": 2, "fsdp": True}))
    assert (found.values.backend, found.values.load_in_4bit, found.values.optim) == (
        "hf",
        False,
        "adamw_torch",
    )
    assert found.origins["optim"] == "fsdp needs it"
    with pytest.raises(SettingsError) as caught:
        team.sharded(settings.resolve_train({"fsdp": True, "backend": "unsloth"}))
    said = [str(part) for part in caught.value.parts]
    assert said[0] == "flag --backend: backend = unsloth cannot be split over processes"
    assert said[1].startswith("flag --fsdp: fsdp splits a model over several processes")


def test_a_split_model_takes_less_of_each_card() -> None:
    shape = models.known()["qwen2.5-7b"].shape
    assert shape is not None
    whole, two, four = (
        memory.forecast(shape, batch_size=1, length=512, shards=shards) for shards in (1, 2, 4)
    )
    assert whole.weights > two.weights > four.weights > whole.weights / 4
    assert two.adapter == whole.adapter // 2 and two.activations == whole.activations


def test_another_launcher_is_refused() -> None:
    with pytest.raises(SettingsError, match="torchrun") as caught:
        launch.refuse_foreign({"WORLD_SIZE": "4", "RANK": "1"})
    assert "--num-processes 4" in caught.value.hint
    launch.refuse_foreign({"WORLD_SIZE": "1"})
    launch.refuse_foreign({})


def test_processes_share_the_cores_unless_the_user_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = launch.threads(1)
    assert launch.threads(cores) == launch.threads(cores + 1) == 1
    for name in ("OMP_NUM_THREADS", "TORCH_CPP_LOG_LEVEL", "GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        monkeypatch.setenv(name, "mine")
    launch.prepare(Team(2))
    assert os.environ["OMP_NUM_THREADS"] == os.environ["GLOO_SOCKET_IFNAME"] == "mine"
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # so that it is set back whatever happens
    monkeypatch.delenv("OMP_NUM_THREADS")
    launch.prepare(Team(cores))
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_the_interface_is_the_one_that_reaches_the_address() -> None:
    psutil = pytest.importorskip("psutil")
    assert machines.interface("127.0.0.1") in psutil.net_if_addrs()
    assert machines.interface("no.such.host.invalid") == ""


def test_a_second_interrupt_ends_those_that_train() -> None:
    killed: list[str] = []
    with follow.signals(follow.Silent(), lambda: killed.append("all")) as stop:
        for number in (signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        assert (killed, stop.name) == ([], "SIGHUP")
        os.kill(os.getpid(), signal.SIGINT)
    assert killed == ["all"]


def test_a_worker_is_told_of_a_signal_once_also_when_it_starts_later() -> None:
    pytest.importorskip("psutil")
    stop = follow.Stop("SIGTERM")
    code = "import signal, time; signal.signal(15, lambda *_: print(1, flush=True)); print(0, flush=True); time.sleep(60)"
    with launch._told(stop), subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as early:
        assert early.wait(30) == -signal.SIGTERM
    stop.name = ""
    with launch._told(stop), subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == b"0\n"
        stop.name = "SIGINT"
        assert worker.stdout.readline() == b"1\n"
        launch.kill()
        assert worker.wait(30) == -signal.SIGKILL
        assert worker.stdout.read() == b""


def test_a_process_alone_agrees_with_itself(tmp_path: Path) -> None:
    alone = Ranks()
    assert alone.first and alone.any_of(True) and not alone.any_of(False)
    assert (alone.of_first("x"), alone.all_of("x")) == ("x", ["x"])
    assert alone.folder_of_first(None, tmp_path) is None
    (tmp_path / "checkpoint-3").mkdir()
    assert alone.folder_of_first(tmp_path / "checkpoint-3", tmp_path) == tmp_path / "checkpoint-3"


def test_who_draws_for_another_process_draws_anew() -> None:
    assert isinstance(pickle.loads(pickle.dumps(Progress())), Progress)


def ended(
    place: Path, errors: Mapping[int, object], codes: Mapping[int, int], stopped: str = ""
) -> BaseException:
    """Return what is raised for workers that left `errors`, in the order they stand, and ended with `codes`."""
    for when, (rank, error) in enumerate(errors.items()):
        (place / launch.ERROR.format(rank=rank)).write_bytes(pickle.dumps((float(when), error)))
    failures = {
        rank: SimpleNamespace(exitcode=code, signal_name=lambda code=code: signal.Signals(-code).name)
        for rank, code in codes.items()
    }
    failed = cast(Any, SimpleNamespace(failures=failures))
    return launch._cause(place, failed, follow.Stop(stopped))


def test_a_clear_error_goes_before_what_it_brought_about(tmp_path: Path) -> None:
    clear = SftError("planted", hint="mend it", where="here", exit_code=1)
    found = ended(
        tmp_path, {0: launch.LostError("gone"), 2: "Traceback …", 1: clear, 3: SftError("later")}, {0: 1}
    )
    assert isinstance(found, SftError)
    assert (str(found), found.hint, found.exit_code) == ("here: planted", "mend it", 1)


def test_a_killed_process_goes_before_those_that_missed_it(tmp_path: Path) -> None:
    found = ended(tmp_path, {0: launch.LostError("gone")}, {0: 1, 1: -9})
    assert isinstance(found, MissingError) and "process 1 of the training was killed (SIGKILL)" in str(found)


def test_what_was_stopped_before_it_could_save_is_interrupted(tmp_path: Path) -> None:
    assert isinstance(ended(tmp_path, {}, {0: -15, 1: -15}, "SIGTERM"), KeyboardInterrupt)


def test_a_crash_shows_its_traceback_and_a_lost_connection_itself(tmp_path: Path) -> None:
    lost = launch.LostError("gone", hint="see there")
    assert isinstance(ended(tmp_path, {1: lost}, {1: 1}), launch.LostError)
    found = ended(tmp_path, {1: lost, 0: "Traceback: planted"}, {1: 1, 0: 1})
    assert isinstance(found, launch.WorkerError) and "planted" in str(found)


class Store(dict[str, str]):
    """A store as machines share it."""

    def set(self, key: str, value: str) -> None:
        self[key] = value

    def get(self, key: str) -> bytes:  # type: ignore[override]
        return self[key].encode()

    def check(self, keys: list[str]) -> bool:
        return all(key in self for key in keys)


def settled(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Let two machines meet, and return the lock that each goes by."""
    store, found = Store(), []

    def other() -> None:
        found.append(machines.Meeting(Team(2, 2, 1), store).settle(there, nobody))

    def nobody() -> None:
        raise AssertionError("nothing to wait for")

    first = machines.Meeting(Team(2, 2, 0), store).settle(here, other)
    return [first, *found]


def test_machines_train_by_the_lock_of_the_first() -> None:
    lock = {"settings": {"lr": 1.0}, "effective_batch": 8, "batch_size": 4, "load_in_4bit": False}
    assert settled(lock, lock | {"batch_size": 2, "load_in_4bit": True}) == [lock, lock]


def test_a_machine_with_another_experiment_is_refused_by_name() -> None:
    lock = {"settings": {"lr": 1.0}, "data": "abc"}
    with pytest.raises(SettingsError, match="machine 1 would train another experiment") as caught:
        settled(lock, {"settings": {"lr": 2.0}, "data": "abc"})
    assert [str(part) for part in caught.value.parts] == ["settings.lr: 1.0 → 2.0"]


def test_why_a_machine_ended_is_heard_on_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = Store()
    first, second = (machines.Meeting(Team(2, 2, rank), store) for rank in (0, 1))
    runs.update(tmp_path / "there", piece=2)
    assert str(launch._apart(second, SftError("no memory"), tmp_path / "there")) == "no memory"
    raised = launch._apart(first, launch.LostError("gone"), tmp_path / "here")
    assert str(raised) == "machine 1: no memory"
    assert runs.entries(tmp_path / "here") == {"piece": 2}
    monkeypatch.setattr(machines, "_AFTERWORD", 0.0)
    silent = machines.Meeting(Team(2, 2, 0), Store())
    assert str(launch._apart(silent, launch.LostError("gone"), tmp_path / "here")) == "gone"


def test_a_machine_that_does_not_come_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "_PATIENCE", 0.0)
    wait: Callable[[], None] = lambda: time.sleep(0.01)
    with pytest.raises(MissingError, match="not all of 2 machines are there"):
        machines.Meeting(Team(2, 2, 0), Store()).settle({}, wait)
