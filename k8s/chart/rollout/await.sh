# Waits until every pod of the Deployment $NAME is of this release, whose mark the operator copies to
# it as the annotation edge-rates/release, and ready; for $SECONDS_AT_MOST. Follows api.sh, and is
# followed by the smoke test.
state=$WORK/state
deadline=$(($(date +%s) + SECONDS_AT_MOST))

# Reads the indented Deployment, and prints
# `MARK GENERATION OBSERVED WANTED TOTAL UPDATED AVAILABLE STUCK`.
numbers() {
    awk '
        function value(line) {
            sub(/^ *"[^"]*": /, "", line)
            gsub(/[",]/, "", line)
            return line
        }
        /^  "/ { split($0, part, "\""); section = part[2] }
        section == "metadata" && /^    "generation": / { generation = value($0) }
        section == "metadata" && /^      "edge-rates\/release": / { mark = value($0) }
        section == "spec" && /^    "replicas": / { wanted = value($0) }
        section == "status" && /^    "observedGeneration": / { observed = value($0) }
        section == "status" && /^    "replicas": / { total = value($0) }
        section == "status" && /^    "updatedReplicas": / { updated = value($0) }
        section == "status" && /^    "availableReplicas": / { available = value($0) }
        section == "status" && /"reason": "ProgressDeadlineExceeded"/ { stuck = 1 }
        END {
            print (mark == "" ? "none" : mark), generation + 0, observed + 0, wanted + 0, total + 0, \
                updated + 0, available + 0, stuck + 0
        }' "$1"
}

# look: sets `told` to how far it is; succeeds when it is done. `failed` says why it never will be.
look() {
    failed=
    told=
    status=$(api "$state" "$deployment?pretty=true")
    case $status in
    200) ;;
    404) told="the operator has not made the Deployment $NAME yet" && return 1 ;;
    401 | 403) failed="may not read the Deployment $NAME ($status): $(said "$state")" && return 1 ;;
    *) told="no answer from the API server ($status): $(said "$state")" && return 1 ;;
    esac
    # shellcheck disable=SC2046
    set -- $(numbers "$state")
    if [ "$1" != "$MARK" ]; then
        told="the operator has not applied this release to the Deployment $NAME yet"
        return 1
    elif [ "$3" -lt "$2" ]; then
        told="nothing has looked at the changed Deployment $NAME yet"
        return 1
    fi
    wanted=$4
    told="$6 of $wanted pods are of this release, $7 available, $(($5 - $6)) older ones left"
    [ "$8" = 0 ] || failed="it makes no progress: $told"
    [ "$6" -ge "$wanted" ] && [ "$5" -le "$6" ] && [ "$7" -ge "$6" ]
}

before=
until look; do
    [ "$told" = "$before" ] || echo "waits   $told"
    before=$told
    if [ -z "$failed" ] && [ "$(date +%s)" -ge "$deadline" ]; then
        failed="not done within $SECONDS_AT_MOST s: $told"
    fi
    if [ -n "$failed" ]; then
        echo "FAILED  $failed"
        sed -n 's/^ *"message": "\(.*\)",*$/        \1/p' "$state"
        echo "        See: kubectl -n $(cat "$ACCOUNT/namespace") describe spinapp,deployment,pods; and the log of the operator"
        exit 1
    fi
    sleep "${PAUSE:-2}"
done
echo "ok      $told"
if [ "$wanted" = 0 ]; then
    echo "ok      scaled to none: there is nothing to ask"
    exit 0
fi
