"""Which classifier a setting asks for."""

from __future__ import annotations

from agents.rails.classifier import Classifier, TransformersClassifier
from agents.rails.guard_model import GuardModel
from agents.rails.settings import ClassifierSettings


def open_classifier(settings: ClassifierSettings) -> Classifier:
    """The model, loaded: seconds or minutes. Raises `ConfigurationError` where it cannot be."""
    return GuardModel(settings) if settings.kind == "generative" else TransformersClassifier(settings)
