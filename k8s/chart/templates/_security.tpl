{{/*
R19, R83: what every pod gets, so that the namespace can be `restricted`. The pods of the app are
made by the operator, which has no such fields: they get the same from a policy (kyverno/).
*/}}
{{- define "edge-rates.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "edge-rates.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities:
  drop: [ALL]
{{- end -}}
