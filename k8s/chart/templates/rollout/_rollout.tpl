{{/*
Helm knows nothing of SpinApps, so what it waits for and gives up on is in hooks: Jobs, each with an
account of its own, which exists as long as the hook runs. Argument of all: (list . "rollout") or
(list . "handover").
*/}}

{{/* When it runs, and that Helm takes it away again. */}}
{{- define "edge-rates.hook" -}}
{{- $events := dict "rollout" "post-install,post-upgrade,post-rollback" "handover" "pre-upgrade,pre-rollback" -}}
helm.sh/hook: {{ get $events (index . 1) }}
helm.sh/hook-weight: {{ index . 2 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
# Before a failed Job makes room for the one of the release that Helm goes back to.
helm.sh/hook-output-log-policy: hook-failed
{{- end -}}

{{- define "edge-rates.hookHead" -}}
{{- $root := index . 0 -}}
metadata:
  name: {{ include "edge-rates.name" $root }}-{{ index . 1 }}
  namespace: {{ $root.Release.Namespace }}
  {{- include "edge-rates.metadata" (list $root "rollout" (include "edge-rates.hook" . | fromYaml)) | nindent 2 }}
{{- end -}}

{{/* What tells a release from the one before, on the operator's Deployment. The revision alone would
     do for Helm; what renders by itself, as Argo CD does, is always at the first. */}}
{{- define "edge-rates.mark" -}}
{{- printf "%d-%s" .Release.Revision (list .Chart.Version .Values | toJson | sha256sum | trunc 12) -}}
{{- end -}}

{{/* What the smoke test has to know. */}}
{{- define "edge-rates.smokeEnvironment" -}}
- name: BASE
  value: http://{{ include "edge-rates.name" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
- name: KEYS_REQUIRED
  value: {{ .Values.requireApiKeys | quote }}
- name: COMPONENTS
  value: {{ .Values.components | join "," | quote }}
{{- end -}}

{{/* The account, what it may do, and whom it may talk to. Argument: (list . "rollout" weight rules). */}}
{{- define "edge-rates.hookAccess" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-%s" (include "edge-rates.name" $root) (index . 1) -}}
apiVersion: v1
kind: ServiceAccount
{{ include "edge-rates.hookHead" . }}
automountServiceAccountToken: false
{{- if $root.Values.rbac.create }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
{{ include "edge-rates.hookHead" . }}
rules:
  {{- index . 3 | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
{{ include "edge-rates.hookHead" . }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}
{{- if $root.Values.networkPolicy.enabled }}
{{- $api := $root.Values.networkPolicy.apiServer }}
---
# The API server is no pod that could be named here. Besides it, the app is asked.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
{{ include "edge-rates.hookHead" . }}
spec:
  podSelector:
    matchLabels:
      {{- include "edge-rates.selector" (list $root "rollout") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    - ports:
        {{- range $api.ports }}
        - port: {{ . }}
          protocol: TCP
        {{- end }}
      {{- with $api.cidrs }}
      to:
        {{- range . }}
        - ipBlock:
            cidr: {{ . }}
        {{- end }}
      {{- end }}
    - to:
        - podSelector:
            matchLabels:
              {{- include "edge-rates.selector" (list $root "app") | nindent 14 }}
      ports:
        - port: http-app
          protocol: TCP
{{- end }}
{{- end -}}

{{/* A Job that runs scripts of the folder rollout/. Argument: (list . "rollout" weight scripts env),
     where the scripts are in one text, and env is YAML. */}}
{{- define "edge-rates.hookJob" -}}
{{- $root := index . 0 -}}
{{- $rollout := $root.Values.rollout -}}
apiVersion: batch/v1
kind: Job
{{ include "edge-rates.hookHead" . }}
spec:
  backoffLimit: 0
  # Less than the timeout that Helm is given, so that the log says what the matter was.
  activeDeadlineSeconds: {{ add $rollout.timeoutSeconds 90 }}
  # One that failed stays for a day, to be read.
  ttlSecondsAfterFinished: 86400
  podFailurePolicy:
    rules:
      # A node that is emptied says nothing about the release.
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  template:
    metadata:
      labels:
        {{- include "edge-rates.podLabels" (list $root "rollout" dict) | nindent 8 }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "edge-rates.name" $root }}-{{ index . 1 }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with include "edge-rates.pullSecrets" $root }}
      {{- . | nindent 6 }}
      {{- end }}
      securityContext:
        {{- include "edge-rates.podSecurity" $root | nindent 8 }}
      {{- include "edge-rates.scheduling" $rollout.scheduling | nindent 6 }}
      containers:
        - name: {{ index . 1 }}
          # Anything with a shell, awk, wget and curl.
          image: {{ include "edge-rates.image" (list $root $rollout.image) | quote }}
          imagePullPolicy: IfNotPresent
          command: [/bin/sh, -eu, -c]
          args:
            - |
              {{- index . 3 | nindent 14 }}
          env:
            - name: NAME
              value: {{ include "edge-rates.name" $root }}
            - name: ACCOUNT
              value: /run/account
            - name: WORK
              value: /run/work
            {{- with index . 4 }}
            {{- . | nindent 12 }}
            {{- end }}
          resources:
            requests:
              cpu: 10m
              memory: 16Mi
            limits:
              cpu: 100m
              memory: 64Mi
          securityContext:
            {{- include "edge-rates.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            - name: account
              mountPath: /run/account
              readOnly: true
            - name: work
              mountPath: /run/work
      volumes:
        # What a pod gets that mounts its account's token by itself, for as long as the Job may take.
        - name: account
          projected:
            defaultMode: 0440
            sources:
              - serviceAccountToken:
                  path: token
                  expirationSeconds: {{ max 600 (add $rollout.timeoutSeconds 90) }}
              - configMap:
                  name: kube-root-ca.crt
                  items:
                    - key: ca.crt
                      path: ca.crt
              - downwardAPI:
                  items:
                    - path: namespace
                      fieldRef:
                        apiVersion: v1
                        fieldPath: metadata.namespace
        - name: work
          emptyDir:
            medium: Memory
            sizeLimit: 4Mi
{{- end -}}
