"""`python -m bench`: run the benchmarks and print a table; `python -m bench compare A.json B.json`; `... readme A.json`; `... scaling`;
`... accuracy`."""

import argparse
import json
import re
import sys
from datetime import datetime
from pathlib import Path

from . import environment

RESULTS = Path(__file__).parent / "results"


def arguments(argv):
    parser = argparse.ArgumentParser("python -m bench", description="Run the benchmarks; one table, one results file.")
    parser.add_argument("-k", default="", metavar="PATTERN", help="only groups whose name matches this regular expression")
    parser.add_argument("--quick", action="store_true", help="few short rounds: a first look")
    parser.add_argument("--peers", default="", metavar="A,B", help="tapejit and these peers; default: all that are installed")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of all peers; default 1")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the results file; default: a new one in bench/results/")
    return parser.parse_args(argv)


def main(argv):
    if argv[:1] == ["compare"]:
        from .report import comparison

        before, after = (json.loads(Path(name).read_text()) for name in argv[1:3])
        print("\n".join(comparison(before, after)))
    elif argv[:1] == ["readme"]:
        from .report import write_readme

        write_readme(json.loads(Path(argv[1]).read_text()))
    elif argv[:1] == ["scaling"]:
        environment.set_threads(1)
        from .scaling import main as scaling

        RESULTS.mkdir(exist_ok=True)
        scaling(RESULTS)
    elif argv[:1] == ["accuracy"]:
        from .accuracy import main as accuracy

        RESULTS.mkdir(exist_ok=True)
        accuracy(RESULTS)
    else:
        return run(arguments(argv))


def run(options):
    environment.set_threads(options.threads)
    from . import peers, report, suite

    names = peers.installed(["tapejit", *options.peers.split(",")] if options.peers else peers.TITLES)
    groups = [group for group in suite.groups() if re.search(options.k, group.name)]
    results = {**environment.describe(), "date": f"{datetime.now():%Y-%m-%d}", "quick": options.quick, "groups": []}
    RESULTS.mkdir(exist_ok=True)
    out = options.out or RESULTS / f"{datetime.now():%Y-%m-%d-%H%M}{'-quick' if options.quick else ''}.json"
    failed = []
    for group in groups:
        print(f"{group.name} ...", file=sys.stderr, flush=True)
        try:
            results["groups"] += group.run(names, options.quick)
        except Exception as error:  # the other groups are worth having
            failed.append(f"{group.name}: {type(error).__name__}: {error}")
            print(failed[-1], file=sys.stderr)
        out.write_text(json.dumps(results, indent=1))
    print("\n".join(report.table(results)))
    print("\n".join(["", *failed, f"written to {out}"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
