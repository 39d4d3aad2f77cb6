"""Each method really trains: what is kept back gets better, a seed gives the same bytes, PEFT reads the result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, InvalidInput
from core.types import Example, Lineage, Message
from finetune.dataset import Curated, write_dataset
from finetune.hacking import alarms
from finetune.methods.kto import weights
from finetune.recipe import Recipe
from finetune.rows import identified
from finetune.run_folder import RunFolder
from tests.finetune.conftest import SERVED, Make, rows_of, write_rows

Run = Callable[..., RunFolder]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small sums are slower on two."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("lora", [{}, {"r": 8, "use_rslora": True}, False], ids=["lora", "rslora", "full"])
def test_sft_learns_what_to_write(make: Make, run: Run, lora: Any) -> None:
    report = run(make("sft", lora=lora, train={"num_train_epochs": 4})).report()
    assert report["after"]["eval_loss"] < report["before"]["eval_loss"] - 3
    assert report["after"]["eval_mean_token_accuracy"] > 0.2


@pytest.mark.parametrize("method", ["dpo", "ipo", "orpo"])
def test_the_preferred_answer_becomes_the_likelier_one(make: Make, run: Run, method: str) -> None:
    report = run(make(method)).report()
    assert report["after"]["eval_loss"] < report["before"]["eval_loss"]
    assert report["after"]["eval_rewards/accuracies"] > 0.8
    assert report["after"]["eval_rewards/margins"] > report["before"]["eval_rewards/margins"]


def test_kto_tells_good_from_bad(make: Make, run: Run) -> None:
    folder = run(make("kto", train={"num_train_epochs": 2}))
    assert folder.report()["after"]["eval_loss"] < folder.report()["before"]["eval_loss"] - 0.1
    first, *_, last = [line for line in folder.metrics() if "rewards/margins" in line]
    assert last["rewards/margins"] > first["rewards/margins"]


def test_a_reward_model_tells_pairs_apart_and_leads_a_policy(make: Make, run: Run, tmp_path: Path) -> None:
    reward = run(make("reward"), name="reward")
    assert reward.report()["after"]["eval_accuracy"] >= 0.9
    assert sorted(path.name for path in reward.model.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    short = {"max_completion_length": 4, "max_steps": 1, "num_generations": 2, "per_device_train_batch_size": 2}
    rewards = [{"name": "model", "path": str(reward.model)}, {"name": "length", "weight": 0.5}]
    data = str(write_rows(tmp_path / "only.jsonl", rows_of("prompt", 2, 1)))
    led = run(make("rloo", data=data, rewards=rewards, train=short), name="led")
    assert [line for line in led.metrics() if "rewards/model/mean" in line]


@pytest.mark.parametrize("method", ["grpo", "rloo"])
def test_rewards_rise(make: Make, run: Run, method: str, tmp_path: Path) -> None:
    """A random model writes word after word; that costs, and it learns to write fewer, by which nobody is cheated."""
    train = {
        "max_completion_length": 10, "max_steps": 16, "per_device_train_batch_size": 16, "beta": 0.0,
        "learning_rate": 2e-2, "warmup_steps": 0, "lr_scheduler_type": "constant",
    }  # fmt: skip
    data = str(write_rows(tmp_path / "only.jsonl", rows_of("prompt", 48, 1)))
    rewards = [{"name": "length", "target": 1, "limit": 10}, {"name": "repetition", "weight": 0}]
    folder = run(make(method, data=data, lora=False, rewards=rewards, train=train))
    rewards = [line["reward"] for line in folder.metrics() if "reward" in line]
    assert sum(rewards[-4:]) / 4 > sum(rewards[:4]) / 4 + 0.1
    assert alarms(folder.metrics(), {"length": 1.0, "repetition": 0.0}) == []


def test_dropout_does_not_change_what_an_answer_weighs(make: Make, run: Run, tmp_path: Path) -> None:
    """Each answer is learnt from once, by the model that wrote it: its weight is 1, and nothing is clipped."""
    train = {"max_completion_length": 10, "max_steps": 6, "beta": 0.0, "warmup_steps": 0, "learning_rate": 5e-2}
    data = str(write_rows(tmp_path / "only.jsonl", rows_of("prompt", 24, 1)))
    rewards = [{"name": "length", "target": 1, "limit": 10}]
    folder = run(make("rloo", data=data, lora={"lora_dropout": 0.5}, rewards=rewards, train=train))
    clipped = [line["clip_ratio/region_mean"] for line in folder.metrics() if "reward" in line]
    assert len(clipped) == 6
    assert clipped == [0.0] * 6


def test_an_embedder_learns_which_passage_answers(make: Make, run: Run, tiny_embedding_model: Path) -> None:
    from sentence_transformers import SentenceTransformer

    train = {"learning_rate": 5e-3, "num_train_epochs": 3}
    folder = run(make("embedder", model=str(tiny_embedding_model), train=train))
    before, after = (folder.report()[when]["eval_held_out_cosine_ndcg@10"] for when in ("before", "after"))
    assert after > before + 0.1
    assert SentenceTransformer(str(folder.model), device="cpu").get_embedding_dimension() == 64


def test_a_reranker_learns_which_passage_answers(
    make: Make, run: Run, make_cross_encoder: Callable[[int], Path]
) -> None:
    folder = run(make("reranker", model=str(make_cross_encoder(1)), train={"learning_rate": 2e-3}))
    before, after = (folder.report()[when]["eval_held_out_ndcg@10"] for when in ("before", "after"))
    assert after > before + 0.1
    assert (folder.model / "model.safetensors").is_file()


def test_support_is_asked_of_what_is_given(make: Make, tmp_path: Path) -> None:
    from finetune.train import train

    asked: list[str] = []

    def judge(statement: str, sources: Any) -> float:
        asked.append(statement)
        return 1.0

    steps = {"max_completion_length": 4, "max_steps": 1, "num_generations": 2, "per_device_train_batch_size": 2}
    data = str(write_rows(tmp_path / "only.jsonl", rows_of("prompt", 2, 1)))
    recipe = make("grpo", data=data, rewards=[{"name": "support"}, {"name": "length"}], train=steps)
    folder = RunFolder.make(tmp_path / "runs" / "none", recipe, served=SERVED)
    with pytest.raises(ConfigurationError, match="was given none"):
        train(folder)
    train(folder, support=judge)
    assert folder.model.is_dir()


def test_the_same_seed_makes_the_same_adapter_and_another_another(make: Make, run: Run) -> None:
    steps = {"max_steps": 3}
    one, two = run(make("sft", train=steps), name="one"), run(make("sft", train=steps), name="two")
    other = run(make("sft", train={**steps, "seed": 7}), name="other")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (one.model / name).read_bytes() == (two.model / name).read_bytes()
    assert (one.model / "adapter_model.safetensors").read_bytes() != (
        other.model / "adapter_model.safetensors"
    ).read_bytes()


def test_peft_reads_the_adapter_and_writes_as_the_trained_model_did(make: Make, tiny: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from finetune.methods.base import Job
    from finetune.methods.sft import trainer
    from finetune.result import save_result
    from finetune.train import prepare

    ready = prepare(make("sft", train={"max_steps": 12}), SERVED)

    job = Job(recipe=ready.recipe, feed=ready.feed, machine=ready.machine, folder=tmp_path, tokenizer=ready.tokenizer)
    working = trainer(job)
    working.train()
    folder = RunFolder.make(tmp_path / "run", ready.recipe, SERVED)
    save_result(working, ready.recipe, folder, SERVED, True)
    assert json.loads((folder.model / "adapter_config.json").read_text())["base_model_name_or_path"] == "served-base"

    tokenizer = AutoTokenizer.from_pretrained(str(tiny))
    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(str(tiny)), str(folder.model)).eval()
    trained = working.model.eval()
    with torch.inference_mode():
        for row in rows_of("sft", 4, 9):
            asked = tokenizer.apply_chat_template(
                [{"role": "user", "content": row["prompt"]}], add_generation_prompt=True, return_tensors="pt",
                return_dict=True,
            )  # fmt: skip
            written = [model.generate(**asked, do_sample=False, max_new_tokens=24) for model in (trained, loaded)]
            assert written[0].tolist() == written[1].tolist()
        plain = loaded.get_base_model()
        with loaded.disable_adapter():
            assert plain.generate(**asked, do_sample=False, max_new_tokens=24).tolist() != written[0].tolist()


def test_rows_that_are_too_long_are_left_out_and_counted(make: Make, run: Run, tmp_path: Path) -> None:
    rows = [*rows_of("sft", 16, 1), {"prompt": "long " * 400, "completion": "x"}]
    data = {"train": str(write_rows(tmp_path / "long.jsonl", rows))}
    recipe = make("sft", data=data, train={"max_steps": 1})
    report = run(recipe).report()
    assert report["rows"]["left_out"] == [16]
    assert report["rows"]["train"] == 16
    assert report["rows"]["longest"] > report["rows"]["limit"] == 256
    with pytest.raises(InvalidInput, match="longer than 256 tokens"):
        run(recipe.model_copy(update={"long_rows": "refuse"}), name="refused")


def test_a_dataset_is_learnt_from_by_its_version(make: Make, run: Run, tmp_path: Path) -> None:
    examples = [
        identified(
            Example(
                id="", kind="sft", lineage=Lineage(maker="correction"), question="q",
                prompt=(Message(role="user", content=row["prompt"]),), completion=row["completion"],
            )
        )
        for row in rows_of("sft", 8, 1)
    ]  # fmt: skip
    dataset = write_dataset(tmp_path / "datasets", "leave", Curated(examples={"train": examples}))
    report = run(make("sft", data=str(dataset.folder), train={"max_steps": 1})).report()
    assert report["rows"]["dataset"] == dataset.version
    with pytest.raises(InvalidInput, match="no preference rows"):
        run(make("dpo", data=str(dataset.folder)), name="dpo")


@pytest.mark.parametrize(
    ("method", "rows", "said"),
    [
        ("sft", ["{"], "no JSON"),
        ("sft", [json.dumps({"prompt": "a"})], "no completion"),
        ("sft", [json.dumps({"prompt": 1, "completion": "a"})], "a text or a list"),
        ("sft", [], "no sft rows"),
        ("kto", [json.dumps({"prompt": "a", "completion": "b", "label": True})] * 4, "the same label"),
    ],
)
def test_rows_that_cannot_be_learnt_from(
    make: Make, run: Run, tmp_path: Path, method: str, rows: list[str], said: str
) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text("\n".join(rows))
    with pytest.raises(InvalidInput, match=said):
        run(make(method, data=str(path)))


def test_a_conversation_is_learnt_from_its_last_turn(tmp_path: Path, make: Make) -> None:
    from finetune.feed import read_feed

    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    path = write_rows(tmp_path / "messages.jsonl", [{"messages": [*turns, *turns]}])
    row = read_feed(make("sft", data=str(path))).train[0]
    assert row == {"prompt": [*turns, turns[0]], "completion": [turns[1]]}


def test_the_rarer_label_weighs_more() -> None:
    rows = [{"label": number < 2} for number in range(10)]
    assert weights(rows) == {"desirable_weight": 4.0}
    assert weights([{"label": not row["label"]} for row in rows]) == {"undesirable_weight": 4.0}


def test_packed_rows_do_not_see_one_another(make: Make, tmp_path: Path) -> None:
    """The loss over packed rows is that of the same rows by themselves."""
    from finetune.methods.base import Job
    from finetune.methods.sft import trainer
    from finetune.train import prepare

    found = []
    for packing in (False, True):
        train = {"packing": packing, "eval_packing": packing, "per_device_eval_batch_size": 1 if packing else 16}
        ready = prepare(make("sft", train=train), SERVED)
        job = Job(
            recipe=ready.recipe, feed=ready.feed, machine=ready.machine, folder=tmp_path, tokenizer=ready.tokenizer
        )
        working = trainer(job)
        tokens = [sum(len(ids) for ids in working.eval_dataset["input_ids"]), len(working.eval_dataset)]
        found.append((working.evaluate()["eval_loss"], *tokens))
    (alone, tokens, rows), (packed, packed_tokens, packs) = found
    assert packed_tokens == tokens
    assert packs < rows
    assert packed == pytest.approx(alone, abs=0.02)


def test_the_loss_counts_on_the_answer_alone(make: Make, tmp_path: Path) -> None:
    from finetune.methods.base import Job
    from finetune.methods.sft import trainer
    from finetune.train import prepare

    ready = prepare(make("sft"), SERVED)
    job = Job(recipe=ready.recipe, feed=ready.feed, machine=ready.machine, folder=tmp_path, tokenizer=ready.tokenizer)
    working = trainer(job)
    batch = next(iter(working.get_train_dataloader()))
    counted = [
        ready.tokenizer.decode([token for token, label in zip(ids, labels, strict=True) if label >= 0])
        for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True)
    ]
    answers = {row["completion"][0]["content"] for row in ready.feed.train}
    assert {text.rstrip().removesuffix("<|end|>") for text in counted} <= answers
    assert all("<|end|>" in text for text in counted)


def test_a_template_that_never_ends_an_answer_is_refused(tiny: Path, tmp_path: Path, make: Make) -> None:
    import shutil

    from finetune.train import prepare

    folder = tmp_path / "endless"
    shutil.copytree(tiny, folder)
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|end|>", ""))
    with pytest.raises(ConfigurationError, match="never learn to"):
        prepare(make("sft", model=str(folder)), SERVED)


def test_what_cannot_fit_is_refused_before_anything_is_loaded(make: Make, run: Run) -> None:
    recipe: Recipe = make("sft", lora={"use_dora": True})
    with pytest.raises(InvalidInput, match="DoRA"):
        run(recipe)
