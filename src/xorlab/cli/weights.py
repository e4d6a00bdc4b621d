"""Write the weights of a recorded run to an .npz file, as NumPy, PyTorch or Keras has them."""

import argparse

from xorlab.cli import arguments


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """Write a run's weights; return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("run", metavar="RUN", help=arguments.RUN)
    parser.add_argument("--to", metavar="FILE", required=True, help="the .npz file to write")
    layout = (
        "numpy: W1, b1, … with matrices (inputs, outputs), as init=file takes them; torch: the state_dict of an "
        "nn.Sequential; keras: the list of model.set_weights (%(default)s)"
    )
    parser.add_argument("--layout", choices=("numpy", "torch", "keras"), default="numpy", help=layout)
    parser.add_argument("--initial", action="store_true", help="the weights that the run started from, not its last")
    arguments.add_store(parser)
    return arguments.call(_write, parser, words)


def _write(options: argparse.Namespace) -> int:
    from xorlab.api.sources import Store
    from xorlab.numerics.weights import save
    from xorlab.runs import single
    from xorlab.spec.text import title
    from xorlab.tracking import store

    run = single.find(options.run, options.uri, experiment=options.experiment)
    source = Store(store.uri(options.uri), options.experiment)
    found = source.weights(run.run_id, "initial" if options.initial else "final")
    save(options.to, found, options.layout)
    print(f"{options.to}: the weights of run {run.run_id}, {title(run.spec)}")
    return 0
