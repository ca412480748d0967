"""tflite_model.py: a network as a TFLite flatbuffer of signed 8 bits, with a scale for each output
channel, written by the schema that comes with LiteRT.

Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
"""
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Kind = schema.BuiltinOperator
CLAMP = {"": 0, "relu": 1, "relu6": 3}      # ActivationFunctionType
TYPE = {np.dtype(np.int8): schema.TensorType.INT8, np.dtype(np.int32): schema.TensorType.INT32}


def conv_options(layer):
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = layer.stride
    options.dilationWFactor = options.dilationHFactor = 1
    options.fusedActivationFunction = CLAMP[layer.clamp]
    return Kind.CONV_2D, schema.BuiltinOptions.Conv2DOptions, options


def depthwise_options(layer):
    options = schema.DepthwiseConv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = layer.stride
    options.depthMultiplier = options.dilationWFactor = options.dilationHFactor = 1
    options.fusedActivationFunction = CLAMP[layer.clamp]
    return Kind.DEPTHWISE_CONV_2D, schema.BuiltinOptions.DepthwiseConv2DOptions, options


def dense_options(layer):
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = CLAMP[layer.clamp]
    return Kind.FULLY_CONNECTED, schema.BuiltinOptions.FullyConnectedOptions, options


def add_options(layer):
    options = schema.AddOptionsT()
    options.fusedActivationFunction = CLAMP[layer.clamp]
    options.potScaleInt16 = False
    return Kind.ADD, schema.BuiltinOptions.AddOptions, options


def average_options(_):
    options = schema.ReducerOptionsT()
    options.keepDims = False
    return Kind.MEAN, schema.BuiltinOptions.ReducerOptions, options


OPTIONS = {"conv": conv_options, "depthwise": depthwise_options, "dense": dense_options,
           "add": add_options, "average": average_options}
VERSION = {"conv": 3, "depthwise": 3, "dense": 4, "add": 2, "average": 2}


class Flat:
    """A model under construction: one subgraph, its tensors and buffers."""

    def __init__(self):
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version = 3
        self.model.description = "bench/peers"
        self.model.subgraphs, self.model.buffers = [self.graph], [schema.BufferT()]
        self.model.operatorCodes, self.codes, self.index = [], {}, {}
        self.graph.tensors, self.graph.operators = [], []

    def tensor(self, name, shape, dtype, scales, zeros, data=None, axis=0):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), TYPE[np.dtype(dtype)]
        tensor.buffer = 0
        if scales is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [float(scale) for scale in scales]
            tensor.quantization.zeroPoint = [int(zero) for zero in zeros]
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        self.index[name] = len(self.graph.tensors) - 1
        return self.index[name]

    def activation(self, tensor):
        scale, zero = tensor.quantised()
        return self.tensor(tensor.name, (1,) + tuple(tensor.shape), np.int8, [scale],
                           [zero - 128])

    def constants(self, layer):
        name, codes, scales = layer.out.name, layer.weight_codes(), layer.weight_scales()
        axis, zeros = 0, [0] * len(scales)
        if layer.kind == "depthwise":
            codes, axis = codes.transpose(3, 1, 2, 0), 3
        in_scale = layer.inputs[0].quantised()[0]
        return [self.tensor(name + "_w", codes.shape, np.int8, scales, zeros, codes, axis),
                self.tensor(name + "_b", layer.bias.shape, np.int32, in_scale * scales, zeros,
                            layer.bias_codes())]

    def operator(self, layer, inputs):
        kind, options_type, options = OPTIONS[layer.kind](layer)
        if layer.kind not in self.codes:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = kind
            code.version = VERSION[layer.kind]
            self.codes[layer.kind] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes[layer.kind]
        operator.inputs, operator.outputs = inputs, [self.activation(layer.out)]
        operator.builtinOptionsType, operator.builtinOptions = options_type, options
        self.graph.operators.append(operator)

    def bytes(self):
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def tflite_model(network):
    flat = Flat()
    flat.graph.inputs = [flat.activation(network.input)]
    for layer in network.layers:
        inputs = [flat.index[tensor.name] for tensor in layer.inputs]
        if layer.weight is not None:
            inputs += flat.constants(layer)
        if layer.kind == "average":
            inputs.append(flat.tensor(layer.out.name + "_axes", (2,), np.int32, None, None,
                                      np.array([1, 2], np.int32)))
        flat.operator(layer, inputs)
    flat.graph.outputs = [flat.index[network.layers[-1].out.name]]
    return flat.bytes()


def tflite_input(network, image):
    return (network.images[image].astype(np.int16) - 128).astype(np.int8)[None]
