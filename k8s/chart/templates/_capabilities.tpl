{{/*
What only some clusters have. `auto` makes objects of a kind where the cluster has it, `true` makes
them and refuses a cluster that lacks it, before anything is installed; `false` makes none.
*/}}

{{/* Whether objects of a kind are made: "true" or nothing.
     Argument: (list . value "name of the value" "group/version/Kind" "what brings the kind"). */}}
{{- define "edge-rates.made" -}}
{{- $root := index . 0 -}}
{{- $value := index . 1 -}}
{{- $kind := index . 3 -}}
{{- $has := $root.Capabilities.APIVersions.Has $kind -}}
{{- if eq (toString $value) "true" -}}
{{- if not $has -}}
{{- fail (printf "%s is true, and the cluster has no %s: install %s, or set %s to auto or false. `helm template` asks no cluster: add --api-versions %s" (index . 2) $kind (index . 4) (index . 2) $kind) -}}
{{- end -}}
true
{{- else if and (eq (toString $value) "auto") $has -}}
true
{{- end -}}
{{- end -}}

{{/* Whether there are Kyverno's policies. */}}
{{- define "edge-rates.kyverno" -}}
{{- include "edge-rates.made" (list . .Values.kyverno.enabled "kyverno.enabled" "policies.kyverno.io/v1/NamespacedMutatingPolicy" "Kyverno 1.19 or later") -}}
{{- end -}}

{{- define "edge-rates.podMonitor" -}}
{{- include "edge-rates.made" (list . .Values.observability.podMonitor.enabled "observability.podMonitor.enabled" "monitoring.coreos.com/v1/PodMonitor" "the Prometheus operator") -}}
{{- end -}}

{{- define "edge-rates.rules" -}}
{{- include "edge-rates.made" (list . .Values.observability.rules.enabled "observability.rules.enabled" "monitoring.coreos.com/v1/PrometheusRule" "the Prometheus operator") -}}
{{- end -}}

{{- define "edge-rates.alertmanager" -}}
{{- include "edge-rates.made" (list . .Values.observability.alertmanager.enabled "observability.alertmanager.enabled" "monitoring.coreos.com/v1alpha1/AlertmanagerConfig" "the Prometheus operator") -}}
{{- end -}}
