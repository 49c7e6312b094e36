#!/usr/bin/env bash
# What `make demo` shows, in about 10 seconds: real actors that send, request, stream and sleep, their chains verified, one chain
# falsified and found out, and the message rate of this machine. Fails when a step does.
#
#   scripts/demo.sh [PROGRAM]     PROGRAM: the theater to show (default: build/release/bin/theater)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
theater=$(realpath "${1:-build/release/bin/theater}")
if [[ ! -x $theater ]]; then
  echo "demo: $theater is missing; run \`make build\` first" >&2
  exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export THEATER_HOME=$scratch/home
bold='' dim='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} && ${THEATER_COLORS:-} != never ]]; then
  # Also for what goes through a pipe on its way to this terminal.
  export THEATER_COLORS=always
  bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi

title() { printf '\n%s%s%s\n%s%s%s\n' "$bold" "$1" "$plain" "$dim" "$2" "$plain"; }
# show FOLDER ARGUMENTS…: the command as one would type it in that folder, and what it prints.
show() {
  local folder=$1 words='' word
  shift
  for word in "$@"; do
    [[ $word == *' '* ]] && word="'$word'"
    words+=" $word"
  done
  printf '%s%s$ theater%s%s\n' "$dim" "${folder#"$scratch"/}" "$words" "$plain"
  (cd "$folder" && "$theater" "$@")
}

title "State" "An actor adds up what it is sent. A message that it cannot read fails and changes nothing."
show examples/counter run manifest.toml --send counter=3 --send counter=x --send counter=4 --request counter=total --for 0.1

title "The record" "The same with --events: whatever crosses the sandbox is an event of the actor's chain, the causes included."
show examples/counter run manifest.toml --send counter=3 --send counter=x --request counter=total --for 0.1 --events >"$scratch/events"
grep -E '^\S*\$|#[0-9]+ |verified' "$scratch/events"

title "Two actors" "A ball goes to and fro; its count runs down, then both shut down."
show examples/ping_pong run pong.toml manifest.toml

title "One to many" "Listeners subscribe by sending their id; one component runs as three actors."
show examples/broadcast run manifest.toml listener_a.toml listener_b.toml listener_c.toml --send announcer=hello --send announcer=bye

title "A pipeline" "Three stages; messages between two actors keep their order."
show examples/pipeline run collect.toml upper.toml manifest.toml --send 'words=the quick brown fox' --for 0.3

title "A channel" "Opened with a first message, accepted with one; then numbers one way and sums the other. The dead letter is the client's own notice
of the close, which came after it had shut down: sent = delivered + refused + dead letters, always."
show examples/channels run summer.toml manifest.toml --send client=5

title "A late answer" "The asker's turn waits for the oracle, which answers when it is told what to say. No thread waits."
show examples/deferred_reply run manifest.toml asker.toml --send 'asker=will it rain?' --send oracle=perhaps --for 0.3

title "Time" "A sleeping actor costs no thread; its other messages wait in its mailbox."
show examples/sleeper run manifest.toml --send sleeper=250 --send sleeper=100 --send sleeper=stop

title "A chain in a file" "save_chain = true writes the chain; anyone can check it later, without this runtime."
mkdir "$scratch/counter"
cp -r examples/counter/build "$scratch/counter/"
{ echo 'save_chain = true'; cat examples/counter/manifest.toml; } >"$scratch/counter/manifest.toml"
show "$scratch/counter" run manifest.toml --chains . --send counter=3 --send counter=4 --for 0.1
mv "$scratch"/counter/*.chain "$scratch/counter/counter.chain"
show "$scratch/counter" verify counter.chain

title "A falsified chain" "In a copy somebody makes the actor say \"the sum is 9\". Events are sealed in links; the changed link is named by its first event."
sed 's/the sum is 7/the sum is 9/' "$scratch/counter/counter.chain" >"$scratch/counter/falsified.chain"
if cmp -s "$scratch/counter/counter.chain" "$scratch/counter/falsified.chain"; then
  echo "demo: the copy was not changed" >&2
  exit 1
fi
status=0
show "$scratch/counter" verify falsified.chain | tee "$scratch/verdict" || status=$?
if [[ $status -ne 1 ]] || ! grep -q 'at event' "$scratch/verdict"; then
  echo "demo: the falsified chain was not found out" >&2
  exit 1
fi

title "The rate" "Five pairs bounce a 64-byte message for 2 seconds, every event recorded and hashed."
printf '%s$ theater bench ping-pong --actors 10 --seconds 2%s\n' "$dim" "$plain"
"$theater" bench ping-pong --actors 10 --seconds 2
