"""A synthesised stage: the templates that the assertions look at and the faults change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cdk.stages import Stage

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assembly:
    """The templates of one stage, by part: data, service and, in AWS, operations."""

    stage: Stage
    templates: dict[str, Any]

    @classmethod
    def read(cls, stage: Stage, folder: Path) -> Assembly:
        """Read what a synth wrote."""
        parts = ("data", "service", "operations")
        paths = {part: folder / f"linkage-{stage.name}-{part}.template.json" for part in parts}
        return cls(
            stage, {part: json.loads(path.read_text()) for part, path in paths.items() if path.exists()}
        )

    def named(self, *types: str) -> Iterator[tuple[str, Resource]]:
        """Yield (logical id, resource) of these types, over all stacks."""
        for template in self.templates.values():
            for name, resource in template["Resources"].items():
                if resource["Type"] in types:
                    yield name, resource

    def all(self, *types: str) -> list[Resource]:
        """Return the properties of all resources of these types."""
        return [resource.get("Properties", {}) for _, resource in self.named(*types)]

    def one(self, kind: str) -> Resource:
        """Return the properties of the only resource of a type."""
        resources = self.all(kind)
        assert len(resources) == 1, f"{len(resources)} {kind}"
        return resources[0]

    def functions(self) -> dict[str, Resource]:
        """Return our own functions by entry point; CDK's helpers have no name."""
        return {
            properties["Handler"].rsplit(".", 1)[1]: properties
            for properties in self.all("AWS::Lambda::Function")
            if "FunctionName" in properties
        }

    def function_ids(self) -> dict[str, str]:
        """Return logical id to entry point of our own functions."""
        return {
            name: resource["Properties"]["Handler"].rsplit(".", 1)[1]
            for name, resource in self.named("AWS::Lambda::Function")
            if "FunctionName" in resource["Properties"]
        }

    def environment(self, entry_point: str) -> dict[str, Any]:
        """Return the environment of one of our functions."""
        variables: dict[str, Any] = self.functions()[entry_point]["Environment"]["Variables"]
        return variables

    def mappings(self) -> dict[str, Resource]:
        """Return event source mappings by the entry point that they feed."""
        ids = self.function_ids()
        return {
            ids[mapping["FunctionName"]["Ref"]]: mapping
            for mapping in self.all("AWS::Lambda::EventSourceMapping")
        }

    def queue(self, part_of_name: str) -> Resource:
        """Return the properties of the only queue whose logical id has this in it."""
        queues = [
            resource["Properties"] for name, resource in self.named("AWS::SQS::Queue") if part_of_name in name
        ]
        assert len(queues) == 1, part_of_name
        properties: Resource = queues[0]
        return properties


def text_of(value: object) -> str:
    """Return a template's value as text: references by the name of what they mean."""
    if isinstance(value, Mapping):
        (kind, inner), *_ = value.items()
        if kind == "Fn::Join":
            return "".join(text_of(part) for part in inner[1])
        if kind == "Fn::GetAtt":
            return "{" + ".".join(inner) + "}"
        return "{" + text_of(inner) + "}"
    return str(value)
