{{/*
Labels and annotations that all objects share, and where pods are put.
*/}}

{{/* Labels and annotations of an object of one part; its own go before those of all.
     Argument: (list . "app"), or (list . "app" annotations labels) with its own. */}}
{{- define "edge-rates.metadata" -}}
{{- $root := index . 0 -}}
{{- $own := concat (slice . 2) (list dict dict) -}}
labels:
  {{- toYaml (merge (dict) (index $own 1) (include "edge-rates.labels" (list $root (index . 1)) | fromYaml)) | nindent 2 }}
{{- with merge (dict) (index $own 0) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Labels of the pods of one part. Argument: (list . "app" labels). */}}
{{- define "edge-rates.podLabels" -}}
{{- $root := index . 0 -}}
{{- toYaml (merge (dict) (include "edge-rates.selector" (list $root (index . 1)) | fromYaml) (index . 2) $root.Values.commonLabels) -}}
{{- end -}}

{{/* Where pods may be, and what goes before them: fields of their spec. Argument: the values. */}}
{{- define "edge-rates.scheduling" -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" -}}
{{- with get $ $field }}
{{ toYaml (dict $field .) }}
{{- end }}
{{- end -}}
{{- end -}}
