{{/*
What the namespace has to hold: computed from the values, so that nobody has to count pods.
*/}}

{{/* The most pods of the app that there are at a time: all replicas, those that an update adds, and
     those that are on their way out, which count until they are gone. While a pod goes, others
     become ready and send the next ones on their way, until all have been replaced: never more than
     all of the old and all of the new. */}}
{{- define "edge-rates.mostPods" -}}
{{- $replicas := int64 (ternary .Values.autoscaling.maxReplicas .Values.replicas (ne .Values.autoscaling.kind "none")) -}}
{{- if and (include "edge-rates.kyverno" .) .Values.kyverno.rollingUpdate -}}
{{- $rolling := (include "edge-rates.rolling" . | fromYaml).spec -}}
{{- $grace := int64 $rolling.template.spec.terminationGracePeriodSeconds -}}
{{- $next := add (int64 $rolling.minReadySeconds) .Values.checks.readiness.initialDelaySeconds -}}
{{- $going := div (add $grace $next -1) $next -}}
{{- min (mul 2 $replicas) (add $replicas $rolling.strategy.rollingUpdate.maxSurge $going) -}}
{{- else -}}
{{- /* Kubernetes' own defaults replace a quarter and more at a time: all may still be going. */ -}}
{{- mul 2 $replicas -}}
{{- end -}}
{{- end -}}

{{/* All of `requests` or `limits` of a resource, in thousandths. What says nothing gets the default
     of the LimitRange. Argument: (list . "requests" "cpu"). */}}
{{- define "edge-rates.total" -}}
{{- $root := index . 0 -}}
{{- $which := index . 1 -}}
{{- $resource := index . 2 -}}
{{- $quota := $root.Values.quota -}}
{{- $default := dig (ternary "default" "defaultRequest" (eq $which "limits")) $resource 0 $quota.container -}}
{{- $of := dict "app" $root.Values.resources "redis" $root.Values.redis.builtin.resources "test" (include "edge-rates.testResources" $root | fromYaml) -}}
{{- $count := dict "app" (include "edge-rates.mostPods" $root) "redis" (ternary 1 0 (eq $root.Values.redis.mode "builtin")) "test" (ternary 1 0 $root.Values.test.enabled) -}}
{{- $total := int64 (include "edge-rates.thousandths" (get $quota.spare $resource)) -}}
{{- range $part, $resources := $of -}}
{{- $one := dig $which $resource $default $resources -}}
{{- $total = add $total (mul (int64 (get $count $part)) (int64 (include "edge-rates.thousandths" $one))) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{- define "edge-rates.quota" -}}
{{- $builtin := eq .Values.redis.mode "builtin" -}}
{{- $exposed := .Values.exposedService -}}
pods: {{ add (include "edge-rates.mostPods" .) (ternary 1 0 $builtin) (ternary 1 0 .Values.test.enabled) .Values.quota.spare.pods }}
{{- range $which := list "requests" "limits" }}
{{ $which }}.cpu: {{ include "edge-rates.total" (list $ $which "cpu") }}m
{{ $which }}.memory: {{ div (add (int64 (include "edge-rates.total" (list $ $which "memory"))) 1048575999) 1048576000 }}Mi
{{- end }}
# Redis's volume, and one more to restore to.
persistentvolumeclaims: {{ ternary 2 0 $builtin }}
requests.storage: {{ div (mul (ternary 2 0 $builtin) (int64 (include "edge-rates.thousandths" .Values.redis.builtin.storage))) 1048576000 }}Mi
# A load balancer has ports of the nodes, too.
services.nodeports: {{ ternary 1 0 $exposed.enabled }}
services.loadbalancers: {{ ternary 1 0 (and $exposed.enabled (eq $exposed.type "LoadBalancer")) }}
{{- end -}}
