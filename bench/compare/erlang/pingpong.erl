%% Ping-pong for bench/compare.sh: ACTORS processes in pairs, one message of 64 bytes in flight in each pair.
%% Prints messages a second, all pairs together.
%%
%%   erlc pingpong.erl && erl -noinput -run pingpong main ACTORS SECONDS
-module(pingpong).
-export([main/1]).

-define(WARM_UP_MS, 300).

main([ActorsText, SecondsText]) ->
    Pairs = list_to_integer(ActorsText) div 2,
    Milliseconds = list_to_integer(SecondsText) * 1000,
    Players = lists:append([start_pair() || _ <- lists:seq(1, Pairs)]),
    timer:sleep(?WARM_UP_MS),
    {FirstAt, First} = count(Players),
    timer:sleep(Milliseconds),
    {LastAt, Last} = count(Players),
    Nanoseconds = erlang:convert_time_unit(LastAt - FirstAt, native, nanosecond),
    io:format("~b~n", [(Last - First) * 1000000000 div Nanoseconds]),
    halt(0, [{flush, true}]).

%% 64 bytes are the largest binary that lives on a process's own heap: each send copies it, as the other systems do. One
%% byte more, and processes would share it by reference.
start_pair() ->
    One = spawn(fun wait_for_partner/0),
    Other = spawn(fun wait_for_partner/0),
    One ! {partner, Other},
    Other ! {partner, One},
    One ! binary:copy(<<16#5a>>, 64),
    [One, Other].

wait_for_partner() ->
    receive {partner, Partner} -> play(Partner, 0) end.

play(Partner, Received) ->
    receive
        Ball when is_binary(Ball) ->
            Partner ! Ball,
            play(Partner, Received + 1);
        {count, Asker} ->
            Asker ! {received, Received},
            play(Partner, Received)
    end.

%% Each process counts for itself, as a counter that all write would be what is measured. The players go on while they
%% are asked; both counts are taken in the same way, so that what this adds at the start it takes away at the end.
count(Players) ->
    At = erlang:monotonic_time(),
    [Player ! {count, self()} || Player <- Players],
    {At, lists:sum([receive {received, Received} -> Received end || _ <- Players])}.
