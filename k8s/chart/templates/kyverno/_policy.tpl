{{/*
What all policies have in common. Argument: (list . "suffix" "R…" "title" "what it is for").
SpinApp has no fields for what these add, so it is added to the Deployment that the operator makes.
The operator applies its own fields again and again and leaves others alone; the policy is asked
each time.
*/}}
{{- define "edge-rates.policyHead" -}}
{{- $root := index . 0 -}}
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: {{ include "edge-rates.clusterName" $root }}-{{ index . 1 }}
  labels:
    {{- include "edge-rates.labels" (list $root "policy") | nindent 4 }}
  annotations:
    edge-rates/requirements: {{ index . 2 | quote }}
    policies.kyverno.io/title: {{ index . 3 | quote }}
    policies.kyverno.io/category: edge-rates
    policies.kyverno.io/description: {{ index . 4 | quote }}
    # Before the operator makes anything.
    argocd.argoproj.io/sync-wave: "-2"
    # What is meant for Deployments is not to be guessed for other kinds.
    pod-policies.kyverno.io/autogen-controllers: none
{{- end -}}

{{/* The operator's Deployment of this release. */}}
{{- define "edge-rates.matchDeployment" -}}
match:
  any:
    - resources:
        kinds: [apps/v1/Deployment]
        namespaces: [{{ .Release.Namespace }}]
        operations: [CREATE, UPDATE]
        selector:
          matchLabels:
            core.spinkube.dev/app-name: {{ include "edge-rates.name" . }}
{{- end -}}
