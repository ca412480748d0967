"""worker.py: one peer in a process of its own, which loads networks and times them when told to.

Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

usage: worker.py PEER THREADS FOLDER

A line for a line: "load NAME" is answered by "ok AGREEMENT", the correlation of its results with
those of floats, or by "no REASON"; "time NAME SECONDS" by the number of calls, and the least and
the median time of one, in nanoseconds; "version" by the peer's.
"""
import importlib.metadata
import json
import os
import subprocess
import sys
import time

import numpy as np

from networks import agreement, network_named

MOST_SAMPLES = 1 << 17


def time_calls(call, seconds):
    samples, end = [], time.perf_counter_ns() + int(seconds * 1e9)
    clock, before = time.perf_counter_ns, 0
    while before < end and len(samples) < MOST_SAMPLES:
        before = clock()
        call()
        samples.append(clock() - before)
    samples.sort()
    return len(samples), samples[0], samples[len(samples) // 2]


class Peer:
    """A peer loads a network, runs it on an image, and gives the call that is timed."""

    packages = []

    def __init__(self, threads, folder):
        self.threads, self.folder, self.calls = threads, folder, {}

    def load(self, network):
        """Returns run(image) and call()."""
        raise NotImplementedError

    def add(self, name):
        network = network_named(name)
        run, call = self.load(network)
        results = [run(image) for image in range(len(network.images))]
        self.calls[name] = call
        return agreement(network, results)

    def time(self, name, seconds):
        return time_calls(self.calls[name], seconds)

    def path(self, network, suffix):
        return os.path.join(self.folder, f"{network.name}_{self.threads}.{suffix}")


class OnnxRuntime(Peer):
    packages = ["onnxruntime"]

    def load(self, network):
        import onnxruntime
        from onnx_model import onnx_input, onnx_model
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        session = onnxruntime.InferenceSession(
            onnx_model(network, channels_last=True).SerializeToString(), options,
            providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        binding.bind_cpu_input("input", onnx_input(network, 0, channels_last=True))
        binding.bind_output(session.get_outputs()[0].name)

        def run(image):
            return session.run(None, {"input": onnx_input(network, image,
                                                          channels_last=True)})[0][0]
        return run, lambda: session.run_with_iobinding(binding)


class LiteRt(Peer):
    packages = ["ai-edge-litert"]

    def load(self, network):
        from ai_edge_litert.interpreter import Interpreter
        from tflite_model import tflite_input, tflite_model
        interpreter = Interpreter(model_content=tflite_model(network),
                                  num_threads=self.threads)
        interpreter.allocate_tensors()
        given = interpreter.get_input_details()[0]["index"]
        result = interpreter.get_output_details()[0]["index"]

        def run(image):
            interpreter.set_tensor(given, tflite_input(network, image))
            interpreter.invoke()
            return interpreter.get_tensor(result)[0].copy()
        return run, interpreter.invoke


class OpenVino(Peer):
    packages = ["openvino"]

    def load(self, network):
        import openvino
        from onnx_model import onnx_input, onnx_model
        core = openvino.Core()
        compiled = core.compile_model(
            core.read_model(onnx_model(network).SerializeToString()), "CPU",
            {"INFERENCE_NUM_THREADS": self.threads, "NUM_STREAMS": 1,
             "PERFORMANCE_HINT": "LATENCY"})
        request = compiled.create_infer_request()

        def run(image):
            request.set_input_tensor(openvino.Tensor(onnx_input(network, image)))
            request.infer()
            return request.get_output_tensor().data[0].copy()
        return run, request.infer


def len_of(mat):
    return mat.w


class Ncnn(Peer):
    packages = ["ncnn"]

    def load(self, network):
        import ncnn
        from ncnn_model import ncnn_input, ncnn_model
        text, weights = ncnn_model(network)
        param, binary = self.path(network, "param"), self.path(network, "bin")
        with open(param, "w") as out:
            out.write(text)
        with open(binary, "wb") as out:
            out.write(weights)
        net = ncnn.Net()
        net.opt.num_threads = self.threads
        if net.load_param(param) or net.load_model(binary):
            raise RuntimeError("ncnn does not load the model")
        last, values = network.layers[-1].out.name, ncnn_input(network, 0)
        kept = ncnn.Mat(values).clone()

        def extract(mat, use):
            extractor = net.create_extractor()
            extractor.input("input", mat)
            return use(extractor.extract(last)[1])     # the result is the extractor's

        def run(image):
            values = ncnn_input(network, image)     # what a Mat refers to must outlive it
            return extract(ncnn.Mat(values), lambda mat: np.array(mat).copy())
        self.nets = getattr(self, "nets", []) + [net]
        return run, lambda: extract(kept, len_of)


class Iree(Peer):
    packages = ["iree-base-compiler", "iree-base-runtime"]

    def tool(self, name, *arguments):
        program = os.path.join(os.path.dirname(sys.executable), name)
        done = subprocess.run([program, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[0])
        return done.stdout

    def device(self):
        if self.threads == 1:
            return ["--device=local-sync"]
        return ["--device=local-task", f"--task_topology_group_count={self.threads}"]

    def module(self, network):
        """Compiled once for all runs of this version: that takes it minutes."""
        import onnx
        from onnx_model import onnx_model
        version = importlib.metadata.version(self.packages[0])
        module = os.path.join(self.folder, f"{network.name}_{version}.vmfb")
        if not os.path.exists(module):
            model, text = self.path(network, "onnx"), self.path(network, "mlir")
            onnx.save(onnx_model(network), model)
            self.tool("iree-import-onnx", model, "-o", text, "--opset-version", "17")
            self.tool("iree-compile", text, "--iree-hal-target-device=local",
                      "--iree-hal-local-target-device-backends=llvm-cpu",
                      "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3",
                      "-o", module + ".part")
            os.rename(module + ".part", module)
        return module

    def load(self, network):
        from onnx_model import onnx_input
        module = self.module(network)
        common = ["--module=" + module, "--function=" + network.name] + self.device()

        def run(image):
            given, result = self.path(network, "in.npy"), self.path(network, "out.npy")
            np.save(given, onnx_input(network, image))
            self.tool("iree-run-module", *common, "--input=@" + given, "--output=@" + result)
            return np.load(result)[0].view(np.uint8)     # saved as signed
        shape = "x".join(str(extent) for extent in onnx_input(network, 0).shape)
        return run, common + [f"--input={shape}xui8"]

    def time(self, name, seconds):
        """By its own tool, which calls without Python; its least is that of five means."""
        said = json.loads(self.tool(
            "iree-benchmark-module", *self.calls[name], "--benchmark_format=json",
            "--benchmark_repetitions=5", f"--benchmark_min_time={seconds / 5:.3f}s"))
        unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
        means = sorted(row["real_time"] * unit[row["time_unit"]]
                       for row in said["benchmarks"] if row["run_type"] == "iteration")
        count = sum(row["iterations"] for row in said["benchmarks"]
                    if row["run_type"] == "iteration")
        return count, means[0], means[len(means) // 2]


class Tvm(Peer):
    packages = ["apache-tvm"]

    def load(self, network):
        import tvm
        from tvm import relax
        from tvm.relax.frontend.onnx import from_onnx
        from onnx_model import onnx_input, onnx_model
        processor = tvm.target.codegen.llvm_get_system_cpu()
        target = tvm.target.Target({"kind": "llvm", "mcpu": processor,
                                    "num-cores": self.threads})
        machine = relax.VirtualMachine(
            tvm.compile(from_onnx(onnx_model(network)), target=target), tvm.cpu())
        kept, main = tvm.runtime.tensor(onnx_input(network, 0)), machine["main"]

        def run(image):
            result = main(tvm.runtime.tensor(onnx_input(network, image)))
            return (result if hasattr(result, "numpy") else result[0]).numpy()[0]
        return run, lambda: main(kept)


PEERS = {"onnxruntime": OnnxRuntime, "litert": LiteRt, "openvino": OpenVino, "ncnn": Ncnn,
         "iree": Iree, "tvm": Tvm}


def answer(peer, words):
    if words[0] == "version":
        return " ".join(importlib.metadata.version(name) for name in peer.packages)
    if words[0] == "load":
        try:
            return f"ok {peer.add(words[1]):.4f}"
        except Exception as fault:     # whatever a peer throws is its answer
            return "no " + (str(fault).strip().splitlines() or [type(fault).__name__])[0]
    return "%d %.0f %.0f" % peer.time(words[1], float(words[2]))


def main():
    threads = int(sys.argv[2])
    os.environ["TVM_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(threads)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)     # what libraries print is no answer
    peer = PEERS[sys.argv[1]](threads, sys.argv[3])
    for line in sys.stdin:
        replies.write(answer(peer, line.split()) + "\n")
        replies.flush()


main()
