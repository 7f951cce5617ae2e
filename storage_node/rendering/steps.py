"""One step of a transformation done to a picture: which file does which. Called by `job`, once per frame."""

from __future__ import annotations

from collections.abc import Mapping

from atoll.transformation.steps import (
    Art,
    Background,
    Effect,
    Frame,
    LayerStep,
    Named,
    Opacity,
    Overlay,
    Resize,
    Rotate,
    Step,
)
from storage_node.render_protocol import PictureFile
from storage_node.rendering.art import art
from storage_node.rendering.effects import effect
from storage_node.rendering.geometry import Size
from storage_node.rendering.overlays import overlay
from storage_node.rendering.picture import Course, Picture
from storage_node.rendering.resizing import resize
from storage_node.rendering.shape import background, frame, opacity, rotate


def perform(
    picture: Picture, step: Step, place: str, course: Course, files: Mapping[str, PictureFile]
) -> None:
    """Do one step; `place` names it within the job. Raises RenderRefused."""
    if isinstance(step, Overlay):
        overlay(picture, step, place, course, files, perform_on_layer)
    else:
        assert not isinstance(step, Named), "the daemon puts in what t_NAME stands for"
        perform_on_layer(picture, step, place, course, None)


def perform_on_layer(
    picture: Picture, step: LayerStep, place: str, course: Course, base: Size | None
) -> None:
    """The steps that a layer may have as well; `base`: size of the picture it will lie on."""
    match step:
        case Resize():
            resize(picture, step, place, course, base)
        case Rotate():
            rotate(picture, step, course)
        case Effect():
            effect(picture, step)
        case Art():
            art(picture, step, course)
        case Frame():
            picture.become(picture.srgb())
            frame(picture, step, course)
        case Background():
            background(picture, step)
        case Opacity():
            opacity(picture, step)
