# Read by the scripts beside it: who and where, how to ask, and how to look into an answer.
set -eu

demo=${DATA_DIR:-.data}/demo.env
case $demo in /*) ;; *) demo=./$demo ;; esac
if [ ! -r "$demo" ]; then
  echo "$demo is missing: run npm start first, or set DATA_DIR" >&2
  exit 1
fi
. "$demo"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# ask STATUS METHOD PATH [curl arguments]: sends a request, shows both sides, and ends the script on another status.
# Afterwards $answer is the body.
ask() {
  expected=$1 method=$2 path=$3
  shift 3
  printf '\n> %s %s%s\n' "$method" "$GATEWAY_URL" "$path"
  for argument in "$@"; do
    case $argument in -H | -d) ;; *) printf '>   %s\n' "$argument" ;; esac
  done
  status=$(curl -sS -X "$method" -D "$work/headers" -o "$work/body" -w '%{http_code}' "$@" "$GATEWAY_URL$path")
  answer=$(cat "$work/body")
  printf '< %s\n' "$status"
  grep -iE '^(etag|location|www-authenticate|retry-after):' "$work/headers" | tr -d '\r' | sed 's/^/<   /'
  printf '%s\n' "$answer" | cut -c 1-600
  if [ "$status" != "$expected" ]; then
    echo "expected $expected, got $status" >&2
    exit 1
  fi
}

# field NAME: the text of a member of the answer; the last one of that name.
field() {
  printf '%s' "$answer" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

# header NAME: the value of a header of the answer.
header() {
  tr -d '\r' <"$work/headers" | sed -n "s/^$1: //p"
}

# expect TEXT: the answer must contain it.
expect() {
  case $answer in
    *"$1"*) ;;
    *) echo "expected the answer to say: $1" >&2; exit 1 ;;
  esac
}

# login EMAIL PASSWORD: afterwards $access and $refresh are the tokens.
login() {
  ask 200 POST /v1/auth/login -H 'Content-Type: application/json' -d "{\"email\":\"$1\",\"password\":\"$2\"}"
  access=$(field access)
  refresh=$(field refresh)
}
