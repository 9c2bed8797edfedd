"""Taps and branches of any segmentation network, and the networks that come with this library.

Read `tapping.py` first: what a user calls. Then `tapped_network.py` (a forward), `capture.py` (its hooks),
`branches.py` (a copy of the decoder, or a light head) and `known_networks.py` (networks whose parts are known).
`ddrnet.py` and `lite_networks.py` are networks, the latter on encoders of `pretrained.py`; `default.py` chooses.
"""

from hardpix.networks.blank_run import blank_run
from hardpix.networks.ddrnet import DDRNet, DDRNet23, DDRNet23Slim, DDRNet39
from hardpix.networks.default import default_network
from hardpix.networks.input_channels import with_input_channels
from hardpix.networks.lite_networks import LiteDeepLabV3Plus, LiteFPN, LiteUNet
from hardpix.networks.nested import detach_nested
from hardpix.networks.projection import ProjectionHead
from hardpix.networks.tapped_network import TapOutput, TappedNetwork
from hardpix.networks.tapping import tap, untap

__all__ = [
    "DDRNet",
    "DDRNet23",
    "DDRNet23Slim",
    "DDRNet39",
    "LiteDeepLabV3Plus",
    "LiteFPN",
    "LiteUNet",
    "ProjectionHead",
    "TapOutput",
    "TappedNetwork",
    "blank_run",
    "default_network",
    "detach_nested",
    "tap",
    "untap",
    "with_input_channels",
]
