"""compare.py: every engine on every network in turn, round after round, so that what disturbs the
machine disturbs all alike; then the table of ratios.

Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = ["resnet8", "ds_cnn", "vww", "autoencoder"]
NETWORKS = TINY + ["mobilenet_v1", "mobilenet_v2"]
CALL = "nothing"     # the network whose time is the price of a call
MACS = {"resnet8": 12501632, "ds_cnn": 2656768, "vww": 7489664, "autoencoder": 264192,
        "mobilenet_v1": 568740352, "mobilenet_v2": 300774272}
PEERS = ["onnxruntime", "litert", "openvino", "ncnn", "iree", "tvm"]
# Engines of nasc: their command after `nasc_time FOLDER`, and for how many threads they are.
OURS = {"nasc-jit": (["jit"], [1]),
        "nasc-gcc": (["gcc", "-O3", "-march=native"], [1]),
        "nasc-clang": (["clang", "-O3", "-march=native"], [1])}


class Engine:
    """A worker process on processors of its own, and what it has loaded."""

    def __init__(self, name, command, threads, log):
        processors = ",".join(str(i) for i in range(threads))
        self.name, self.threads, self.loaded = name, threads, {}
        self.process = subprocess.Popen(["taskset", "-c", processors] + command, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline().strip() or "no it has ended"
        except BrokenPipeError:
            return "no it has ended"

    def load(self, network):
        said = self.ask("load " + network)
        if said.startswith("ok"):
            self.loaded[network] = said[3:]
        else:
            print(f"{self.name}, {self.threads} threads: {network}: {said[3:]}", file=sys.stderr)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def peer_versions(folder, names):
    versions = {}
    for name in names:
        command = [sys.executable, os.path.join(HERE, "worker.py"), name, "1", folder]
        done = subprocess.run(command, input="version\n", text=True, capture_output=True)
        if done.returncode == 0 and done.stdout.strip():
            versions[name] = done.stdout.strip()
        else:
            print(f"{name} is not installed: left out", file=sys.stderr)
    return versions


def engines_new(options, versions, log):
    engines = []
    for threads in options.threads:
        for name in versions:
            worker = [sys.executable, os.path.join(HERE, "worker.py"), name, str(threads)]
            engines.append(Engine(name, worker + [options.folder], threads, log))
        for name, (command, counts) in OURS.items():
            if threads in counts and name in options.ours:
                folder = os.path.join(options.folder, name)
                engines.append(Engine(name, [options.nasc_time, folder] + command, threads, log))
    return engines


def peak(options, threads):
    processors = ",".join(str(i) for i in range(threads))
    done = subprocess.run(["taskset", "-c", processors, options.peak, str(threads)], text=True,
                          capture_output=True)
    return float(done.stdout.split()[0]) if done.returncode == 0 else None


def measure(options, engines):
    rows, peaks = [], {threads: [] for threads in options.threads}
    for turn in range(options.rounds):
        for threads in options.threads:
            peaks[threads].append(peak(options, threads))
        for network in options.networks + [CALL]:
            for engine in engines[::-1] if turn % 2 else engines:
                if network not in engine.loaded:
                    continue
                said = engine.ask(f"time {network} {options.seconds}").split()
                if len(said) != 3:
                    del engine.loaded[network]
                    continue
                rows.append({"engine": engine.name, "threads": engine.threads,
                             "network": network, "round": turn, "calls": int(said[0]),
                             "least_ns": float(said[1]), "median_ns": float(said[2])})
        print(f"round {turn + 1} of {options.rounds}", file=sys.stderr)
    return rows, peaks


# ---- the table ----

def best(rows, engine, network, threads, what):
    times = [row[what] for row in rows if row["engine"] == engine
             and row["network"] == network and row["threads"] == threads]
    return min(times) if times else None


def net_time(rows, engine, network, threads, what):
    """Without the price of a call, which a program in C would not pay."""
    time_ns = best(rows, engine, network, threads, what)
    call = best(rows, engine, CALL, threads, what) or 0
    return None if time_ns is None else max(time_ns - call, 1)


def engine_names(data):
    seen = {row["engine"] for row in data["rows"]}
    return [name for name in PEERS + list(OURS) if name in seen]


def table(data, threads, what):
    """Microseconds of one inference; the best peer; how much faster nasc is; shares of peak."""
    names = engine_names(data)
    ours = [name for name in names if name in OURS]
    peaks = [value for value in data["peaks"][str(threads)] if value]
    lines = ["| network | " + " | ".join(names) + " | best peer | of peak |"
             + "".join(f" {name}: x best | of peak |" for name in ours),
             "|---|" + "---:|" * len(names) + "---|---:|" + "---:|---:|" * len(ours)]
    ratios = {name: {} for name in ours}
    for network in data["networks"]:
        times = {name: net_time(data["rows"], name, network, threads, what) for name in names}
        peers = {name: t for name, t in times.items() if t and name not in OURS}
        if not peers:
            continue
        first = min(peers, key=peers.get)

        def share(time_ns):
            whole = max(peaks) * time_ns * 1e-9 if peaks and time_ns else None
            return f"{MACS[network] / whole:.0%}" if whole else "-"
        cells = [f"{t / 1e3:.1f}" if t else "-" for t in times.values()] + [first,
                                                                             share(peers[first])]
        for name in ours:
            ratios[name][network] = peers[first] / times[name] if times[name] else None
            cells += [f"{ratios[name][network]:.2f}" if times[name] else "-",
                      share(times[name])]
        lines.append(f"| {network} | " + " | ".join(cells) + " |")
    for name in ours:
        tiny = [ratios[name].get(network) for network in TINY]
        if all(tiny):
            lines += ["", f"{name}: geometric mean over the tiny four {mean_of(tiny):.2f} x the "
                      f"best peer; with the price of peers' calls "
                      f"{mean_of(ratios_as_called(data, name, threads, what)):.2f} x"]
    return "\n".join(lines)


def mean_of(ratios):
    return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))


def ratios_as_called(data, ours, threads, what):
    """How much faster than the best peer, its call from Python included."""
    peers = [name for name in engine_names(data) if name not in OURS]
    ratios = []
    for network in TINY:
        times = [best(data["rows"], name, network, threads, what) for name in peers]
        ratios.append(min(t for t in times if t)
                      / best(data["rows"], ours, network, threads, what))
    return ratios


def calls_line(data, threads):
    cells = []
    for name in engine_names(data):
        call = best(data["rows"], name, CALL, threads, "median_ns")
        if call:
            cells.append(f"{name} {call / 1e3:.1f}")
    return "Price of a call, subtracted above, in microseconds: " + ", ".join(cells) + "."


def report(data):
    parts = [f"{data['machine']['processor']}, {data['machine']['system']}, {data['when']}; load "
             f"{data['machine']['load']}. Versions: "
             + ", ".join(f"{name} {version}" for name, version in data["versions"].items())
             + f". {data['rounds']} rounds of {data['seconds']} s each."]
    for threads in data["threads"]:
        peaks = [value for value in data["peaks"][str(threads)] if value]
        word = f"{max(peaks) / 1e9:.1f} G products/s" if peaks else "not known here"
        parts.append(f"## {threads} thread{'s' * (threads > 1)}; 8-bit dot-product peak {word}")
        for what, title in (("median_ns", "the best round's median"), ("least_ns", "the least")):
            parts.append(f"Microseconds, {title}:\n\n{table(data, threads, what)}")
        parts.append(calls_line(data, threads))
    return "\n\n".join(parts)


def processor():
    with open("/proc/cpuinfo") as lines:
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = [flag for flag in ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8")
             if flag in facts.get("flags", "").split()]
    return (f"{facts.get('model name', platform.machine())} (family {facts.get('cpu family')}, "
            f"model {facts.get('model')}; {' '.join(flags)}), {os.cpu_count()} processors")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="for what is made on the way")
    parser.add_argument("--nasc-time", help="the program nasc_time")
    parser.add_argument("--peak", help="the program peak")
    parser.add_argument("--raw", help="where the raw figures go, as JSON")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--peers", nargs="+", default=PEERS)
    parser.add_argument("--ours", nargs="+", default=list(OURS))
    parser.add_argument("--show", help="print the tables of these raw figures, measure nothing")
    return parser.parse_args()


def main():
    options = arguments()
    if options.show:
        with open(options.show) as raw:
            print(report(json.load(raw)))
        return
    if not (options.folder and options.nasc_time and options.peak):
        sys.exit("compare.py: run it by bench/peers/run, or with --show FILE")
    options.threads = [n for n in options.threads if n <= len(os.sched_getaffinity(0))]
    versions = peer_versions(options.folder, options.peers)
    with open(os.path.join(options.folder, "log"), "w") as log:
        engines = engines_new(options, versions, log)
        agreement = {}
        for network in options.networks + [CALL]:
            for engine in engines:
                if network == CALL and engine.name in OURS:
                    continue     # called as the program itself would
                engine.load(network)
                if network in engine.loaded and engine.threads == 1:
                    agreement.setdefault(engine.name, {})[network] = engine.loaded[network]
        rows, peaks = measure(options, engines)
        for engine in engines:
            engine.end()
    data = {"when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "machine": {"processor": processor(), "system": platform.platform(),
                        "load": " ".join(f"{x:.1f}" for x in os.getloadavg())},
            "versions": versions, "rounds": options.rounds, "seconds": options.seconds,
            "threads": options.threads, "networks": options.networks, "agreement": agreement,
            "peaks": {str(threads): values for threads, values in peaks.items()}, "rows": rows}
    if options.raw:
        with open(options.raw, "w") as raw:
            raw.write(json.dumps(data).replace("}, {", "},\n{") + "\n")
    print(report(data))


main()
