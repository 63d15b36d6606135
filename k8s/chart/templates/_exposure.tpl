{{/*
What may be asked from outside is listed; all else gets the gateway's own 404. So metrics and the
details of health stay inside, and so does whatever is added later, until somebody lists it.
*/}}
{{- define "edge-rates.checkPaths" -}}
{{- $paths := .Values.exposure.paths -}}
{{- range $hidden := list "/metrics" "/api/metrics" "/health" "/ready" "/.well-known/spin/info" -}}
{{- if has $hidden $paths.exact -}}
{{- fail (printf "exposure.paths.exact shows %s to everybody: remove it" $hidden) -}}
{{- end -}}
{{- range $prefix := $paths.prefix -}}
{{- if or (eq $prefix $hidden) (hasPrefix (printf "%s/" (trimSuffix "/" $prefix)) $hidden) -}}
{{- fail (printf "exposure.paths.prefix %s shows %s to everybody: list what is below it" $prefix $hidden) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not .Values.exposure.hosts -}}
{{- fail "exposure.hosts is empty: name the hosts under which clients ask" -}}
{{- end -}}
{{- end -}}

{{- define "edge-rates.tlsSecret" -}}
{{- .Values.exposure.tls.secretName | default (printf "%s-tls" (include "edge-rates.name" .)) -}}
{{- end -}}
