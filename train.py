"""Train small networks on XOR: ``python train.py [-m] key=value …``; ``python train.py --help`` lists the keys."""

from pathlib import Path

from xorlab.cli.train import main

if __name__ == "__main__":
    main(conf=Path(__file__).resolve().parent / "conf")
