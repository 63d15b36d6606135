{{/*
The app's own settings: what values.schema.json can't see of them. A setting that can't work leaves
pods that never get ready, so it is refused here, with what is right.
*/}}

{{/* Whole seconds of a setting, or its default in spin.toml. Argument: (list . "name" 300). */}}
{{- define "edge-rates.settingSeconds" -}}
{{- $set := dig (index . 1) (index . 2) (index . 0).Values.settings -}}
{{- include "edge-rates.text" (ternary (index . 2) $set (kindIs "invalid" $set)) | trim | int64 -}}
{{- end -}}

{{- define "edge-rates.checkSettings" -}}
{{- $settings := .Values.settings -}}
{{- $listed := .Files.Get "settings/listed.yaml" | fromYaml -}}
{{- $assets := splitList " " $listed.assets -}}
{{- $currencies := splitList " " $listed.currencies -}}

{{- $ids := list -}}
{{- range $entry := splitList "," ($settings.assets | default "") -}}
{{- $entry = trim $entry -}}
{{- $id := regexFind `^[^:;\s]*` $entry | lower -}}
{{- if regexMatch `^top:\s*[0-9]+$` $entry -}}
{{- $count := regexFind `[0-9]+$` $entry | int64 -}}
{{- if or (lt $count 1) (gt $count (int64 (len $assets))) -}}
{{- fail (printf "settings.assets: `%s`: write a number from 1 to %d after top:" $entry (len $assets)) -}}
{{- end -}}
{{- else if $entry -}}
{{- if and (not (regexMatch `^[^;]*:` $entry)) (not (has $id $assets)) -}}
{{- fail (printf "settings.assets: `%s` is not among the listed assets (components/quotes/data/assets.csv): write it as id:SYMBOL, such as bitcoin:BTC" $entry) -}}
{{- end -}}
{{- if has $id $ids -}}
{{- fail (printf "settings.assets: `%s` is there twice: remove one" $id) -}}
{{- end -}}
{{- $ids = append $ids $id -}}
{{- range $detail := regexFindAll `;\s*(decimals|rank)\s*=[^;]*` $entry -1 -}}
{{- if not (regexMatch `=\s*[0-9]+\s*$` $detail) -}}
{{- fail (printf "settings.assets: `%s`: `%s` needs a whole number" $entry (trimPrefix ";" $detail)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- $codes := list -}}
{{- range $entry := splitList "," ($settings.currencies | default "") -}}
{{- $entry = trim $entry -}}
{{- $code := regexFind `^[^:;\s]*` $entry | upper -}}
{{- if $entry -}}
{{- if and (not (regexMatch `^[^;]*:` $entry)) (ne $code "COINGECKO") (not (has $code $currencies)) -}}
{{- fail (printf "settings.currencies: `%s` is not among the listed currencies (components/quotes/data/currencies.csv) and no symbol of a listed asset: write it as CODE:Name:kind, such as USD:US Dollar:fiat" $entry) -}}
{{- end -}}
{{- if has $code $codes -}}
{{- fail (printf "settings.currencies: `%s` is there twice: remove one" $code) -}}
{{- end -}}
{{- $codes = append $codes $code -}}
{{- end -}}
{{- end -}}

{{- with $settings.providers -}}
{{- $providers := list -}}
{{- range $provider := splitList "," . -}}{{- $providers = append $providers (trim $provider) -}}{{- end -}}
{{- if ne (len $providers) (len (uniq $providers)) -}}
{{- fail (printf "settings.providers: `%s` names one twice" .) -}}
{{- end -}}
{{- if not (without $providers "frankfurter") -}}
{{- fail "settings.providers: frankfurter only knows what currencies cost in each other: name one that prices assets, too" -}}
{{- end -}}
{{- end -}}

{{- $fresh := int64 (include "edge-rates.settingSeconds" (list . "fresh_seconds" 300)) -}}
{{- $jitter := int64 (include "edge-rates.settingSeconds" (list . "jitter_seconds" 30)) -}}
{{- $grace := int64 (include "edge-rates.settingSeconds" (list . "grace_seconds" 60)) -}}
{{- $refuse := int64 (include "edge-rates.settingSeconds" (list . "refuse_seconds" 86400)) -}}
{{- if ge $jitter $fresh -}}
{{- fail (printf "settings.jitter_seconds (%d) has to be less than settings.fresh_seconds (%d)" $jitter $fresh) -}}
{{- end -}}
{{- if lt $refuse (add $fresh $grace) -}}
{{- fail (printf "settings.refuse_seconds (%d) has to be at least settings.fresh_seconds and settings.grace_seconds together (%d)" $refuse (add $fresh $grace)) -}}
{{- end -}}
{{- end -}}
