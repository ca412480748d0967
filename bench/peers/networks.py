"""networks.py: the networks of bench/peers as lists of layers with random weights, run in floats
on noise, so that the peers' int8 models have sensible scales and something to be held to.

Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

The shapes are those of stdlib/std/backbones.nas, with batch norms folded. Tensors are NHWC.
"""
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Tensor:
    name: str
    shape: tuple            # without the batch: (h, w, c) or (n,)
    low: float = 0.0        # of the values seen
    high: float = 0.0

    def quantised(self):
        """Scale and zero point of unsigned codes; those of signed ones are 128 lower."""
        low, high = min(self.low, 0.0), max(self.high, 1e-6)
        scale = (high - low) / 255
        return scale, int(np.clip(round(-low / scale), 0, 255))


@dataclass
class Layer:
    kind: str               # conv, depthwise, dense, add, average
    inputs: list            # of tensors
    out: Tensor
    kernel: tuple = (1, 1)
    stride: int = 1
    clamp: str = ""         # relu, relu6
    weight: np.ndarray = None   # (out, kh, kw, in); depthwise (channels, kh, kw, 1); (out, in)
    bias: np.ndarray = None

    def padding(self):
        """(before, after) of height and width: the smaller half comes first."""
        pads = []
        for extent, kernel in zip(self.inputs[0].shape, self.kernel):
            outputs = -(-extent // self.stride)
            whole = max((outputs - 1) * self.stride + kernel - extent, 0)
            pads.append((whole // 2, whole - whole // 2))
        return pads

    def weight_scales(self):
        rows = np.abs(self.weight.reshape(len(self.weight), -1)).max(axis=1)
        return np.maximum(rows, 1e-9) / 127

    def weight_codes(self):
        scale = self.weight_scales().reshape((-1,) + (1,) * (self.weight.ndim - 1))
        return np.clip(np.rint(self.weight / scale), -127, 127).astype(np.int8)

    def bias_codes(self):
        scale = self.inputs[0].quantised()[0] * self.weight_scales()
        return np.rint(self.bias / scale).astype(np.int32)

    def macs(self):
        if self.kind in ("add", "average"):
            return 0
        pixels = int(np.prod(self.out.shape[:-1]))
        return pixels * self.weight.size


@dataclass
class Network:
    name: str
    input: Tensor
    layers: list = field(default_factory=list)
    images: np.ndarray = None    # (n, ...) noise in the codes of the input, 0 .. 255
    result: np.ndarray = None    # (n, outputs) of the floats

    def macs(self):
        return sum(layer.macs() for layer in self.layers)


class Builder:
    """Adds layers, and runs each at once on the images, normalised as a batch norm would."""

    def __init__(self, name, shape, images, seed=1):
        self.random = np.random.default_rng(seed)
        self.network = Network(name, Tensor("input", shape, -2.0, 2.0))
        codes = self.random.integers(0, 256, (images,) + shape, dtype=np.uint8)
        scale, zero = self.network.input.quantised()
        self.network.images = codes
        self.value = {"input": (codes.astype(np.float32) - zero) * np.float32(scale)}
        self.at = self.network.input

    def finish(self, layer, y, normalise):
        channels = y.shape[-1]
        if layer.weight is not None:
            flat = y.reshape(-1, channels)
            layer.bias = np.zeros(channels, np.float32)
            if normalise:
                gain = 1 / (flat.std(axis=0) + 1e-3)
                layer.bias = (-flat.mean(axis=0) * gain).astype(np.float32)
                layer.weight *= gain.reshape((-1,) + (1,) * (layer.weight.ndim - 1))
                y = y * gain + layer.bias
        if layer.clamp:
            y = np.clip(y, 0, 6 if layer.clamp == "relu6" else None)
        layer.out.low, layer.out.high = float(y.min()), float(y.max())
        if layer.clamp:
            layer.out.low = 0.0
        self.value[layer.out.name] = y.astype(np.float32)
        self.network.layers.append(layer)
        self.at = layer.out
        return layer.out

    def tensor(self, shape):
        return Tensor(f"t{len(self.network.layers)}", tuple(shape))

    def normal(self, shape, fan_in):
        return (self.random.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)

    def window(self, kind, channels, kernel, stride, clamp, normalise, x):
        kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        h, w, c = x.shape
        out = self.tensor((-(-h // stride), -(-w // stride), channels))
        layer = Layer(kind, [x], out, kernel, stride, clamp)
        group = c if kind == "conv" else 1
        layer.weight = self.normal((channels,) + kernel + (group,),
                                   kernel[0] * kernel[1] * group)
        padded = np.pad(self.value[x.name], [(0, 0)] + layer.padding() + [(0, 0)])
        y = np.zeros((len(padded),) + out.shape, np.float32)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                tap = padded[:, i:i + (out.shape[0] - 1) * stride + 1:stride,
                             j:j + (out.shape[1] - 1) * stride + 1:stride]
                w = layer.weight[:, i, j]
                y += tap @ w.T if kind == "conv" else tap * w[:, 0]
        return self.finish(layer, y, normalise)

    def conv(self, channels, kernel=3, stride=1, clamp="relu", normalise=True, x=None):
        return self.window("conv", channels, kernel, stride, clamp, normalise, x or self.at)

    def depthwise(self, kernel=3, stride=1, clamp="relu"):
        return self.window("depthwise", self.at.shape[2], kernel, stride, clamp, True, self.at)

    def dense(self, outputs, clamp="", normalise=False):
        x = self.at
        layer = Layer("dense", [x], self.tensor((outputs,)), clamp=clamp)
        layer.weight = self.normal((outputs, x.shape[0]), x.shape[0])
        return self.finish(layer, self.value[x.name] @ layer.weight.T, normalise)

    def add(self, a, b, clamp=""):
        layer = Layer("add", [a, b], self.tensor(a.shape), clamp=clamp)
        return self.finish(layer, self.value[a.name] + self.value[b.name], False)

    def average(self):
        layer = Layer("average", [self.at], self.tensor(self.at.shape[2:]))
        return self.finish(layer, self.value[self.at.name].mean(axis=(1, 2)), False)

    def done(self):
        self.network.result = self.value[self.at.name].reshape(len(self.network.images), -1)
        return self.network


def resnet8():
    b = Builder("resnet8", (32, 32, 3), 16)
    x = b.conv(16)
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        b.conv(channels, stride=stride, x=x)
        inner = b.conv(channels, clamp="")
        around = x
        if stride > 1:
            around = b.conv(channels, 1, stride, clamp="", normalise=False, x=x)
        x = b.add(inner, around, "relu")
    b.average()
    b.dense(10)
    return b.done()


def ds_cnn():
    b = Builder("ds_cnn", (49, 10, 1), 16)
    b.conv(64, (10, 4), 2)
    for _ in range(4):
        b.depthwise()
        b.conv(64, 1)
    b.average()
    b.dense(12)
    return b.done()


def mobilenet_v1(name, extent, width, classes, images):
    b = Builder(name, (extent, extent, 3), images)
    b.conv(int(32 * width), stride=2)
    for channels, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                             *[(512, 1)] * 5, (1024, 2), (1024, 1)):
        b.depthwise(stride=stride)
        b.conv(int(channels * width), 1)
    b.average()
    b.dense(classes)
    return b.done()


def mobilenet_v2():
    b = Builder("mobilenet_v2", (224, 224, 3), 4)
    b.conv(32, stride=2, clamp="relu6")
    b.depthwise(clamp="relu6")
    b.conv(16, 1, clamp="")
    for channels, count, stride in ((24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2),
                                    (320, 1, 1)):
        for i in range(count):
            x = b.at
            b.conv(x.shape[2] * 6, 1, clamp="relu6")
            b.depthwise(stride=stride if i == 0 else 1, clamp="relu6")
            b.conv(channels, 1, clamp="")
            if i > 0:
                b.add(b.at, x)
    b.conv(1280, 1, clamp="relu6")
    b.average()
    b.dense(1000)
    return b.done()


def autoencoder():
    b = Builder("autoencoder", (640,), 64)
    for width in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        b.dense(width, "relu", True)
    b.dense(640)
    return b.done()


def nothing():
    """What a call costs: the least network that every peer takes."""
    b = Builder("nothing", (4,), 4)
    b.dense(4)
    return b.done()


NETWORKS = {
    "resnet8": (resnet8, 12501632),
    "ds_cnn": (ds_cnn, 2656768),
    "vww": (lambda: mobilenet_v1("vww", 96, 0.25, 2, 16), 7489664),
    "autoencoder": (autoencoder, 264192),
    "mobilenet_v1": (lambda: mobilenet_v1("mobilenet_v1", 224, 1, 1000, 4), 568740352),
    "mobilenet_v2": (mobilenet_v2, 300774272),
    "nothing": (nothing, 16),
}


def network_named(name):
    build, macs = NETWORKS[name]
    network = build()
    assert network.macs() == macs, (name, network.macs(), macs)
    return network


def agreement(network, result):
    """The correlation of a peer's result with that of the floats: 1 is perfect."""
    a, b = network.result.ravel(), np.asarray(result, np.float64).ravel()
    return float(np.corrcoef(a, b)[0, 1])
