{{/*
Quantities such as `500m` and `128Mi`: added up, compared, and written as a cluster writes them, so
that what is applied is what is read back.
*/}}

{{/* A quantity in thousandths. */}}
{{- define "edge-rates.thousandths" -}}
{{- $text := include "edge-rates.text" . -}}
{{- $number := regexFind `^[0-9.]+` $text -}}
{{- $factors := dict "" 1000 "m" 1 "k" 1000000 "M" 1000000000 "G" 1000000000000 "T" 1000000000000000 "Ki" 1024000 "Mi" 1048576000 "Gi" 1073741824000 "Ti" 1099511627776000 -}}
{{- mulf (float64 $number) (get $factors (trimPrefix $number $text)) | ceil | int64 -}}
{{- end -}}

{{/* A quantity as a cluster writes it: `1` for `1000m`, `1536Mi` for `1.5Gi`. */}}
{{- define "edge-rates.quantity" -}}
{{- $thousandths := int64 (include "edge-rates.thousandths" .) -}}
{{- if mod $thousandths 1000 -}}
{{- $thousandths }}m
{{- else -}}
{{- $isBinary := hasSuffix "i" (toString .) -}}
{{- $step := ternary 1024 1000 $isBinary -}}
{{- $number := div $thousandths 1000 -}}
{{- $unit := "" -}}
{{- $isDone := false -}}
{{- range $larger := ternary (list "Ki" "Mi" "Gi" "Ti") (list "k" "M" "G" "T") $isBinary -}}
{{- if or $isDone (eq $number 0) (mod $number $step) -}}
{{- $isDone = true -}}
{{- else -}}
{{- $number = div $number $step -}}
{{- $unit = $larger -}}
{{- end -}}
{{- end -}}
{{- $number }}{{ $unit -}}
{{- end -}}
{{- end -}}

{{/* A table of quantities: `{cpu: …, memory: …}`. */}}
{{- define "edge-rates.amounts" -}}
{{- range $name, $amount := . }}
{{ $name }}: {{ include "edge-rates.quantity" $amount | quote }}
{{- end }}
{{- end -}}

{{/* What a container asks for and may take. */}}
{{- define "edge-rates.resources" -}}
{{- range $which, $amounts := . }}
{{- with $amounts }}
{{ $which }}:
  {{- include "edge-rates.amounts" . | trim | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
