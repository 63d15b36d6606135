{{/*
A file of observability/ for this release: it is written for `edge-rates` in `edge-rates`. Nothing in
it is a template, so the braces of Prometheus and Grafana stay. Argument: (list . text).
*/}}
{{- define "edge-rates.named" -}}
{{- $root := index . 0 -}}
{{- $name := include "edge-rates.name" $root -}}
{{- $text := index . 1 | trim -}}
{{- range $quote := list `"` `\"` -}}
{{- $text = $text | replace (printf "namespace=%sedge-rates%s" $quote $quote) (printf "namespace=%s%s%s" $quote $root.Release.Namespace $quote) -}}
{{- range $label := list "app" "container" "deployment" -}}
{{- $text = $text | replace (printf "%s=%sedge-rates%s" $label $quote $quote) (printf "%s=%s%s%s" $label $quote $name $quote) -}}
{{- end -}}
{{- end -}}
{{- $text | replace "https://runbooks.example/edge-rates" $root.Values.observability.rules.runbooks -}}
{{- end -}}

{{/*
An Alertmanager's own configuration as an AlertmanagerConfig. Where messages go is a secret, as a
webhook's URL lets anybody write: each receiver's is in a Secret, under the receiver's name.
Argument: (list . configuration).
*/}}
{{- define "edge-rates.alertmanagerConfig" -}}
{{- $root := index . 0 -}}
{{- $configuration := index . 1 -}}
{{- $observability := $root.Values.observability -}}
apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata:
  name: {{ include "edge-rates.name" $root }}
  namespace: {{ $root.Release.Namespace }}
  {{- include "edge-rates.metadata" (list $root "monitoring" dict $observability.labels) | nindent 2 }}
spec:
  route:
    {{- include "edge-rates.alertRoute" $configuration.route | nindent 4 }}
  inhibitRules:
    {{- range $configuration.inhibit_rules }}
    - sourceMatch:
        {{- include "edge-rates.alertMatchers" .source_matchers | nindent 8 }}
      targetMatch:
        {{- include "edge-rates.alertMatchers" .target_matchers | nindent 8 }}
      equal:
        {{- toYaml .equal | nindent 8 }}
    {{- end }}
  receivers:
    {{- range $receiver := $configuration.receivers }}
    - name: {{ $receiver.name }}
      webhookConfigs:
        {{- range $receiver.webhook_configs }}
        - sendResolved: {{ .send_resolved }}
          urlSecret:
            name: {{ include "edge-rates.alertSecret" $root }}
            key: {{ $receiver.name }}
        {{- end }}
    {{- end }}
{{- end -}}

{{- define "edge-rates.alertRoute" -}}
receiver: {{ .receiver }}
{{- with .group_by }}
groupBy:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .group_wait }}
groupWait: {{ . }}
{{- end }}
{{- with .group_interval }}
groupInterval: {{ . }}
{{- end }}
{{- with .repeat_interval }}
repeatInterval: {{ . }}
{{- end }}
{{- with .matchers }}
matchers:
  {{- include "edge-rates.alertMatchers" . | nindent 2 }}
{{- end }}
{{- with .continue }}
continue: {{ . }}
{{- end }}
{{- with .routes }}
routes:
  {{- range . }}
  - {{ include "edge-rates.alertRoute" . | nindent 4 | trim }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* `severity="critical"` as name, type and value. */}}
{{- define "edge-rates.alertMatchers" -}}
{{- range . }}
- name: {{ regexFind `^[A-Za-z0-9_]+` . }}
  matchType: {{ regexFind `[=!~]+` . | quote }}
  value: {{ regexReplaceAll `^[A-Za-z0-9_]+\s*[=!~]+\s*"?|"$` . "" | quote }}
{{- end }}
{{- end -}}

{{- define "edge-rates.alertSecret" -}}
{{- .Values.observability.alertmanager.secret | default (printf "%s-alert-receivers" (include "edge-rates.name" .)) -}}
{{- end -}}
