"""Zips as CDK wants them."""

from __future__ import annotations

from pathlib import Path

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from infra.cdk.bundles import ROOT, Bundle
from infra.cdk.zips import Target, build, bundle_hash, pack


def code_of(bundle: Bundle, target: Target) -> lambda_.Code:
    """Return a zip as a function's code. It is built when the stack that uses it is synthesised."""
    return lambda_.Code.from_asset(
        str(ROOT),
        asset_hash=bundle_hash(bundle, target),
        asset_hash_type=AssetHashType.CUSTOM,
        bundling=BundlingOptions(
            # Never pulled: the local bundling below either succeeds or raises.
            image=DockerImage.from_registry("scratch"),
            local=_LocalBundling(bundle, target),
        ),
    )


@jsii.implements(ILocalBundling)
class _LocalBundling:
    def __init__(self, bundle: Bundle, target: Target) -> None:
        self._bundle = bundle
        self._target = target

    def try_bundle(self, output_dir: str, *_options: object, **_more: object) -> bool:
        """Called by CDK while it synthesises."""
        if self._target.platform is None:
            pack(self._bundle, self._target, Path(output_dir) / "bundle.zip")
        else:
            build(self._bundle, self._target, Path(output_dir))
        return True
