"""Real trainings on a tiny random model, each in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lone_runs import needs_tmux, until
from tiny_model import environment, make_model, sft, write_graphs, write_statements

from sft.runs import detach

pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = pytest.mark.train
SHORT = ("--max-steps", "6", "--batch-size", "2", "--grad-accum", "2", "--seed", "5")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A workspace in which both backends trained the same set."""
    folder = tmp_path_factory.mktemp("workspace")
    write_graphs(folder / "data/raw/amr.txt", 40)
    sft(folder, "prep", "--template", "v5_cot")
    for backend in ("unsloth", "hf"):
        sft(folder, "train", "--model", str(model), "--backend", backend, "--name", backend, *SHORT)
    return folder


def log(folder: Path, name: str, key: str = "loss") -> list[float]:
    lines = (folder / "runs" / name / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [value[key] for value in map(json.loads, lines) if key in value]


def run_json(folder: Path, name: str) -> dict[str, object]:
    value: dict[str, object] = json.loads((folder / "runs" / name / "run.json").read_text(encoding="utf-8"))
    return value


def test_both_backends_train_the_same_rows_with_the_same_losses(workspace: Path) -> None:
    ours, theirs = log(workspace, "unsloth"), log(workspace, "hf")
    assert len(ours) == len(theirs) == 6
    assert ours[0] == pytest.approx(theirs[0], rel=0.01)
    assert ours[-1] == pytest.approx(theirs[-1], rel=0.05)
    assert ours[-1] < ours[0]


def test_run_json_holds_lock_plan_and_what_really_ran(workspace: Path) -> None:
    run = run_json(workspace, "unsloth")
    assert (run["status"], run["steps"], run["backend"]) == ("finished", 6, "unsloth")
    assert run["plan"]["total_steps"] == 6
    assert run["template"].startswith("mtup/v5_cot@")
    assert run["origins"]["max_steps"] == "flag --max-steps"
    if not run["device"]["amx"] and run["device"]["kind"] == "cpu":
        assert run["memory"]["memory"]["precision"] in ("fp32", "nf4")
    if run["device"]["kind"] == "cpu":  # the one really used, in place of adamw_8bit
        assert {run_json(workspace, name)["optim"] for name in ("unsloth", "hf")} == {"adamw_torch_fused"}
    assert "torch" in run["packages"]


def test_adapter_loads_with_plain_peft_and_names_its_template(workspace: Path, model: Path) -> None:
    code = (
        "import sys; from transformers import AutoModelForCausalLM; from peft import PeftModel\n"
        "m = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(sys.argv[1]), sys.argv[2])\n"
        "print(sum(p.abs().sum().item() > 0 for n, p in m.named_parameters() if 'lora_B' in n))"
    )
    for backend in ("unsloth", "hf"):
        adapter = workspace / "runs" / backend / "adapter"
        done = subprocess.run(
            [sys.executable, "-c", code, str(model), str(adapter)],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(done.stdout) == 14  # 7 layers × 2 blocks, all of them moved
        facts = json.loads((adapter / "sft.json").read_text(encoding="utf-8"))
        assert facts["template"].startswith("mtup/v5_cot@")
        assert (adapter / "tokenizer.json").is_file()


def test_json_is_alone_on_stdout(workspace: Path, model: Path) -> None:
    done = sft(
        workspace,
        "train",
        "--model",
        str(model),
        "--backend",
        "hf",
        "--max-steps",
        "1",
        "--name",
        "json",
        "--json",
    )
    value = json.loads(done.stdout)
    assert {"status", "steps", "first_loss", "last_loss", "adapter", "run"} <= value.keys()
    assert "supervised between" in done.stderr


def test_dry_run_trains_nothing(workspace: Path, model: Path) -> None:
    done = sft(workspace, "train", "--model", str(model), "--dry-run", "--name", "dry", "--json")
    assert json.loads(done.stdout)["status"] == "planned"
    assert not (workspace / "runs" / "dry").exists()


def test_ctrl_c_saves_and_the_same_command_goes_on_to_the_same_adapter(workspace: Path, model: Path) -> None:
    flags = [
        "train",
        "--model",
        str(model),
        "--backend",
        "hf",
        "--max-steps",
        "40",
        "--batch-size",
        "2",
        "--seed",
        "5",
    ]
    whole = [*flags, "--name", "whole"]
    broken = [*flags, "--name", "broken"]
    sft(workspace, *whole)
    process = subprocess.Popen(
        [sys.executable, "-m", "sft", *broken],
        cwd=workspace,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = workspace / "runs" / "broken"
    wait_for_line(folder / "log.jsonl", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "run the same command again" in out
    assert run_json(workspace, "broken")["status"] == "interrupted"
    assert not (folder / "adapter").exists()
    done = sft(workspace, *broken)
    assert "going on from checkpoint-" in done.stderr
    assert run_json(workspace, "broken")["status"] == "finished"
    assert log(workspace, "broken") == log(workspace, "whole")
    name = "adapter/adapter_model.safetensors"
    assert (folder / name).read_bytes() == (workspace / "runs/whole" / name).read_bytes()


def wait_for_line(path: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        if path.is_file() and path.read_text(encoding="utf-8").count("\n") >= 2:
            return
        time.sleep(0.02)
    raise AssertionError("the training did not start")


def test_resume_with_other_settings_is_refused_with_the_difference(workspace: Path, model: Path) -> None:
    run = workspace / "runs" / "open"
    sft(workspace, "train", "--model", str(model), "--backend", "hf", "--max-steps", "2", "--name", "open")
    data = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(data | {"status": "interrupted"}), encoding="utf-8")
    done = sft(
        workspace,
        "train",
        "--model",
        str(model),
        "--backend",
        "hf",
        "--max-steps",
        "3",
        "--name",
        "open",
        "--resume",
        check=False,
    )
    assert done.returncode == 2
    assert "max_steps: 2 → 3" in done.stderr


def test_predict_and_smatch_score_the_held_out_rows(workspace: Path) -> None:
    done = sft(workspace, "smatch", "--run", "unsloth", "--base", "--json", check=False)
    value = json.loads(done.stdout)
    held = run_json(workspace, "unsloth")["valid_ids"]
    assert value["n"] == len(held)
    assert {"f1", "precision", "recall", "matched", "pred_triples", "gold_triples", "unparsable", "repaired", "proven",
            "mode", "signature"} <= value.keys()  # fmt: skip
    assert value["gold_triples"] > 0
    assert value["baselines"]["nearest_sentence"]["f1"] > 0.3
    assert "base_model" in value["baselines"]
    lines = (workspace / "runs/unsloth/predictions/valid.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == held
    assert all("raw" in json.loads(line) for line in lines)


def test_true_false_learns_and_is_evaluated(tmp_path: Path, model: Path) -> None:
    write_statements(tmp_path / "data/raw/tf.csv", 60)
    sft(tmp_path, "prep", "--template", "qa/true_false_v1")
    sft(
        tmp_path,
        "train",
        "--model",
        str(model),
        "--max-steps",
        "30",
        "--lr",
        "5e-3",
        "--batch-size",
        "4",
        "--grad-accum",
        "1",
    )
    done = sft(tmp_path, "eval", "--json")
    value = json.loads(done.stdout)
    assert {"accuracy", "macro_f1", "n", "unparsed", "labels", "confusion", "baselines"} <= value.keys()
    assert value["n"] == sum(sum(row.values()) for row in value["confusion"].values())
    assert value["unparsed"] < value["n"]  # the tiny model has learnt to answer with a label word
    assert set(value["baselines"]) == {"majority", "bag_of_words"}
    # New inputs need the adapter alone: its prepared set may be gone, with its held-out rows.
    shutil.rmtree(tmp_path / "data/prepared")
    new = "STT,Mệnh đề\n1,Cá sống dưới nước.\n2,Mèo biết bay.\n"
    (tmp_path / "new.csv").write_text(new, encoding="utf-8")
    done = sft(tmp_path, "predict", "new.csv", "--json")
    assert json.loads(done.stdout)["n"] == 2
    done = sft(tmp_path, "predict", "new.csv", "--limit", "1", check=False)
    assert done.returncode == 2 and "--split and --limit choose held-out rows" in done.stderr
    assert "no such folder" in sft(tmp_path, "eval", check=False).stderr


@needs_tmux
@pytest.mark.usefixtures("tmux_server")
def test_a_detached_training_is_stopped_and_goes_on_detached(workspace: Path, model: Path) -> None:
    flags = (
        "train",
        "--model",
        str(model),
        "--backend",
        "hf",
        "--max-steps",
        "40",
        "--batch-size",
        "2",
        "--detach",
    )
    folder = workspace / "runs/apart"
    value = json.loads(sft(workspace, *flags, "--name", "apart", "--json").stdout)
    assert (value["status"], value["session"]) == ("detached", "apart")
    until((folder / "log.jsonl").is_file)
    assert sft(workspace, *flags, "--name", "apart", check=False).returncode == 2  # it is there already
    assert json.loads(sft(workspace, "runs", "stop", "apart", "--json").stdout)["status"] == "interrupted"
    until(lambda: detach.sessions() == {})
    assert "going on from checkpoint-" not in (folder / "console.log").read_text(encoding="utf-8")
    sft(workspace, *flags, "--name", "apart")
    assert "apart: finished" in sft(workspace, "runs", "watch", "apart").stdout
    assert "going on from checkpoint-" in (folder / "console.log").read_text(encoding="utf-8")
    assert len(log(workspace, "apart")) == 40
    assert (folder / "adapter/adapter_model.safetensors").is_file()


def test_hup_saves_too(workspace: Path, model: Path) -> None:
    flags = [
        "train",
        "--model",
        str(model),
        "--backend",
        "hf",
        "--max-steps",
        "400",
        "--batch-size",
        "2",
        "--name",
        "hup",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "sft", *flags],
        cwd=workspace,
        env=environment(),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    wait_for_line(workspace / "runs/hup/log.jsonl", process)
    os.kill(process.pid, signal.SIGHUP)
    assert process.wait(timeout=120) == 130
    assert list((workspace / "runs/hup/checkpoints").glob("checkpoint-*/complete.json"))
