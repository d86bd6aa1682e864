from pathlib import Path

from sft.planner import plan
from sft.presets import TrainSettings
from sft.training import part_states

SETTINGS = {"batch_size": 2, "grad_accum": 2}


def planned(**values: object) -> plan.Plan:
    return plan.make_plan(38, TrainSettings.model_validate(SETTINGS | values))


def test_parts_end_where_their_steps_are_taken_in_every_pass() -> None:
    made = planned(chunk_size=16, epochs=2)  # 16 + 22 rows: 4 + 6 steps
    assert part_states.ends(made) == [4, 10, 14, 20]
    assert part_states.ends(planned(chunk_size=16, max_steps=13)) == [4, 10, 13]
    assert part_states.ends(planned()) == []
    assert part_states.ends(planned(curriculum="length", stages=[0.5, 1], epochs=1)) == [5, 15]


def test_the_state_of_every_part_follows_from_the_log(tmp_path: Path) -> None:
    made = planned(chunk_size=16, epochs=1)
    lines = [{"step": n, "loss": 5.0 - n} for n in range(1, 7)] + [{"step": 4, "eval_loss": 2.5}]
    first, second = part_states.states(made, lines, 6)
    assert first == {
        "pass": 1, "part": 1, "rows": 16, "steps": [1, 4], "status": "done", "checkpoint": "checkpoint-4",
        "loss": 2.5, "eval_loss": 2.5,
    }  # fmt: skip
    assert (second["rows"], second["steps"], second["status"], second["loss"]) == (22, [5, 10], "begun", -0.5)
    part_states.write(tmp_path, made, lines, 6)
    assert (tmp_path / "parts.json").is_file()
