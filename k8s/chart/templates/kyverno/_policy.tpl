{{/*
What all policies have in common. SpinApp has no fields for what these add, so it is added to the
Deployment that the operator makes. The operator applies its own fields again and again and leaves
others alone; the policies are asked each time.
*/}}

{{/* Argument: (list . "Kind" "suffix" "R…" "title" "what it is for"). */}}
{{- define "edge-rates.policyHead" -}}
{{- $root := index . 0 -}}
apiVersion: policies.kyverno.io/v1
kind: {{ index . 1 }}
metadata:
  name: {{ include "edge-rates.name" $root }}-{{ index . 2 }}
  namespace: {{ $root.Release.Namespace }}
  {{- /* The wave: before the operator makes anything. */}}
  {{- include "edge-rates.metadata" (list $root "policy" (dict "edge-rates/requirements" (index . 3) "policies.kyverno.io/title" (index . 4) "policies.kyverno.io/category" "edge-rates" "policies.kyverno.io/description" (index . 5) "argocd.argoproj.io/sync-wave" "-2")) | nindent 2 }}
{{- end -}}

{{/* A policy that changes the operator's Deployment of this release, up to its list of mutations. */}}
{{- define "edge-rates.mutatingPolicy" -}}
{{- $root := index . 0 -}}
{{ include "edge-rates.policyHead" (list $root "NamespacedMutatingPolicy" (index . 1) (index . 2) (index . 3) (index . 4)) }}
spec:
  # While Kyverno is away, the Deployment stays as it is.
  failurePolicy: Fail
  evaluation:
    background:
      enabled: false
    # Lists that are one value, such as dropped capabilities, are set as a whole.
    useServerSideApply: true
  matchConstraints:
    resourceRules:
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [deployments]
    objectSelector:
      matchLabels:
        core.spinkube.dev/app-name: {{ include "edge-rates.name" $root }}
{{- end -}}

{{/*
A table as a CEL expression that makes it: `Object.spec{replicas: 2}` where keys are names of fields,
`{"a/b": "c"}` where they are not; CEL wants the type of a field to be the path to it.
Argument: (list "Object.spec" value).
*/}}
{{- define "edge-rates.cel" -}}
{{- $type := index . 0 -}}
{{- $value := index . 1 -}}
{{- if kindIs "map" $value -}}
{{- $isObject := true -}}
{{- range $key, $_ := $value -}}
{{- if or (not (regexMatch `^[A-Za-z_][A-Za-z0-9_]*$` $key)) (has $key (list "true" "false" "null" "in" "as" "break" "const" "continue" "else" "for" "function" "if" "import" "let" "loop" "package" "namespace" "return" "var" "void" "while")) -}}
{{- $isObject = false -}}
{{- end -}}
{{- end -}}
{{- if $isObject -}}{{ $type }}{{- end -}}
{
{{- range $index, $key := keys $value | sortAlpha -}}
{{- if $index }},{{ end }}
  {{ ternary $key (toJson $key) $isObject }}: {{ include "edge-rates.cel" (list (printf "%s.%s" $type $key) (get $value $key)) | nindent 2 | trim }}
{{- end }}
}
{{- else if kindIs "slice" $value -}}
[
{{- range $index, $item := $value -}}
{{- if $index }}, {{ end -}}
{{ include "edge-rates.cel" (list $type $item) }}
{{- end -}}
]
{{- else -}}
{{ toJson $value }}
{{- end -}}
{{- end -}}

{{/* All policies that change the Deployment, as text. */}}
{{- define "edge-rates.policies" -}}
{{- range $policy := list "restricted" "rolling" "spread" "startup" -}}
{{ include (printf "%s/kyverno/%s.yaml" $.Template.BasePath $policy) $ }}
{{- end -}}
{{- end -}}

{{/* Fields that are merged into the Deployment. Argument: YAML, from the Deployment's `spec` on. */}}
{{- define "edge-rates.mergedInto" -}}
- patchType: ApplyConfiguration
  applyConfiguration:
    expression: |-
      {{- include "edge-rates.cel" (list "Object" (fromYaml .)) | nindent 6 }}
{{- end -}}

{{/* A list of the pods' spec that is set as a whole, whatever it was.
     Argument: (list "field" YAML of {items: …}). */}}
{{- define "edge-rates.putInto" -}}
{{- $path := printf "spec.template.spec.%s" (index . 0) -}}
- patchType: JSONPatch
  jsonPatch:
    expression: |-
      [JSONPatch{
        op: "add",
        path: "/{{ $path | replace "." "/" }}",
        value: {{ include "edge-rates.cel" (list (printf "Object.%s" $path) (fromYaml (index . 1)).items) | nindent 8 | trim }}
      }]
{{- end -}}
