# How the hooks ask the API server, by curl: as the account whose token, authority and namespace are
# in $ACCOUNT, about the Deployment $NAME. $API is its address; the pod's environment has it.
api_address() {
    case ${KUBERNETES_SERVICE_HOST:-} in
    *:*) echo "https://[$KUBERNETES_SERVICE_HOST]:$KUBERNETES_SERVICE_PORT" ;;
    *) echo "https://${KUBERNETES_SERVICE_HOST:?only in a pod}:$KUBERNETES_SERVICE_PORT" ;;
    esac
}

: "${API:=$(api_address)}"
deployment=$API/apis/apps/v1/namespaces/$(cat "$ACCOUNT/namespace")/deployments/$NAME

# api FILE CURL-ARGUMENTS…: prints the answer's status, 000 if there is none; the answer itself, or why
# there is none, is in FILE. The token is not among the arguments, where it could be seen.
api() {
    answer=$1
    shift
    printf 'Authorization: Bearer %s\n' "$(cat "$ACCOUNT/token")" |
        curl -sS --max-time 10 --cacert "$ACCOUNT/ca.crt" -H @- -o "$answer.body" -w '%{http_code}' "$@" \
            2>"$answer" || :
    [ ! -s "$answer.body" ] || mv "$answer.body" "$answer"
}

# What the answer in FILE says, on one line.
said() { tr -s '\n ' '  ' <"$1" | cut -c 1-300; }
