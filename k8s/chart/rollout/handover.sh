# Makes somebody besides the operator an owner of the number of pods of the Deployment $NAME, without
# changing it. With an autoscaler the operator stops applying that field; if it were its only owner,
# the API server would put it back to 1, and with it a release that is running. Follows api.sh.
answer=$WORK/answer
tries=0

# hand_over: succeeds when it is done. `failed` says why it can't be.
hand_over() {
    failed=
    status=$(api "$answer" "$deployment/scale?pretty=false")
    case $status in
    200) ;;
    404) echo "ok      there is no Deployment $NAME yet, so nothing to keep" && exit 0 ;;
    *) failed="can't read how many pods $NAME has ($status): $(said "$answer")" && return 1 ;;
    esac
    replicas=$(tr -d ' \n' <"$answer" | sed -n 's/.*"spec":{"replicas":\([0-9][0-9]*\)}.*/\1/p')
    # A scale without a number has none.
    replicas=${replicas:-0}
    # No force: where another number has been written meanwhile, that is the one to keep.
    status=$(api "$answer" -X PATCH "$deployment?fieldManager=edge-rates-handover" \
        -H 'Content-Type: application/apply-patch+yaml' \
        --data "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"$NAME\"},\"spec\":{\"replicas\":$replicas}}")
    case $status in
    200 | 201) echo "ok      $NAME keeps its $replicas pods" ;;
    409) failed="the number of pods of $NAME changes all the time" && return 1 ;;
    *) failed="can't hand over the number of pods of $NAME ($status): $(said "$answer")" && return 1 ;;
    esac
}

until hand_over; do
    tries=$((tries + 1))
    if [ "$tries" -ge 10 ]; then
        echo "FAILED  $failed" && exit 1
    fi
    sleep "${PAUSE:-2}"
done
