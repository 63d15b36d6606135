{{/*
What may be asked from outside is listed; all else gets the gateway's own 404. So metrics and the
details of health stay inside, and so does whatever is added later, until somebody lists it.
*/}}
{{- define "edge-rates.checkPaths" -}}
{{- $exact := .Values.exposure.paths.exact | default list -}}
{{- $prefixes := .Values.exposure.paths.prefix | default list -}}
{{- if not (concat $exact $prefixes) -}}
{{- fail "exposure.paths is empty, and a route that names no path is one for all, metrics among them: list what is to be seen, or set exposure.kind to none" -}}
{{- end -}}
{{- range $hidden := list "/metrics" "/api/metrics" "/health" "/ready" "/.well-known/spin/health" "/.well-known/spin/info" -}}
{{- range $path := $exact -}}
{{- if eq (trimSuffix "/" $path) $hidden -}}
{{- fail (printf "exposure.paths.exact shows %s to everybody: remove it" $path) -}}
{{- end -}}
{{- end -}}
{{- range $prefix := $prefixes -}}
{{- if include "edge-rates.isBelow" (list $hidden $prefix) -}}
{{- fail (printf "exposure.paths.prefix %s shows %s to everybody: list what is below it" $prefix $hidden) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not .Values.exposure.hosts -}}
{{- fail "exposure.hosts is empty: name the hosts under which clients ask" -}}
{{- end -}}
{{- end -}}

{{/* Whether a path is a prefix or below it, element by element. Argument: (list path prefix). */}}
{{- define "edge-rates.isBelow" -}}
{{- $prefix := trimSuffix "/" (index . 1) -}}
{{- if or (eq (index . 0) $prefix) (hasPrefix (printf "%s/" $prefix) (index . 0)) -}}true{{- end -}}
{{- end -}}

{{/* Whether the way in shows streams, which last longer than any other answer. */}}
{{- define "edge-rates.showsStreams" -}}
{{- $paths := .Values.exposure.paths -}}
{{- if has "/v1/stream" ($paths.exact | default list) -}}true{{- end -}}
{{- range $prefix := $paths.prefix | default list -}}
{{- include "edge-rates.isBelow" (list "/v1/stream" $prefix) -}}
{{- end -}}
{{- end -}}

{{/* The namespace of the pods that requests come from. It is where the class's controller has them: a
     namespace that is left over from another class would have the NetworkPolicy deny all. */}}
{{- define "edge-rates.gatewayNamespace" -}}
{{- $exposure := .Values.exposure -}}
{{- $class := "" -}}
{{- if eq $exposure.kind "ingress" -}}
{{- $class = $exposure.ingress.className -}}
{{- else if $exposure.gateway.create -}}
{{- $class = $exposure.gateway.className -}}
{{- end -}}
{{- $usual := get (dict "eg" "envoy-gateway-system" "nginx" "ingress-nginx" "traefik" "traefik") $class -}}
{{- $namespace := .Values.networkPolicy.gateway.namespace | default $usual -}}
{{- if not $namespace -}}
{{- fail (printf "networkPolicy.gateway.namespace is empty, and where the pods of %s are is not known: name their namespace, or nothing gets in" (ternary (printf "the class %q" $class) "the Gateway of exposure.gateway.parentRefs" (ne $class ""))) -}}
{{- end -}}
{{- $namespace -}}
{{- end -}}

{{- define "edge-rates.tlsSecret" -}}
{{- .Values.exposure.tls.secretName | default (printf "%s-tls" (include "edge-rates.name" .)) -}}
{{- end -}}
