"""Acknowledged findings of cdk-nag: each on the construct that it is about, with its reason."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, reason: str, *, pack: str = "AwsSolutions") -> None:
    """Accept one finding on one construct and its children.

    Args:
        finding: rule, with its detail in brackets where it has one.
        reason: why it is right here.
        pack: the rule pack that reports it.
    """
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{pack}::{finding}", reason=reason))
