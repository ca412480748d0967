"""onnx_model.py: a network as an ONNX model of 8 bits: unsigned activations, signed weights with
a scale for each output channel, every tensor between QuantizeLinear and DequantizeLinear.

Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

Clamps at zero stand in the range of the unsigned codes, so no Relu is left to compute; one at 6
likewise, since a tensor's range ends there. The input is given as codes, as an image comes.
"""
import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Graph:
    def __init__(self, signed):
        self.nodes, self.constants, self.signed = [], [], signed

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def range_of(self, tensor):
        """The names of a tensor's scale and zero point."""
        scale, zero = tensor.quantised()
        code = np.int8(zero - 128) if self.signed else np.uint8(zero)
        return [self.constant(f"{tensor.name}_scale", np.float32(scale)),
                self.constant(f"{tensor.name}_zero", code)]

    def pair(self, tensor, value, again=""):
        """Codes of a value, and the value that they stand for: what the next layer reads."""
        about = self.range_of(tensor)
        codes = self.node("QuantizeLinear", [value] + about, f"{tensor.name}{again}_codes")
        return self.node("DequantizeLinear", [codes] + about, f"{tensor.name}{again}_value")

    def weights(self, layer):
        name, codes = layer.out.name, layer.weight_codes()
        if layer.kind != "dense":
            codes = np.ascontiguousarray(codes.transpose(0, 3, 1, 2))
        scales = layer.weight_scales().astype(np.float32)
        zeros = np.zeros(len(scales), np.int8)
        weight = self.node("DequantizeLinear",
                           [self.constant(f"{name}_w", codes),
                            self.constant(f"{name}_ws", scales),
                            self.constant(f"{name}_wz", zeros)], f"{name}_weight", axis=0)
        scale = layer.inputs[0].quantised()[0] * scales
        bias = self.node("DequantizeLinear",
                         [self.constant(f"{name}_b", layer.bias_codes()),
                          self.constant(f"{name}_bs", scale.astype(np.float32)),
                          self.constant(f"{name}_bz", zeros.astype(np.int32))],
                         f"{name}_bias", axis=0)
        return [weight, bias]


def window_attributes(layer):
    (top, bottom), (left, right) = layer.padding()
    groups = layer.inputs[0].shape[2] if layer.kind == "depthwise" else 1
    return {"kernel_shape": list(layer.kernel), "strides": [layer.stride] * 2,
            "pads": [top, left, bottom, right], "group": groups}


def add_layer(graph, layer, value):
    inputs = [value[tensor.name] for tensor in layer.inputs]
    raw = f"{layer.out.name}_raw"
    if layer.kind in ("conv", "depthwise"):
        graph.node("Conv", inputs + graph.weights(layer), raw, **window_attributes(layer))
    elif layer.kind == "dense":
        graph.node("Gemm", inputs + graph.weights(layer), raw, transB=1)
    elif layer.kind == "add":
        graph.node("Add", inputs, raw)
    else:
        pooled = graph.node("GlobalAveragePool", inputs, f"{layer.out.name}_pooled")
        pooled = graph.pair(layer.out, pooled)
        raw = graph.node("Flatten", [pooled], f"{layer.out.name}_flat")
        value[layer.out.name] = graph.pair(layer.out, raw, "_flat")
        return
    value[layer.out.name] = graph.pair(layer.out, raw)


def onnx_model(network, signed=False, channels_last=False):
    """channels_last: the input as it comes, transposed within the model."""
    graph = Graph(signed)
    kind = TensorProto.INT8 if signed else TensorProto.UINT8
    shape = network.input.shape
    given = (1,) + (shape if channels_last or len(shape) == 1 else (shape[2],) + shape[:2])
    codes = "input"
    if channels_last and len(shape) == 3:
        codes = graph.node("Transpose", [codes], "input_first", perm=[0, 3, 1, 2])
    value = {"input": graph.node("DequantizeLinear", [codes] + graph.range_of(network.input),
                                 "input_value")}
    for layer in network.layers:
        add_layer(graph, layer, value)
    last = graph.nodes.pop()     # the result is codes too
    result = helper.make_tensor_value_info(last.input[0], kind, [1, network.result.shape[1]])
    model = helper.make_model(
        helper.make_graph(graph.nodes, network.name,
                          [helper.make_tensor_value_info("input", kind, given)], [result],
                          unique(graph.constants)),
        opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model


def unique(constants):
    return list({constant.name: constant for constant in constants}.values())


def onnx_input(network, image, signed=False, channels_last=False):
    codes = network.images[image]
    if signed:
        codes = (codes.astype(np.int16) - 128).astype(np.int8)
    if codes.ndim == 3 and not channels_last:
        codes = codes.transpose(2, 0, 1)
    return np.ascontiguousarray(codes[None])
