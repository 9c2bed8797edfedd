"""Cost of a training step of LiteUNet in bfloat16 on a CPU, with depthwise convolutions in 16 and in 32 bits.

python benchmarks/depthwise.py --threads 1            # prints
python benchmarks/depthwise.py --threads 1 --record
"""

import argparse
import statistics
import sys
from pathlib import Path

import torch
from environment import describe_run
from measuring import take_turns
from torch import nn
from torch.nn.functional import cross_entropy

from hardpix.networks import LiteUNet
from hardpix.networks.depthwise import DepthwiseConv2d, DepthwiseConv2dSame

RECORD = Path(__file__).parent / "results" / "depthwise.md"
METHOD = """\
Forward, loss and backward pass of one batch of random colors, channels last, under autocast to bfloat16. "16 bits" is
the same network with its depthwise convolutions as timm has them. Contestants take turns; ratios are taken within a
round.
"""


def as_timm_has_them(network: nn.Module) -> nn.Module:
    """The network with ordinary depthwise convolutions."""
    for module in network.modules():
        if isinstance(module, DepthwiseConv2d | DepthwiseConv2dSame):
            module.__class__ = type(module).__bases__[1]
    return network


def main() -> None:
    """Measure, print, and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 160))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    image = torch.rand(arguments.batch, 3, *arguments.size).to(memory_format=torch.channels_last)
    target = torch.randint(0, 11, (arguments.batch, *arguments.size))

    def step(network: nn.Module) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = cross_entropy(network(image).float(), target)
        network.zero_grad()
        loss.backward()

    networks = {
        "16 bits": as_timm_has_them(LiteUNet(11, pretrained=False)),
        "32 bits": LiteUNet(11, pretrained=False),
    }
    for network in networks.values():
        network.to(memory_format=torch.channels_last)
    runs = {name: (lambda network=network: step(network)) for name, network in networks.items()}
    seconds = take_turns(runs, arguments.rounds, torch.device("cpu"), warm_up=2)
    rows = [
        "| depthwise in | fastest | median | share of 16 bits in a round: median [quartiles] |",
        "|---|---|---|---|",
    ]
    for name, times in seconds.items():
        shares = [mine / other for mine, other in zip(times, seconds["16 bits"], strict=True)]
        low, middle, high = statistics.quantiles(shares, n=4)
        rows.append(
            f"| {name} | {1000 * min(times):.0f} ms | {1000 * statistics.median(times):.0f} ms "
            f"| {middle:.2f} [{low:.2f}, {high:.2f}] |"
        )
    size = f"{arguments.rounds} rounds, {arguments.batch} images of {arguments.size[0]}×{arguments.size[1]}."
    lines = [
        "# Depthwise convolutions on a CPU",
        "",
        METHOD,
        *describe_run(("torch", "timm"), torch.device("cpu"), arguments.threads),
        "",
        size,
        "",
        *rows,
        "",
    ]
    text = "\n".join(lines)
    sys.stdout.write(text)
    if arguments.record:
        RECORD.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
