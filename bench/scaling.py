"""`python -m bench scaling`: how the time of a gradient grows with the size of the work, as a picture and its numbers.

The elementwise row goes from 10 to 10 million elements with the C line beside it; GMM is stretched in n, d and k, one at a time.
"""

import json
from dataclasses import replace

from . import environment, measure, peers
from .workloads import WORKLOADS

PEERS = ("tapejit", "c", "numpy", "value", "jax", "autograd", "torch", "drjit")
BASE = {"n": 1_000, "d": 10, "k": 25}
AXES = {
    "waves: n": ("waves", [{"n": 10**power} for power in range(1, 8)], "n"),
    "gmm: n (d = 10, k = 25)": ("gmm", [BASE | {"n": n} for n in (10, 100, 1_000, 10_000, 100_000)], "n"),
    "gmm: d (n = 1,000, k = 25)": ("gmm", [BASE | {"d": d} for d in (2, 4, 8, 16, 32, 64)], "d"),
    "gmm: k (n = 1,000, d = 10)": ("gmm", [BASE | {"k": k} for k in (2, 5, 10, 25, 50, 100, 200)], "k"),
}
COLOURS = dict(zip(PEERS, ("#d62728", "black", "#1f77b4", "#9ecae1", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b")))


def lines(names):
    """{title: {peer: [(size, seconds)]}}: medians."""
    found = {}
    for title, (name, sizes, axis) in AXES.items():
        found[title] = {}
        for size in sizes:
            workload = replace(WORKLOADS[name], sizes={"": size})
            times = measure.rounds_of(measure.prepare(workload, "", names), quick=True)
            for peer, stats in measure.group(title, "speed", times)["peers"].items():
                found[title].setdefault(peer, []).append((size[axis], stats["median"]))
            print(f"{title} {size[axis]:,}", flush=True)
    return found


def main(folder):
    results = {**environment.describe(), "lines": lines(peers.installed(PEERS))}
    (folder / "scaling.json").write_text(json.dumps(results, indent=1))
    draw(results, folder / "scaling.svg")


def draw(results, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "tapejit"
    from matplotlib import pyplot, ticker

    figure, panels = pyplot.subplots(2, 2, figsize=(11, 8), constrained_layout=True)
    for panel, (title, by_peer) in zip(panels.flat, results["lines"].items()):
        for peer, points in by_peer.items():
            sizes, seconds = zip(*points)
            line, dashes = (2.4, "-") if peer == "tapejit" else (1.2, "--" if peer in ("c", "value") else "-")
            panel.loglog(sizes, seconds, dashes, marker=".", color=COLOURS[peer], lw=line, label=peers.TITLES[peer])
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
        panel.xaxis.set_minor_formatter(ticker.NullFormatter())
        panel.set(title=title, xlabel=title.split()[1], ylabel="seconds of value and gradient")
        panel.grid(alpha=0.3)
    panels.flat[0].legend(fontsize="small")
    threads = "one thread" if results["threads"] == 1 else f"{results['threads']} threads"
    figure.suptitle(f"{results['machine']['processor']}, {threads}, 64 bits", fontsize="small")
    figure.savefig(path, metadata={"Date": None})
