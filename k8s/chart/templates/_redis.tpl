{{/*
What the chart's Redis reads at its start; its password is put beside it by its container.
*/}}
{{- define "edge-rates.redisConfiguration" -}}
include /run/redis/password.conf
port 6379
dir /data
# A snapshot a minute while anything changes, also the one to back up (R85). The board can be
# asked for anew; what a crash loses are counters of a minute.
save 60 1
# A disk that is full is no reason to stop.
stop-writes-on-bgsave-error no
appendonly no
# A full store is an error that the app survives; keys thrown away at random are not.
maxmemory {{ .Values.redis.builtin.maxmemory }}
maxmemory-policy noeviction
tcp-keepalive 60
# What nobody needs here and an intruder would like.
rename-command FLUSHALL ""
rename-command FLUSHDB ""
rename-command DEBUG ""
rename-command CONFIG ""
rename-command MODULE ""
rename-command REPLICAOF ""
rename-command SLAVEOF ""
{{- end -}}
