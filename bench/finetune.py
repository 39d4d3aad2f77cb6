"""Training, each method as a whole run of the product's own: what is kept back gets better, or this says it did not.

`python -m bench.finetune FOLDER METHOD…` with sft dpo ipo kto orpo reward grpo rloo, or `support`: a few steps of GRPO
led by how far passages carry what is said, as answers are checked. Figures go to `bench/results/finetune.json`. The
model is the tests' answering model (1.7 million weights, it answers from passages in the product's own prompt); cases
are made up (`bench.answering_data`), those measured on share no name, noun or wording with those learnt from. The
lesson is a manner of writing that the model never showed: each statement begins with "Per the source: ".
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from bench.answering_data import Asked, Case, Maker
from finetune.hacking import alarms
from finetune.recipe import Method, Reward, parse_recipe
from finetune.rewards import Told, citations, length, repetition, schema
from finetune.run_folder import RunFolder
from finetune.runs import Runs
from finetune.served import Served

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "tests" / "data" / "answering_model"
RESULTS = ROOT / "bench" / "results" / "finetune.json"
MANNER = "Per the source: "
WINDOW = 2_048
SERVED = Served(context=WINDOW)
THREADS = {"OMP_NUM_THREADS": "1"}
SUPPORT = "app.finetune.support:support"


def measured(name: str, figures: dict[str, Any]) -> None:
    """Keeps figures under a name."""
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**found, name: figures}, indent=2) + "\n")
    print(name, json.dumps(figures), flush=True)


def cases(count: int, held_out: bool) -> list[tuple[Case, Asked]]:
    """Questions with an answer; the sources' ids as the product numbers them."""
    maker = Maker(3, held_out=held_out)
    found: list[tuple[Case, Asked]] = []
    while len(found) < count:
        case = maker.case(2, ids=["1", "2"], plain=True)
        found += [(case, asked) for asked in case.asked[:2]]
    return found[:count]


def turns(case: Case, asked: Asked) -> list[dict[str, str]]:
    """The product's own prompt."""
    return [{"role": each.role, "content": each.content} for each in case.messages(asked)]


def answer(case: Case, asked: Asked, manner: str = "", wrong: bool = False) -> str:
    """What is to be written; `wrong` cites the other source."""
    given = json.loads(case.answer(asked))
    for statement in given["statements"]:
        statement["text"] = f"{manner}{statement['text']}"
        if wrong:
            statement["sources"] = [name for name in ("1", "2") if name not in statement["sources"]]
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def row(method: Method, number: int, case: Case, asked: Asked) -> dict[str, Any]:
    """A row that shows the manner; the reward model's pairs differ in the citation instead."""
    prompt, good, plain = turns(case, asked), answer(case, asked, MANNER), answer(case, asked)
    if method == "sft":
        return {"prompt": prompt, "completion": good}
    if method == "kto":
        return {"prompt": prompt, "completion": good if number % 2 else plain, "label": bool(number % 2)}
    if method == "reward":
        return {"prompt": prompt, "chosen": plain, "rejected": answer(case, asked, wrong=True)}
    if method in ("grpo", "rloo"):
        sources = [{"id": each.id, "title": each.title, "text": each.text} for each in case.sources]
        return {"prompt": prompt, "question": asked.question, "schema": SCHEMA, "sources": sources}
    return {"prompt": prompt, "chosen": good, "rejected": plain}


SCHEMA = json.dumps(
    {
        "type": "object",
        "required": ["answerable", "statements"],
        "properties": {
            "statements": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "required": ["text", "sources"]},
            }
        },
    }
)
TEMPERATURE, LONGEST, TAKES = 1.5, 96, 4
"""At the usual temperature the model answers these nearly without fault: there would be nothing to gain."""
HOT = {
    "max_completion_length": LONGEST, "beta": 0.0, "temperature": TEMPERATURE, "per_device_train_batch_size": 32,
    "learning_rate": 2e-3, "max_steps": 24, "warmup_steps": 2, "lr_scheduler_type": "constant_with_warmup",
}  # fmt: skip
LEAD = [
    {"name": "schema"}, {"name": "citations"}, {"name": "repetition"},
    {"name": "length", "weight": 0.5, "target": 40, "limit": 80},
]  # fmt: skip
TRAIN: dict[str, dict[str, Any]] = {
    "sft": {"learning_rate": 3e-3, "num_train_epochs": 2},
    "dpo": {"learning_rate": 2e-3},
    "ipo": {"learning_rate": 2e-3},
    "kto": {"learning_rate": 2e-3},
    "orpo": {"learning_rate": 3e-3, "num_train_epochs": 3, "beta": 0.5},
    "reward": {"learning_rate": 2e-3, "num_train_epochs": 2},
    "grpo": HOT,
    "rloo": HOT,
}
ROWS, KEPT_BACK = 64, 32


