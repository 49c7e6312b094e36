#!/usr/bin/env bash
# What a user does, from an empty folder to a verified chain, and at the prompt: end_to_end.sh THEATER
set -euo pipefail
program=$(realpath "$1")
work=$(mktemp -d)
server=""
clean_up() {
  [[ -z $server ]] || kill -9 "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

# A machine on which Theater was just installed.
mkdir -p "$work/bin" "$work/home"
ln -s "$program" "$work/bin/theater"
export PATH="$work/bin:$PATH" HOME="$work/home" NO_COLOR=1
unset THEATER_HOME THEATER_CONFIG THEATER_SERVER_ADDRESS XDG_CONFIG_HOME
cd "$work"

step=""
begin() {
  step=$1
  echo "== $step"
}
# said WHAT PART: WHAT must contain PART.
said() {
  [[ $1 == *"$2"* ]] && return
  printf 'at "%s": "%s" is missing in:\n%s\n' "$step" "$2" "$1" >&2
  exit 1
}
# fails CODE COMMAND…: ends with that exit code; what it said is in $output.
fails() {
  local wanted=$1 code=0
  shift
  output=$("$@" 2>&1) || code=$?
  [[ $code -eq $wanted ]] && return
  printf 'at "%s": %s ended with %s and not %s:\n%s\n' "$step" "$*" "$code" "$wanted" "$output" >&2
  exit 1
}

begin "a project of each language"
said "$(theater create notes --template message-server -o projects)" "theater build"
said "$(theater create cnotes --lang c -o projects)" "cnotes.c"
fails 1 theater create notes -o projects
said "$output" "exists already"

begin "build and test"
said "$(theater build projects/notes)" "imports theater:simple/message-server-host.send-on-channel"
said "$(projects/cnotes/test.sh)" "passed"

begin "a server"
fails 1 theater list
said "$output" "theater server"
theater server --data data >server.out 2>server.err &
server=$!
# It may take a moment until it listens.
mkdir -p .config/theater
cat >config.toml <<'CONFIG'
[server]
retry_attempts = 600
retry_delay = "50ms"
CONFIG
export THEATER_CONFIG=$work/config.toml
said "$(theater server status)" "version"
said "$(theater config)" "retry_attempts = 600"

begin "start"
id=$(theater start projects/notes)
said "$(theater list)" "$id  running  notes"
said "$(theater inspect notes)" "status   running"
fails 1 theater start /nonexistent

begin "message and request"
theater message notes "buy milk"
said "$(theater request notes read)" "buy milk"
said "$(theater message notes size -r)" "8"
fails 1 theater request notes what
said "$output" 'ask "read"'
printf 'a new note' | theater send notes -f -
said "$(theater request notes read)" "a new note"

begin "channel"
talk=$(printf 'and more\n' | theater channel open notes -m hello)
said "$talk" "add lines to the note"
said "$talk" "the note has 19 bytes"

begin "events"
said "$(theater events notes)" "actor.started"
said "$(theater events notes -k call --search 'buy milk' -f compact)" "buy milk"
said "$(theater subscribe notes -H -l 2 -f compact)" "started"
said "$(theater --json events notes -r -l 1)" '"sequence":'
said "$(theater top -n 1)" "notes"

begin "state"
said "$(theater state notes -f raw | tr -d '\0')" "a new note"
said "$(theater pause notes)" "paused"
said "$(theater unpause notes)" "running"

begin "update"
cp -r projects/notes projects/louder
sed -i 's/if (question == "size")/if (question == "shout") return theater::reply(theater::text(note, "!"));\n    &/' projects/louder/notes.cc
sed -i 's/"ask /"say /' projects/louder/notes.cc
theater build projects/louder >/dev/null
# It would have answered otherwise when it was asked what it did not know.
fails 2 theater update notes projects/louder/build/notes.wasm --preflight
said "$output" "DIFFERS"
said "$output" 'ask'
sed -i 's/"say /"ask /' projects/louder/notes.cc
theater build projects/louder >/dev/null
said "$(theater update notes projects/louder/build/notes.wasm --preflight)" "UPDATED"
said "$(theater request notes shout)" "and more!"
said "$(theater --json update notes - <projects/notes/build/notes.wasm)" '"updated":true'
fails 1 theater request notes shout
said "$output" 'ask "read"'
fails 1 theater update notes projects/notes/notes.cc
said "$(theater request notes read)" "a new note"

begin "at the prompt"
# shellcheck disable=SC1090 # made by the program; outside of a prompt compopt fails
source <(theater completion bash)
# offers WORDS…: what stands for the last one goes to $offered.
offers() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=0
  COMP_POINT=${#COMP_LINE}
  _theater || true
  offered=" ${COMPREPLY[*]} "
}
offers theater stop no
said "|$offered|" "| notes |"
offers theater events ""
said "$offered" " notes "
said "$offered" " data "
offers theater upda
said "|$offered|" "| update |"
offers theater update n
said "|$offered|" "| notes |"
offers theater update notes projects/notes/build/notes.w
said "|$offered|" "| projects/notes/build/notes.wasm |"
offers theater update notes projects/notes/build/notes.wasm --pre
said "|$offered|" "| --preflight |"

begin "stop"
said "$(theater stop notes)" "$id stopped"
said "$(theater list)" "no actors run"
fails 1 theater send notes late
kill -TERM "$server"
code=0
wait "$server" || code=$?
server=""
said "$code" 0
fails 1 theater list --address "unix:$work/nowhere"

begin "verify"
said "$(theater verify data)" "OK"
said "$(theater replay data --actor notes)" "SAME"
said "$(theater events data --actor notes -k stopped -f compact)" "stopped"
last=$(theater --json events data --actor notes -k call -r -l 1 | sed 's/.*"sequence":\([0-9]*\).*/\1/')
said "$(theater show data "$last" --actor notes)" "params"
said "$(theater causes data "$last" --actor notes)" "came from outside"
said "$(theater list-stored --chains-dir data)" "$id"

begin "hand it on"
theater bundle data --actor notes -o notes.bundle >/dev/null
said "$(theater verify notes.bundle)" "OK"
said "$(theater checkpoint data)" "theater/"
# One changed byte is found.
size=$(stat -c %s notes.bundle)
cp notes.bundle changed.bundle
printf '\377' | dd of=changed.bundle bs=1 seek=$((size / 2)) conv=notrunc status=none
fails 1 theater verify changed.bundle

echo "all as it should be"
