"""Writes the schemas of Kyverno's policies, as far as the chart has such, from the published
package of its models (cloudcoil-models-kyverno), which is generated from Kyverno's own
CustomResourceDefinitions. The package wants a newer Python than many have, so its source is read
and not run.

Arguments: the folder of the unpacked package, and where `<group>/<Kind>_<version>.json` go.
"""

import ast
import json
import pathlib
import sys

GROUP, VERSION = "policies.kyverno.io", "v1"
KINDS = ["NamespacedMutatingPolicy", "NamespacedValidatingPolicy"]
PLAIN = {"str": "string", "bool": "boolean", "int": "integer", "float": "number"}


def schema(annotation, classes):
    """The schema of a type, such as `list[Rule] | None`."""
    match annotation:
        case ast.BinOp(left=left, right=ast.Constant(value=None)):
            return schema(left, classes)
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
            return schema(inner, classes)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            values = values.elts if isinstance(values, ast.Tuple) else [values]
            return {"type": "string", "enum": [value.value for value in values]}
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return {"type": "array", "items": schema(inner, classes)}
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[_, inner])):
            return {"type": "object", "additionalProperties": schema(inner, classes)}
        case ast.Name(id=name) if name in PLAIN:
            return {"type": PLAIN[name]}
        case ast.Name(id="AwareDatetime"):
            return {"type": "string"}
        case ast.Name(id="ObjectMeta"):
            return {"type": "object"}
        case ast.Name(id=name):
            return of_class(classes[name], classes)
    sys.exit(f"{ast.unparse(annotation)} is a type that {sys.argv[0]} doesn't know")


def of_class(described, classes):
    """The schema of a table: its fields are what is annotated in the class."""
    properties, required = {}, []
    for line in described.body:
        if not isinstance(line, ast.AnnAssign) or "ClassVar" in ast.unparse(line.annotation):
            continue
        name = line.target.id
        for part in ast.walk(line.annotation):
            if isinstance(part, ast.keyword) and part.arg == "alias":
                name = part.value.value
        properties[name] = schema(line.annotation, classes)
        if line.value is None:
            required.append(name)
    made = {"type": "object", "properties": properties}
    return made | ({"required": required} if required else {})


package, target = map(pathlib.Path, sys.argv[1:])
source = (package / "cloudcoil/models/kyverno/policies" / f"{VERSION}.py").read_text()
classes = {one.name: one for one in ast.parse(source).body if isinstance(one, ast.ClassDef)}
(target / GROUP).mkdir(parents=True)
for kind in KINDS:
    made = json.dumps(of_class(classes[kind], classes))
    (target / GROUP / f"{kind}_{VERSION}.json").write_text(made)
