"""A BERT encoder, its mean pooling and normalisation as one OpenVINO graph, built straight from the weights.

Built by hand rather than traced from a torch module: it needs no torch, takes two seconds, and the weights of the
linear layers can be written as 8-bit integers. Those are quantized in groups of 64 inputs with a scale and a zero point
each; at run time the engine quantizes the activations in groups of 64 as well ("dynamic quantization"). On SciFact
abstracts the cosine to float32 torch stays above 0.999.

The model is that of Devlin et al., "BERT" (2019); pooling and normalisation are those of Reimers and Gurevych,
"Sentence-BERT" (2019).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError

GROUP = 64
"""Inputs that share a scale and a zero point in an 8-bit weight, and activations quantized together."""

Array = NDArray[Any]
Node = Any  # openvino ships no usable types


def build(model: Path, *, eight_bit: bool) -> Any:
    """The `openvino.Model` of a sentence-transformers folder.

    Inputs: "input_ids" and "attention_mask", int64 [batch, length]. Outputs: "embedding", float32 [batch, size], of
    length 1, and "tokens", float32 [batch, length, size], the last layer's states. Raises `ConfigurationError` for a
    model that is no BERT with mean pooling.
    """
    import openvino as ov
    from openvino import opset13 as op

    config, weights = _read(model)
    graph = _Graph(weights, config, eight_bit)
    ids = op.parameter([-1, -1], np.int64, name="input_ids")
    mask = op.parameter([-1, -1], np.int64, name="attention_mask")
    seen = op.convert(mask, np.float32)
    states = graph.embeddings(ids)
    # Added to the attention's scores: 0 where there is a token, very negative where there is padding.
    padding = op.unsqueeze(op.multiply(op.subtract(seen, _floats(1.0)), _floats(1e4)), _integers([1, 2]))
    for layer in range(config["num_hidden_layers"]):
        states = graph.layer(states, padding, f"encoder.layer.{layer}.")
    total = op.squeeze(op.matmul(op.unsqueeze(seen, _integers([1])), states, False, False), _integers([1]))
    # The sum's direction is the mean's, and only the direction is left after normalisation.
    embedding = op.normalize_l2(total, _integers([1]), 1e-12, "max")
    for node, name in ((ids, "input_ids"), (mask, "attention_mask"), (embedding, "embedding"), (states, "tokens")):
        node.output(0).set_names({name})
    return ov.Model([op.result(embedding), op.result(states)], [ids, mask], "bert")


class _Graph:
    """Writes the parts of the encoder; `weights` by their names in the checkpoint."""

    def __init__(self, weights: dict[str, Array], config: dict[str, Any], eight_bit: bool) -> None:
        self._weights = weights
        self._heads: int = config["num_attention_heads"]
        self._size: int = config["hidden_size"]
        self._epsilon: float = config["layer_norm_eps"]
        self._eight_bit = eight_bit

    def embeddings(self, ids: Node) -> Node:
        from openvino import opset13 as op

        prefix = "embeddings."
        # There is one text only, so its type's vector is the same everywhere and joins the positions'.
        positions = (
            self._weights[prefix + "position_embeddings.weight"]
            + self._weights[prefix + "token_type_embeddings.weight"][0]
        )
        length = op.gather(op.shape_of(ids), _integers([1]), _integers(0))
        here = op.slice(_floats(positions), _integers([0]), length, _integers([1]), _integers([0]))
        words = op.gather(_floats(self._weights[prefix + "word_embeddings.weight"]), ids, _integers(0))
        return self._norm(op.add(words, here), prefix + "LayerNorm")

    def layer(self, states: Node, padding: Node, prefix: str) -> Node:
        from openvino import opset13 as op

        attention = self._linear(
            self._attention(states, padding, prefix + "attention.self."), prefix + "attention.output.dense"
        )
        states = self._norm(op.add(attention, states), prefix + "attention.output.LayerNorm")
        wide = op.gelu(self._linear(states, prefix + "intermediate.dense"), "ERF")
        return self._norm(op.add(self._linear(wide, prefix + "output.dense"), states), prefix + "output.LayerNorm")

    def _attention(self, states: Node, padding: Node, prefix: str) -> Node:
        from openvino import opset13 as op

        width = self._size // self._heads
        scale = 1 / math.sqrt(width)

        def heads(name: str, order: list[int], factor: float = 1.0) -> Node:
            flat = self._linear(states, prefix + name, factor)
            return op.transpose(op.reshape(flat, _integers([0, 0, self._heads, width]), True), _integers(order))

        scores = op.matmul(heads("query", [0, 2, 1, 3], scale), heads("key", [0, 2, 3, 1]), False, False)
        weights = op.softmax(op.add(scores, padding), 3)
        mixed = op.transpose(op.matmul(weights, heads("value", [0, 2, 1, 3]), False, False), _integers([0, 2, 1, 3]))
        return op.reshape(mixed, _integers([0, 0, self._size]), True)

    def _linear(self, states: Node, name: str, factor: float = 1.0) -> Node:
        from openvino import opset13 as op

        weight, bias = self._weights[name + ".weight"] * factor, self._weights[name + ".bias"] * factor
        matrix = _eight_bit(weight) if self._eight_bit and weight.shape[1] % GROUP == 0 else _floats(weight)
        return op.add(op.matmul(states, matrix, False, True), _floats(bias.reshape(1, 1, -1)))

    def _norm(self, states: Node, name: str) -> Node:
        from openvino import opset13 as op

        even = op.mvn(states, _integers([-1]), True, self._epsilon, "INSIDE_SQRT")
        scaled = op.multiply(even, _floats(self._weights[name + ".weight"]))
        return op.add(scaled, _floats(self._weights[name + ".bias"]))


def _eight_bit(weight: Array) -> Node:
    """A matrix [outputs, inputs] as unsigned bytes with a zero point and a scale for each group of inputs."""
    from openvino import opset13 as op

    outputs, inputs = weight.shape
    grouped = weight.astype(np.float32).reshape(outputs, inputs // GROUP, GROUP)
    low, high = np.minimum(grouped.min(-1, keepdims=True), 0), np.maximum(grouped.max(-1, keepdims=True), 0)
    scale = np.maximum((high - low) / 255, np.finfo(np.float32).tiny)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    whole = np.clip(np.rint(grouped / scale) + zero, 0, 255).astype(np.uint8)
    centred = op.subtract(
        op.convert(op.constant(whole), np.float32), op.convert(op.constant(zero.astype(np.uint8)), np.float32)
    )
    return op.reshape(op.multiply(centred, _floats(scale)), _integers([outputs, inputs]), False)


def _read(model: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    from safetensors.numpy import load_file

    try:
        config = json.loads((model / "config.json").read_text("utf-8"))
        pooling = json.loads((model / "1_Pooling" / "config.json").read_text("utf-8"))
        weights: dict[str, Array] = load_file(model / "model.safetensors")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The embedding model in {model} cannot be read: {error}.") from error
    modes = {name for name, on in pooling.items() if name.startswith("pooling_mode_") and on is True}
    mean = modes == {"pooling_mode_mean_tokens"} or pooling.get("pooling_mode") == "mean"
    plain = config.get("position_embedding_type", "absolute") == "absolute" and config.get("hidden_act") == "gelu"
    if config.get("model_type") != "bert" or not mean or not plain:
        raise ConfigurationError(
            f"The model in {model} is no BERT encoder with mean pooling; run it with "
            "retrieval.embedder.kind=transformers."
        )
    return config, {name.removeprefix("bert."): array.astype(np.float32) for name, array in weights.items()}


def _floats(values: Any) -> Node:
    from openvino import opset13 as op

    return op.constant(np.ascontiguousarray(values, dtype=np.float32))


def _integers(values: Any) -> Node:
    from openvino import opset13 as op

    return op.constant(np.array(values, dtype=np.int64))


__all__ = ["GROUP", "build"]
