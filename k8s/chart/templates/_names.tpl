{{/*
Names and labels that several objects share.
*/}}

{{/* The name of the SpinApp, and so of the Deployment and the Service that the operator makes.
     At most 40 characters: the operator puts it into a label's key, and suffixes follow here. */}}
{{- define "edge-rates.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The executor's name, which has to be the only one in the cluster: the operator deletes no executor
     as long as a SpinApp, of whichever namespace, names one that is called the same, and then an
     uninstallation hangs. A namespace has no dots, so no other pair makes the same name; what would be
     too long is cut, and told apart by its checksum. */}}
{{- define "edge-rates.executor" -}}
{{- $usual := printf "%s.%s" .Release.Namespace (include "edge-rates.name" .) -}}
{{- if gt (len $usual) 63 -}}
{{- $usual = printf "%s-%s" ($usual | trunc 54 | trimAll "-.") (sha256sum $usual | trunc 8) -}}
{{- end -}}
{{- .Values.executor.name | default $usual -}}
{{- end -}}

{{/* Labels that find the pods of one part; argument: (list . "app"). */}}
{{- define "edge-rates.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of an object of one part; argument: (list . "app"). */}}
{{- define "edge-rates.labels" -}}
{{- $root := index . 0 -}}
{{ include "edge-rates.selector" . }}
app.kubernetes.io/part-of: {{ $root.Chart.Name }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A reference to an image: by its digest; where there is none yet, by its tag, and that is never
     `latest`. Argument: (list . image "where it is set"). */}}
{{- define "edge-rates.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s%s@%s" $image.repository (ternary "" (printf ":%s" $image.tag) (empty $image.tag)) $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default (printf "v%s" $root.Chart.AppVersion)) -}}
{{- end -}}
{{- end -}}

{{/* The name of a Secret: `keys`, `runtimeConfig` or `redis`. Argument: (list . "keys"). */}}
{{- define "edge-rates.secret" -}}
{{- $root := index . 0 -}}
{{- $which := index . 1 -}}
{{- index $root.Values.secrets.names $which | default (printf "%s-%s" (include "edge-rates.name" $root) ($which | kebabcase)) -}}
{{- end -}}

{{/* A value as the text that a setting is: numbers without exponents. */}}
{{- define "edge-rates.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- . | int64 | toString -}}
{{- else -}}
{{- . | toString -}}
{{- end -}}
{{- end -}}

{{/* Whether something else than `replicas` says how many pods there are. */}}
{{- define "edge-rates.autoscaled" -}}
{{- if ne .Values.autoscaling.kind "none" -}}true{{- end -}}
{{- end -}}

{{/* Where the host's image tells its own metrics: the operator can't pass it another port. */}}
{{- define "edge-rates.metricsPort" -}}9090{{- end -}}

{{/* The Secrets that images are pulled with, as a list in JSON: the one of the vault, which is this
     release's own, and those of the values. */}}
{{- define "edge-rates.pullSecretNames" -}}
{{- $names := .Values.imagePullSecrets | default list -}}
{{- if and (eq .Values.secrets.source "external") .Values.secrets.external.properties.registryCredentials -}}
{{- $names = prepend $names (include "edge-rates.registrySecret" .) -}}
{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{/* What the Secret is called that the vault's credentials of the registry are put into. */}}
{{- define "edge-rates.registrySecret" -}}
{{- printf "%s-registry-credentials" (include "edge-rates.name" .) -}}
{{- end -}}

{{/* The same as a field of a pod or an account; nothing if there are none. */}}
{{- define "edge-rates.pullSecrets" -}}
{{- with include "edge-rates.pullSecretNames" . | fromJsonArray -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end -}}
{{- end -}}
