"""ncnn_model.py: a network in ncnn's two files, text of layers and bytes of weights, of 8 bits with
a scale for each output channel; results that only 8-bit layers read stay in 8 bits.

Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
"""
import struct

import numpy as np

MAGIC, INT8_TAG = 7767517, 0x000D4B38
CLAMP = {"": "", "relu": " 9=1", "relu6": " 9=3 -23310=2,0.0,6.0"}


def readers(network, tensor):
    return [layer for layer in network.layers if tensor in layer.inputs]


def stays_narrow(network, tensor):
    """Whether only layers that take 8 bits read it."""
    by = readers(network, tensor)
    return bool(by) and all(layer.kind in ("conv", "depthwise") for layer in by)


def step(tensor):
    """Codes per unit: ncnn's are symmetric."""
    return 127 / max(-tensor.low, tensor.high, 1e-6)


def weight_bytes(network, layer):
    codes = layer.weight_codes()
    if codes.ndim == 4:
        codes = codes.transpose(0, 3, 1, 2)
    raw = np.ascontiguousarray(codes).tobytes()
    parts = [struct.pack("<I", INT8_TAG), raw, b"\0" * (-len(raw) % 4),
             layer.bias.astype("<f4").tobytes(),
             (1 / layer.weight_scales()).astype("<f4").tobytes(),
             struct.pack("<f", step(layer.inputs[0]))]
    if layer.kind != "dense" and stays_narrow(network, layer.out):
        parts.append(struct.pack("<f", step(layer.out)))
    return b"".join(parts)


def parameters(network, layer):
    channels, size = layer.out.shape[-1], layer.weight.size
    if layer.kind == "dense":
        return f"0={channels} 1=1 2={size} 8=2" + CLAMP[layer.clamp]
    (top, bottom), (left, right) = layer.padding()
    term = (1 if layer.kind == "depthwise" else 2) + 100 * stays_narrow(network, layer.out)
    groups = f" 7={channels}" if layer.kind == "depthwise" else ""
    return (f"0={channels} 1={layer.kernel[1]} 11={layer.kernel[0]} 3={layer.stride} "
            f"4={left} 14={top} 15={right} 16={bottom} 5=1 6={size}{groups} 8={term}"
            + CLAMP[layer.clamp])


KIND = {"conv": "Convolution", "depthwise": "ConvolutionDepthWise", "dense": "InnerProduct",
        "add": "BinaryOp", "average": "Pooling"}


class Text:
    def __init__(self, network):
        self.network, self.lines, self.blobs, self.free = network, [], 0, {}

    def line(self, kind, name, inputs, outputs, rest=""):
        self.lines.append(f"{kind} {name} {len(inputs)} {len(outputs)} "
                          f"{' '.join(inputs + outputs)} {rest}".rstrip())
        self.blobs += len(outputs)

    def give(self, tensor):
        """A blob has one reader: more get copies of their own."""
        count = len(readers(self.network, tensor))
        self.free[tensor.name] = [tensor.name]
        if count > 1:
            names = [f"{tensor.name}_{i}" for i in range(count)]
            self.line("Split", f"{tensor.name}_split", [tensor.name], names)
            self.free[tensor.name] = names


def ncnn_model(network):
    """The text and the bytes."""
    text, weights = Text(network), []
    text.line("Input", "input", [], ["input"])
    text.give(network.input)
    for layer in network.layers:
        inputs = [text.free[tensor.name].pop(0) for tensor in layer.inputs]
        rest = {"add": "0=0", "average": "0=1 4=1"}.get(layer.kind)
        if layer.weight is not None:
            weights.append(weight_bytes(network, layer))
            rest = parameters(network, layer)
        raw = layer.out.name + "_raw" if layer.kind == "add" and layer.clamp else layer.out.name
        text.line(KIND[layer.kind], "make_" + raw, inputs, [raw], rest)
        if raw != layer.out.name:
            text.line("ReLU", "make_" + layer.out.name, [raw], [layer.out.name])
        text.give(layer.out)
    head = f"{MAGIC}\n{len(text.lines)} {text.blobs}\n"
    return head + "\n".join(text.lines) + "\n", b"".join(weights)


def ncnn_input(network, image):
    """Floats, channels first: what ncnn's own models are given."""
    scale, zero = network.input.quantised()
    values = (network.images[image].astype(np.float32) - zero) * np.float32(scale)
    return np.ascontiguousarray(values.transpose(2, 0, 1) if values.ndim == 3 else values)