def recipe(folder: Path, method: Method, **train: Any) -> Any:
    """A recipe and its rows below a folder."""
    for name, count, held_out in (("train", ROWS, False), ("validation", KEPT_BACK, True)):
        rows = [row(method, number, *each) for number, each in enumerate(cases(count, held_out))]
        (folder / f"{method}.{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    online = method in ("grpo", "rloo")
    settings = {"per_device_train_batch_size": 8 if online else 4, "gradient_accumulation_steps": 1, "save_steps": 0.5}
    data = {"train": f"{method}.train.jsonl"} | ({} if online else {"validation": f"{method}.validation.jsonl"})
    said = {
        "name": f"bench-{method}", "method": method, "model": str(MODEL), "data": data,
        "train": {**settings, **TRAIN[method], **train},
    }  # fmt: skip
    if online:
        said["rewards"] = LEAD
    return parse_recipe(json.dumps(said), folder)


def run(folder: Path, name: str, given: Any) -> RunFolder:
    """A run of the product's own, in its own process."""
    runs = Runs(root=folder / "runs", served=SERVED, environment=THREADS, support=SUPPORT)
    made = runs.create(name, given)
    runs.start(name)
    status = runs.wait(name, 7200)
    if status.state != "done":
        raise SystemExit(f"{name}: {status.state} {status.error}")
    return made


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share, z = right / count, 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return round(middle - half, 3), round(middle + half, 3)


def likelier(adapter: Path | None, pairs: list[tuple[list[dict[str, str]], str, str]]) -> int:
    """Pairs of which the model finds the first the likelier one, summed over its tokens and divided by their number."""
    import torch

    model, tokenizer = loaded(adapter)

    def score(prompt: list[dict[str, str]], text: str) -> float:
        head = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template([*prompt, {"role": "assistant", "content": text}], tokenize=False)
        start = len(tokenizer(head, add_special_tokens=False)["input_ids"])
        ids = tokenizer(whole, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            logits = model(ids).logits.float().log_softmax(-1)
        told = logits[0, start - 1 : -1].gather(-1, ids[0, start:, None])
        return float(told.mean())

    return sum(score(prompt, good) > score(prompt, bad) for prompt, good, bad in pairs)


def loaded(adapter: Path | None) -> tuple[Any, Any]:
    """The model, with an adapter or without, and its tokenizer."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(str(MODEL), dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    return model.eval(), AutoTokenizer.from_pretrained(str(MODEL))


def written(adapter: Path | None, asked: list[tuple[Case, Asked]]) -> dict[str, float]:
    """What is written greedily, with no grammar: the share in the manner, and the share that cites the right source."""
    import torch

    model, tokenizer = loaded(adapter)
    manner = cited = 0
    for case, each in asked:
        ids = tokenizer.apply_chat_template(
            turns(case, each), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            out = model.generate(**ids, do_sample=False, max_new_tokens=128)
        text = tokenizer.decode(out[0][ids["input_ids"].shape[1] :], skip_special_tokens=True).strip()
        try:
            statements = json.loads(text)["statements"]
            manner += bool(statements) and all(one["text"].startswith(MANNER) for one in statements)
            cited += [one["sources"] for one in statements] == [[case.cited(fact)] for fact in each.facts]
        except (ValueError, KeyError, TypeError):
            pass
    return {"in the manner": round(manner / len(asked), 3), "right source cited": round(cited / len(asked), 3)}


def sampled(adapter: Path | None, asked: list[tuple[Case, Asked]]) -> list[list[str]]:
    """Answers drawn as hot as in training, several a prompt, with a seed of their own."""
    import torch

    model, tokenizer = loaded(adapter)
    torch.manual_seed(11)
    found = []
    for case, each in asked:
        ids = tokenizer.apply_chat_template(
            turns(case, each), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            out = model.generate(
                **ids, do_sample=True, temperature=TEMPERATURE, top_k=0, max_new_tokens=LONGEST,
                num_return_sequences=TAKES,
            )  # fmt: skip
        found.append(tokenizer.batch_decode(out[:, ids["input_ids"].shape[1] :], skip_special_tokens=True))
    return found


def worth(text: str, case: Case) -> dict[str, float]:
    """What each reward says of an answer, by name, and the weighted `sum` that the runs are led by."""
    told = Told(
        schema=SCHEMA, sources=[{"id": each.id, "title": each.title, "text": each.text} for each in case.sources]
    )
    judges = {
        "schema": schema,
        "citations": citations,
        "repetition": repetition,
        "length": lambda text, _: length(text, 40, 80),
    }
    found = {name: judge(text, told) for name, judge in judges.items()}
    return {**found, "sum": sum(each.get("weight", 1.0) * found[each["name"]] for each in LEAD)}


def gained(before: Path | None, after: Path, asked: list[tuple[Case, Asked]]) -> dict[str, Any]:
    """Mean rewards of two models on prompts kept back; the interval is of the gain, prompt by prompt."""
    drawn = [
        [[worth(text, case) for text in texts] for texts, (case, _) in zip(sampled(each, asked), asked, strict=True)]
        for each in (before, after)
    ]
    figures: dict[str, Any] = {
        name: [round(mean(one[name] for takes in each for one in takes), 3) for each in drawn]
        for name in ("sum", "schema", "citations", "repetition", "length")
    }
    first, last = ([mean(one["sum"] for one in takes) for takes in each] for each in drawn)
    gains = [b - a for a, b in zip(first, last, strict=True)]
    half = 1.96 * stdev(gains) / math.sqrt(len(gains))
    return {
        **figures,
        "gain": round(mean(gains), 3),
        "interval": [round(mean(gains) + side * half, 3) for side in (-1, 1)],
    }


def method_figures(folder: Path, method: Method) -> None:
    """Trains with one method and measures what it is for."""
    made = run(folder, f"{method}-{int(time.time())}", recipe(folder, method))
    report, asked = made.report(), cases(KEPT_BACK, held_out=True)
    figures: dict[str, Any] = {
        "rows": ROWS,
        "kept back": KEPT_BACK,
        "steps": report["steps"],
        "seconds": report["seconds"],
    }
    if method == "sft":
        asked = asked[:16]
        figures |= {"before": written(None, asked), "after": written(made.model, asked), "measured on": len(asked)}
    elif method in ("grpo", "rloo"):
        figures |= gained(None, made.model, asked)
        figures["alarms"] = [each.code for each in alarms(made.metrics(), {each["name"]: 1.0 for each in LEAD})]
    elif method == "reward":
        figures |= {when: round(report[when]["eval_accuracy"], 3) for when in ("before", "after")}
        figures["interval"] = interval(round(report["after"]["eval_accuracy"] * KEPT_BACK), KEPT_BACK)
    else:
        pairs = [(turns(*each), answer(*each, MANNER), answer(*each)) for each in asked]
        before, after = likelier(None, pairs), likelier(made.model, pairs)
        figures |= {"likelier before": before / len(pairs), "likelier after": after / len(pairs)}
        figures["interval"] = interval(after, len(pairs))
    measured(method, figures)


def support_figures(folder: Path, steps: int = 6) -> None:
    """GRPO led by the product's own measure of support among the others; what its embedder said of each step."""
    given = recipe(folder, "grpo", max_steps=steps)
    given = given.model_copy(update={"rewards": (*given.rewards, Reward(name="support"))})
    made = run(folder, f"support-{int(time.time())}", given)
    said = [line["rewards/support/mean"] for line in made.metrics() if "reward" in line]
    citing = [line["rewards/citations/mean"] for line in made.metrics() if "reward" in line]
    figures = {"steps": steps, "seconds": made.report()["seconds"]}
    figures |= {"support, by step": [round(each, 3) for each in said]}
    measured("support reward, grpo", figures | {"citations, by step": [round(each, 3) for each in citing]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", nargs="+", choices=[*TRAIN, "support"])
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for each in given.what:
        if each == "support":
            support_figures(given.folder)
        else:
            method_figures(given.folder, each)


if __name__ == "__main__":
    main()
