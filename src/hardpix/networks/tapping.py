"""Reaching into any segmentation network: what its decoder was fed with, its embedding, its auxiliary heads."""

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from hardpix.networks.capture import Capture, refuse_compiled, unhook
from hardpix.networks.known_networks import find_module_paths, require_module
from hardpix.networks.tapped_network import TappedNetwork


def tap(
    model: nn.Module,
    decoder: str | None = None,
    embedding: str | None = None,
    stages: Sequence[str] | None = None,
    ignore_index: int = 255,
) -> TappedNetwork:
    """Catch what passes through a segmentation network, without changing it.

    The model keeps its class, its state_dict and the results of its forward; it gets hooks, which :func:`untap`
    removes, and which do nothing unless the returned network runs. Tapping a model again replaces its tap.

    Known by themselves: DDRNet; torchvision's LRASPP, DeepLabV3 and FCN; every architecture of
    segmentation-models-pytorch; transformers' SegFormer, UPerNet, BEiT, DPT, MobileViT and MobileViTV2 for semantic
    segmentation. Of LRASPP's two classifiers the embedding is what enters the high one: 128 channels with context, at
    the resolution of the low one. For any other network name the decoder. Without one, branches cannot be made.
    Wrappers with nothing else inside are looked through, and so are adapters (peft).

    transformers' MaskFormer, Mask2Former, OneFormer and EoMT are known too; their logits come from queries, and the
    embedding is the map that masks are read from (:func:`~hardpix.networks.mask_classification.semantic_logits`).

    Where the model returns several maps in a sequence, the logits are the output of the classifier that is known or
    named. Other maps with as many channels are auxiliary heads. A single channel z becomes the two classes (0, z).

    Tap first, compile afterwards: hooks that are put on a compiled network do not fire.

    Args:
        model: returns logits (B, C, h, w) or (B, h, w, C). They are a tensor, in a tuple or list, or "logits" or "out"
            of a mapping, dataclass or named tuple. Entries "aux…" beside them are auxiliary heads.
        decoder: path of the module that turns features into logits or into the embedding, such as "head".
        embedding: path of the last classifier, where it lies outside of the decoder or is not its last layer.
        stages: paths of modules whose outputs are wanted. Without them nothing more is caught, until an objective
            asks for stages (:class:`~hardpix.objectives.SideOutputs`), which of DDRNet are known.
        ignore_index: the id of unlabeled pixels in the targets to come.

    Raises:
        ValueError: a path that is no module of the model.
        RuntimeError: a model, or a module on the way to what is caught, that was compiled before.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 5, 1)))
        >>> network = tap(model, decoder="1", stages=["0"])
        >>> out = network(torch.rand(2, 3, 17, 33))
        >>> out.logits.shape, out.taps.embedding.shape, out.taps.stages["0"].shape
        (torch.Size([2, 5, 17, 33]), torch.Size([2, 8, 8, 16]), torch.Size([2, 8, 8, 16]))
        >>> untap(model) is model
        True
    """
    paths = find_module_paths(model, decoder, embedding)
    if stages is not None:
        paths = replace(paths, stages=())
    stages = tuple(stages or ())
    hooked = [path for path in (paths.decoder, *paths.classifiers[:1], *paths.auxiliary) if path is not None]
    for stage in stages:
        require_module(model, stage, "stages")
    for path in (*hooked, *stages, ""):
        refuse_compiled(model, path)

    unhook(model)
    capture = Capture()
    if paths.decoder is not None:
        capture.hook_decoder(model.get_submodule(paths.decoder))
    if paths.classifiers:
        capture.hook_classifier(model.get_submodule(paths.classifiers[0]))
    for path in paths.auxiliary:
        capture.hook_auxiliary(model.get_submodule(path))
    for stage in stages:
        capture.hook_stage(model.get_submodule(stage), stage)
    return TappedNetwork(model, paths, capture, stages, ignore_index)


def untap(model: nn.Module) -> nn.Module:
    """Remove every hook that :func:`tap` put on the model.

    Args:
        model: the model, the tapped network, or anything that contains one of them.

    Returns:
        The model without hooks; of a :class:`TappedNetwork`, the model inside.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 5, 1))
        >>> network = tap(model, decoder="1")
        >>> untap(network) is model
        True
    """
    unhook(model)
    return model.model if isinstance(model, TappedNetwork) else model
