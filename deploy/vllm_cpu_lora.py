"""Mends two faults of vLLM's LoRA arithmetic on processors in an environment: `PYTHON deploy/vllm_cpu_lora.py`.

vllm/lora/ops/torch_ops/lora_ops.py (Apache-2.0) marks tokens without an adapter by the index -1 and then reads the
weights at it, which are those of the last slot: whoever asks the base while every slot is taken is answered by
somebody's adapter. And where a request wants log-probabilities of its prompt beside others, there are more rows than
indices for them, and the engine dies. Here rows without an adapter come to nothing, and so do rows that no index is
for: they are those of `lm_head`, on which no adapter is served. Kernels for GPUs have neither fault.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

MEND = "  # changed by Footnote: deploy/vllm_cpu_lora.py"
ROWS = "    selected_loras = lora_b_weights[lora_indices_tensor].to(dtype=output_tensor.dtype)\n"
SHRUNK = """    outputs = torch.einsum("bi, boi -> bo", inputs, selected_loras)

    output_tensor[:, : outputs.shape[1]] = scaling * outputs[:]
"""
CHANGES = (
    (
        "def bgmv_expand(",
        ROWS,
        f"    if lora_indices_tensor.shape[0] not in (1, inputs.shape[0]):{MEND}\n        return\n{ROWS}",
    ),
    (
        "def bgmv_shrink(",
        ROWS,
        f"    if lora_indices_tensor.shape[0] not in (1, inputs.shape[0]):{MEND}\n"
        f"        output_tensor.zero_()\n        return\n{ROWS}",
    ),
    (
        "def bgmv_shrink(",
        SHRUNK,
        SHRUNK.replace(
            "\n\n",
            f"\n    outputs = torch.where((lora_indices_tensor >= 0).unsqueeze(1), outputs, 0.0){MEND}\n\n",
            1,
        ),
    ),
)
"""The function, what stands in it once, and what is to stand there."""


def main() -> None:
    """Changes the file in place; twice is once. Ends with 1 where it is another version's."""
    found = importlib.util.find_spec("vllm")
    if found is None or found.origin is None:
        sys.exit("vLLM is not installed in this environment.")
    path = Path(found.origin).parent / "lora" / "ops" / "torch_ops" / "lora_ops.py"
    text = path.read_text("utf-8")
    if MEND in text:
        return
    for function, was, instead in CHANGES:
        head, mark, tail = text.partition(function)
        if not mark or was not in tail:
            sys.exit(f"{path} is not the version that deploy/vllm_cpu_lora.py mends: see whether vLLM has mended it.")
        text = head + mark + tail.replace(was, instead, 1)
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
