# Functions of the scripts in this folder: read the demo, send a request, check the response.
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

# ask STATUS METHOD PATH [curl arguments]: sends a request, prints request and response, and stops the script if the
# status is another one. Afterwards $answer is the body.
ask() {
  expected=$1 method=$2 path=$3
  shift 3
  printf '\n> %s %s%s\n' "$method" "$GATEWAY_URL" "$path"
  for argument in "$@"; do
    case $argument in -H | -d) ;; *) printf '>   %s\n' "$argument" ;; esac
  done
  : >"$work/asked"
  status=$(curl -sS -X "$method" -D "$work/headers" -o "$work/body" -w '%{http_code}' "$@" "$GATEWAY_URL$path")
  answer=$(cat "$work/body")
  printf '< %s\n' "$status"
  # The budget is ten logins a minute. A script that exceeds it waits as long as the response says.
  if [ "$status" = 429 ] && [ "$expected" != 429 ]; then
    wait_seconds=$(header '[Rr]etry-[Aa]fter')
    printf '  waiting for %s s\n' "$wait_seconds"
    sleep "$wait_seconds"
    ask "$expected" "$method" "$path" "$@"
    return
  fi
  grep -iE '^(etag|location|www-authenticate|retry-after|deprecation|sunset):' "$work/headers" | tr -d '\r' | sed 's/^/<   /'
  printf '%s\n' "$answer" | cut -c 1-600
  if [ "$status" != "$expected" ]; then
    echo "expected $expected, got $status" >&2
    exit 1
  fi
}

# field NAME: the text of a member of the response; the last member of that name.
field() {
  printf '%s' "$answer" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

# header NAME: the value of a header of the response.
header() {
  tr -d '\r' <"$work/headers" | sed -n "s/^$1: //p"
}

# expect TEXT: stops the script if the response does not contain the text.
expect() {
  case $answer in
    *"$1"*) ;;
    *) echo "expected the response to contain: $1" >&2; exit 1 ;;
  esac
}

# mail_to ADDRESS: waits for the mail that the last request caused, and prints it.
mail_to() {
  folder=$(dirname "$demo")/mail
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    mail=$(find "$folder" -name '*.eml' -newer "$work/asked" -exec grep -l "^To: .*$1" {} + 2>/dev/null | tail -n 1)
    if [ -n "$mail" ]; then break; fi
    sleep 1
  done
  cat "$mail"
}

# login EMAIL PASSWORD: afterwards $access and $refresh are the tokens.
login() {
  ask 200 POST /v1/auth/login -H 'Content-Type: application/json' -d "{\"email\":\"$1\",\"password\":\"$2\"}"
  access=$(field access)
  refresh=$(field refresh)
}
