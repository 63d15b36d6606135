{{/*
runtime-config.toml: on what the app runs. Argument: (list . password), where the password is
already written as it stands in a URL. The shim's Spin refuses keys that it doesn't know, so it
gets only those of Spin.
*/}}
{{- define "edge-rates.runtimeConfig" -}}
{{- $root := index . 0 -}}
{{- $password := index . 1 -}}
{{- $redis := $root.Values.redis -}}
{{- $host := eq $root.Values.executor.kind "host" -}}
{{- if $host -}}
state_dir = "/state"
# Not writable: what components print goes to the pod's log only, and fills no disk.
log_dir = "/nowhere"

{{ end -}}
# Upstreams are on the internet, as in the NetworkPolicy: no name may lead inside.
[outbound_networking]
block_networks = ["private"]

[key_value_store.default]
type = "redis"
{{- if eq $redis.mode "builtin" }}
url = "redis://:{{ $password }}@{{ include "edge-rates.name" $root }}-redis.{{ $root.Release.Namespace }}.svc.{{ $root.Values.clusterDomain }}:6379/0"
{{- else }}
url = "{{ ternary "rediss" "redis" $redis.external.tls }}://{{ $redis.external.user }}:{{ $password }}@{{ required "redis.external.host is needed with redis.mode external" $redis.external.host }}:{{ include "edge-rates.text" $redis.external.port }}/{{ include "edge-rates.text" $redis.external.database }}"
{{- end }}
{{- if $host }}
{{- with $redis.prefix }}
prefix = {{ . | quote }}
{{- end }}
{{- end }}
{{ end -}}

{{/* The Secret with the URL of an external Redis, if there is one: then the operator writes the runtime
     config, and none is made here. */}}
{{- define "edge-rates.storeUrlSecret" -}}
{{- if eq .Values.redis.mode "external" -}}{{- .Values.redis.external.urlSecret.name -}}{{- end -}}
{{- end -}}
