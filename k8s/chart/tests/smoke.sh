# Asks $BASE as clients and Kubernetes do, and tells what it did not get. Needs what busybox has;
# KEYS_REQUIRED says whether /v1 and /api/v3 want a key, COMPONENTS which are served, by comma; all if
# it is empty.
failed=0

serves() {
    case ,$COMPONENTS, in
    ,, | *,"$1",*) ;;
    *) return 1 ;;
    esac
}

# wget's own -T crashes some versions of busybox.
get() { timeout 10 wget -q -O - "$BASE$1" 2>/dev/null; }

# expect PATH TEXT: the answer is a 200 with this text in it.
expect() {
    if answer=$(get "$1"); then
        case $answer in
        *"$2"*) echo "ok      $1" && return ;;
        esac
        echo "FAILED  $1: no $2 in: $(printf %.200s "$answer")"
    else
        echo "FAILED  $1: no 200"
    fi
    failed=1
}

# refuse PATH: the answer is an error.
refuse() {
    if get "$1" >/dev/null; then
        echo "FAILED  $1: answered, and must not" && failed=1
    else
        echo "ok      $1 (refused)"
    fi
}

# What /ready says is wrong with the settings, a line for each. wget shows no body of an error, so
# this is by hand; the pause keeps the connection open until the answer is there.
wrong() {
    authority=${BASE#*://} port=80
    case $authority in *:*) port=${authority##*:} ;; esac
    { printf 'GET /ready HTTP/1.0\r\nHost: %s\r\n\r\n' "$authority" && sleep 1; } |
        timeout 10 nc "${authority%:*}" "$port" 2>/dev/null |
        sed -n '/"settings":\[/{s/.*"settings":\[//;s/"},{/"}\n{/g;s/{"reason":"\([^\n]*\)","variable":"\([^"]*\)"}/        \2: \1/g;s/\]}$//;s/\\"/"/g;p;}'
}

# The first board takes a moment, and so does an endpoint until everybody knows it.
tries=0
until get /ready >/dev/null; do
    reasons=$(wrong) || reasons=
    if [ -n "$reasons" ]; then
        echo "FAILED  /ready: these settings can't work:" && echo "$reasons" && exit 1
    fi
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then
        echo "FAILED  /ready: not ready within a minute; the log of the pods may say why" && exit 1
    fi
    sleep 2
done

refuse /no/such/route
if serves health; then
    expect /healthz '{"status":"ok"}'
    expect /healthz/ '{"status":"ok"}'
    expect /ready '{"ready":true}'
    expect /health '"checks"'
fi
if serves metrics; then
    expect /metrics edge_rates_build_info
    expect /api/metrics edge_rates_build_info
fi
if serves site; then
    expect / '<html'
    expect /openapi.json '"openapi"'
    expect /api/info '"version"'
fi
if ! serves rates; then
    exit "$failed"
elif [ "$KEYS_REQUIRED" = true ]; then
    refuse /v1/rates
    refuse /api/v3/ping
else
    expect /v1/rates '"rates":['
    expect /v1/symbols '"symbols":['
    expect /v1/currencies '"currencies":['
    expect /v1/providers '"providers":['
    expect /api/v3/ping gecko_says
    expect /api/v3/simple/supported_vs_currencies '['
    refuse /v1/rates/NO-SUCH/CODE
fi
exit "$failed"
