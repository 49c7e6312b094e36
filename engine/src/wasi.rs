//! WASI 0.2, closed: what components made by other languages' tools import, whether they use it or not.
//!
//! Nothing of it reaches the machine. Plain functions of the clocks and of random cross as bytes like any other import. What has
//! resources, and all of cli, io, filesystem and sockets, is answered here, always in the same way: no arguments, no environment, no
//! folders, an empty standard input, every socket refused. Two things need the host, and ask it by functions that stand among the
//! component's imports though the guest cannot call them: `write-line` of standard output and standard error, once for each line, and
//! `wait-until` of the monotonic clock, for sleeping and polling.

use crate::abi::IMPORT_SUSPENDS;
use crate::canon::{Cursor, put_bytes, put_unsigned};
use crate::failure::HostTrap;
use crate::host::{Answer, BorrowedValue, Host, suspended};
use crate::imports::{bad_reply, not_suspending};
use crate::instance::ready_now;
use crate::types::{Function, Ty};
use std::sync::Arc;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type};
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource, ResourceType, Val};
use wasmtime::{AsContextMut, Engine, Error, Result, StoreContextMut};

/// A line of output has no more; what is longer goes out in pieces.
const LINE_BYTES: usize = 16 << 10;
/// A guest may write so much at once.
const WRITE_BYTES: u64 = 64 << 10;
/// Streams, pollables and the like that an instance may hold at a time.
const MAX_HANDLES: u32 = 4096;

const PACKAGES: [&str; 6] = ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];
/// Their functions cross as bytes unless they have resources.
const CROSSING: [&str; 2] = ["wasi:clocks/", "wasi:random/"];

/// Whether the interface belongs to a WASI 0.2 that is answered here.
pub fn is_wasi(interface: &str) -> bool {
    let (_, version) = split(interface);
    version.starts_with("0.2.") && PACKAGES.iter().any(|package| interface.starts_with(package))
}

/// The name and the version.
fn split(interface: &str) -> (&str, &str) {
    interface.split_once('@').unwrap_or((interface, ""))
}

/// What one component imports of it.
#[derive(Default)]
pub struct Wasi {
    items: Vec<Item>,
    asks: Asks,
}

struct Item {
    interface: String,
    name: String,
    kind: Kind,
}

enum Kind {
    Resource,
    Function(Closed),
}

/// The answer to a function that is not implemented here, by the type of its result.
#[derive(Clone, Copy)]
enum Closed {
    EmptyList,
    None,
    Denied,
    Trap,
}

/// What is asked of the host: places among the component's imports.
#[derive(Clone, Copy, Default)]
pub struct Asks {
    write_line: [Option<u32>; 2],
    wait_until: Option<u32>,
}

impl Wasi {
    /// Reads an imported interface. What crosses as bytes, and what the host is asked, goes to `functions`.
    pub fn read(
        &mut self,
        engine: &Engine,
        interface: &str,
        instance: &ComponentInstance,
        functions: &mut Vec<Arc<Function>>,
        budget: &mut usize,
    ) {
        let crosses = CROSSING.iter().any(|package| interface.starts_with(package));
        let closed = self.items.len();
        for (name, item) in instance.exports(engine) {
            let kind = match item.ty {
                ComponentItem::ComponentFunc(f) => match Function::read(interface, name, &f, budget) {
                    Ok(function) if crosses => {
                        functions.push(Arc::new(function));
                        continue;
                    }
                    _ => Kind::Function(Closed::of(&f)),
                },
                ComponentItem::Resource(_) => Kind::Resource,
                _ => continue,
            };
            self.items.push(Item { interface: interface.into(), name: name.into(), kind });
        }
        let has = |wanted: &str| {
            let is = |item: &Item| matches!(item.kind, Kind::Function(_)) && item.name.starts_with(wanted);
            self.items[closed..].iter().any(is)
        };
        match split(interface).0 {
            "wasi:cli/stdout" if has("get-stdout") => add(&mut self.asks.write_line[0], write_line(interface), functions),
            "wasi:cli/stderr" if has("get-stderr") => add(&mut self.asks.write_line[1], write_line(interface), functions),
            "wasi:clocks/monotonic-clock" if has("subscribe-") => {
                add(&mut self.asks.wait_until, wait_until(interface), functions);
            }
            _ => {}
        }
    }

    pub fn asks(&self) -> Asks {
        self.asks
    }

    /// Whether the import is asked from here and is none of the component's own.
    pub fn is_asked(&self, import: usize) -> bool {
        let Asks { write_line: [stdout, stderr], wait_until } = self.asks;
        [stdout, stderr, wait_until].into_iter().flatten().any(|asked| asked as usize == import)
    }

    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.interface.as_str())
    }

    /// Binds what is answered here of an interface.
    pub fn bind(&self, to: &mut LinkerInstance<'_, Host>, interface: &str, flags: &[u32]) -> Result<()> {
        let waits = self.asks.wait_until.is_some_and(|import| flags[import as usize] & IMPORT_SUSPENDS != 0);
        for item in self.items.iter().filter(|item| item.interface == interface) {
            match item.kind {
                Kind::Resource => bind_resource(to, &item.name)?,
                Kind::Function(closed) => bind_function(to, item, closed, waits)?,
            }
        }
        Ok(())
    }
}

/// Two versions of an interface share the function of the first.
fn add(ask: &mut Option<u32>, function: Function, functions: &mut Vec<Arc<Function>>) {
    if ask.is_none() {
        *ask = u32::try_from(functions.len()).ok();
        functions.push(Arc::new(function));
    }
}

fn write_line(interface: &str) -> Function {
    let params = vec![("line".into(), Ty::String)];
    Function { interface: interface.into(), name: "write-line".into(), params, result: None }
}

fn wait_until(interface: &str) -> Function {
    let params = vec![("when".into(), Ty::U64)];
    Function { interface: interface.into(), name: "wait-until".into(), params, result: Some(Ty::U64) }
}

impl Closed {
    fn of(function: &ComponentFunc) -> Closed {
        match function.results().next() {
            Some(Type::List(_)) => Closed::EmptyList,
            Some(Type::Option(_)) => Closed::None,
            Some(Type::Result(result)) => match result.err() {
                Some(Type::Enum(codes)) if codes.names().any(|code| code == DENIED) => Closed::Denied,
                _ => Closed::Trap,
            },
            _ => Closed::Trap,
        }
    }
}

const DENIED: &str = "access-denied";

// What an instance has of it --------------------------------------------------------------------------------------------

/// Made at the first use.
#[derive(Default)]
pub struct State {
    /// Begun lines of standard output and standard error.
    lines: [Vec<u8>; 2],
    /// Of the pollables that wait for a time.
    deadlines: Vec<Option<u64>>,
    handles: u32,
}

enum Pollable {}
enum InputStream {}
enum OutputStream {}
enum IoError {}
enum Network {}
/// All those that nothing makes.
enum Absent {}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Streamed<T> = (std::result::Result<T, StreamError>,);

/// Always ready; the others wait for the deadline in the place before their number.
const READY: u32 = 0;

fn handle<T: 'static>(host: &mut Host, number: u32) -> Result<Resource<T>> {
    let state = host.wasi_state();
    if state.handles >= MAX_HANDLES {
        return Err(refused(format!("the guest holds {MAX_HANDLES} WASI streams and pollables, which is the most")));
    }
    state.handles += 1;
    Ok(Resource::new_own(number))
}

fn timer(host: &mut Host, deadline: u64) -> Result<Resource<Pollable>> {
    let deadlines = &host.wasi_state().deadlines;
    let free = deadlines.iter().position(Option::is_none).unwrap_or(deadlines.len());
    // Cannot be cut: there are no more of them than handles.
    let pollable = handle(host, free as u32 + 1)?;
    let deadlines = &mut host.wasi_state().deadlines;
    if free == deadlines.len() {
        deadlines.push(None);
    }
    deadlines[free] = Some(deadline);
    Ok(pollable)
}

fn deadline_of(host: &mut Host, pollable: &Resource<Pollable>) -> Option<u64> {
    let place = (pollable.rep() as usize).checked_sub(1)?;
    host.wasi_state().deadlines.get(place).copied().flatten()
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(HostTrap(message.into()))
}

fn bind_resource(to: &mut LinkerInstance<'_, Host>, name: &str) -> Result<()> {
    let ty = match name {
        "pollable" => ResourceType::host::<Pollable>(),
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        "error" => ResourceType::host::<IoError>(),
        "network" => ResourceType::host::<Network>(),
        _ => ResourceType::host::<Absent>(),
    };
    let is_pollable = name == "pollable";
    to.resource(name, ty, move |mut store, number| {
        let state = store.data_mut().wasi_state();
        state.handles = state.handles.saturating_sub(1);
        if let (true, Some(place)) = (is_pollable, (number as usize).checked_sub(1)) {
            state.deadlines[place] = None;
        }
        Ok(())
    })
}

fn bind_function(to: &mut LinkerInstance<'_, Host>, item: &Item, closed: Closed, waits: bool) -> Result<()> {
    let name = item.name.as_str();
    match (split(&item.interface).0, name) {
        ("wasi:cli/stdin", "get-stdin") => to.func_wrap(name, |mut s, ()| Ok((handle::<InputStream>(s.data_mut(), 0)?,))),
        ("wasi:cli/stdout", "get-stdout") => to.func_wrap(name, |mut s, ()| Ok((handle::<OutputStream>(s.data_mut(), 0)?,))),
        ("wasi:cli/stderr", "get-stderr") => to.func_wrap(name, |mut s, ()| Ok((handle::<OutputStream>(s.data_mut(), 1)?,))),
        ("wasi:cli/exit", _) => to.func_new(name, |mut store, _, params, _| exit(store.data_mut(), params)),
        ("wasi:sockets/instance-network", "instance-network") => {
            to.func_wrap(name, |mut s, ()| Ok((handle::<Network>(s.data_mut(), 0)?,)))
        }
        ("wasi:clocks/monotonic-clock", "subscribe-instant") => {
            to.func_wrap(name, |mut s, (when,): (u64,)| Ok((timer(s.data_mut(), when)?,)))
        }
        ("wasi:clocks/monotonic-clock", "subscribe-duration") => to.func_wrap(name, |mut s, (duration,): (u64,)| {
            let now = now(&mut s)?;
            Ok((timer(s.data_mut(), now.saturating_add(duration))?,))
        }),
        ("wasi:io/poll", _) => bind_poll(to, name, waits),
        ("wasi:io/streams", _) => bind_streams(to, item, closed),
        _ => bind_closed(to, item, closed),
    }
}

fn bind_poll(to: &mut LinkerInstance<'_, Host>, name: &str, waits: bool) -> Result<()> {
    match name {
        "[method]pollable.ready" => to.func_wrap(name, |mut store, (pollable,): (Resource<Pollable>,)| {
            let Some(deadline) = deadline_of(store.data_mut(), &pollable) else { return Ok((true,)) };
            Ok((deadline <= now(&mut store)?,))
        }),
        "[method]pollable.block" if waits => to.func_wrap_async(name, |store, (pollable,): (Resource<Pollable>,)| {
            Box::new(async move { poll(store, vec![pollable], true).await.map(drop) })
        }),
        "[method]pollable.block" => to
            .func_wrap(name, |store, (pollable,): (Resource<Pollable>,)| ready_now(poll(store, vec![pollable], false)).map(drop)),
        _ if waits => to.func_wrap_async(name, |store, (pollables,): (Vec<Resource<Pollable>>,)| {
            Box::new(async move { Ok((poll(store, pollables, true).await?,)) })
        }),
        _ => {
            to.func_wrap(name, |store, (pollables,): (Vec<Resource<Pollable>>,)| Ok((ready_now(poll(store, pollables, false))?,)))
        }
    }
}

fn bind_streams(to: &mut LinkerInstance<'_, Host>, item: &Item, closed: Closed) -> Result<()> {
    type Input = Resource<InputStream>;
    type Output = Resource<OutputStream>;
    let name = item.name.as_str();
    match name.strip_prefix("[method]").unwrap_or_default() {
        "input-stream.read" | "input-stream.blocking-read" => {
            to.func_wrap(name, |_, _: (Input, u64)| -> Result<Streamed<Vec<u8>>> { Ok((Err(StreamError::Closed),)) })
        }
        "input-stream.skip" | "input-stream.blocking-skip" => {
            to.func_wrap(name, |_, _: (Input, u64)| -> Result<Streamed<u64>> { Ok((Err(StreamError::Closed),)) })
        }
        "output-stream.splice" | "output-stream.blocking-splice" => {
            to.func_wrap(name, |_, _: (Output, Input, u64)| -> Result<Streamed<u64>> { Ok((Err(StreamError::Closed),)) })
        }
        "input-stream.subscribe" => to.func_wrap(name, |mut s, _: (Input,)| Ok((handle::<Pollable>(s.data_mut(), READY)?,))),
        "output-stream.subscribe" => to.func_wrap(name, |mut s, _: (Output,)| Ok((handle::<Pollable>(s.data_mut(), READY)?,))),
        "output-stream.check-write" => to.func_wrap(name, |_, _: (Output,)| -> Result<Streamed<u64>> { Ok((Ok(WRITE_BYTES),)) }),
        "output-stream.flush" | "output-stream.blocking-flush" => {
            to.func_wrap(name, |_, _: (Output,)| -> Result<Streamed<()>> { Ok((Ok(()),)) })
        }
        "output-stream.write" | "output-stream.blocking-write-and-flush" => {
            to.func_wrap(name, |mut s, (stream, bytes): (Output, Vec<u8>)| -> Result<Streamed<()>> {
                write(s.data_mut(), stream.rep(), bytes.len() as u64, &bytes)?;
                Ok((Ok(()),))
            })
        }
        "output-stream.write-zeroes" | "output-stream.blocking-write-zeroes-and-flush" => {
            to.func_wrap(name, |mut s, (stream, count): (Output, u64)| -> Result<Streamed<()>> {
                let zeroes = vec![0; count.min(WRITE_BYTES) as usize];
                write(s.data_mut(), stream.rep(), count, &zeroes)?;
                Ok((Ok(()),))
            })
        }
        _ => bind_closed(to, item, closed),
    }
}

fn bind_closed(to: &mut LinkerInstance<'_, Host>, item: &Item, closed: Closed) -> Result<()> {
    let path = format!("{}#{}", item.interface, item.name);
    to.func_new(&item.name, move |mut store, _, params, results| {
        for param in params {
            // The one thing that a guest can have and pass here. It is lent for the call, and given back so.
            if let Val::Resource(network) = param {
                network.try_into_resource::<Network>(&mut store)?;
            }
        }
        results[0] = match closed {
            Closed::EmptyList => Val::List(Vec::new()),
            Closed::None => Val::Option(None),
            Closed::Denied => Val::Result(Err(Some(Box::new(Val::Enum(DENIED.into()))))),
            Closed::Trap => return Err(refused(format!("`{path}` has nothing to act on: WASI is closed here"))),
        };
        Ok(())
    })
}

fn exit(host: &mut Host, params: &[Val]) -> Result<()> {
    end_lines(host)?;
    let how = match params {
        [Val::Result(Err(_))] => "as failed",
        [Val::U8(code)] if *code != 0 => "as failed",
        _ => "as succeeded",
    };
    Err(refused(format!("the guest ended itself {how}, by `wasi:cli/exit`: a call ends by returning")))
}

// Output ------------------------------------------------------------------------------------------------------------------

fn write(host: &mut Host, stream: u32, count: u64, bytes: &[u8]) -> Result<()> {
    if count > WRITE_BYTES {
        return Err(refused(format!("the guest wrote {count} bytes where {WRITE_BYTES} were allowed")));
    }
    let mut line = std::mem::take(&mut host.wasi_state().lines[stream as usize]);
    let begun = line.len();
    line.extend_from_slice(bytes);
    let written = write_lines(host, stream, &mut line, begun, false);
    host.wasi_state().lines[stream as usize] = line;
    written
}

/// Writes out lines that were begun and not ended. They belong to the call, which is about to end.
pub fn end_lines(host: &mut Host) -> Result<()> {
    let Some(state) = &mut host.wasi else { return Ok(()) };
    let lines = std::mem::take(&mut state.lines);
    for (stream, mut line) in lines.into_iter().enumerate() {
        write_lines(host, stream as u32, &mut line, 0, true)?;
    }
    Ok(())
}

/// Takes whole lines off `text`, or all of it. The first `searched` bytes have no end of line.
fn write_lines(host: &Host, stream: u32, text: &mut Vec<u8>, searched: usize, all: bool) -> Result<()> {
    let mut rest = text.as_slice();
    let mut from = searched;
    loop {
        let end = rest[from..].iter().position(|byte| *byte == b'\n').map(|place| from + place);
        let (line, taken) = match end {
            Some(end) if end <= LINE_BYTES => (end, end + 1),
            _ if rest.len() > LINE_BYTES => (whole_chars(&rest[..LINE_BYTES]), whole_chars(&rest[..LINE_BYTES])),
            _ if all && !rest.is_empty() => (rest.len(), rest.len()),
            _ => break,
        };
        ask_for_line(host, stream, &rest[..line])?;
        rest = &rest[taken..];
        from = 0;
    }
    let taken = text.len() - rest.len();
    text.drain(..taken);
    Ok(())
}

/// How much of `text` there is without a character that its end cuts.
fn whole_chars(text: &[u8]) -> usize {
    match std::str::from_utf8(text) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => text.len(),
    }
}

fn ask_for_line(host: &Host, stream: u32, line: &[u8]) -> Result<()> {
    let Some(import) = host.wasi_asks.write_line[stream as usize] else { return Ok(()) };
    let mut params = Vec::with_capacity(line.len() + 4);
    put_bytes(&mut params, String::from_utf8_lossy(line).as_bytes());
    match host.ask(import, &params, &[])? {
        Answer::Now(_) => Ok(()),
        Answer::Pending => Err(not_suspending(&write_line("wasi:cli"))),
    }
}

// Waiting -----------------------------------------------------------------------------------------------------------------

/// Asks the host for the time once `when` is reached.
fn ask_to_wait(host: &Host, when: u64) -> Result<Answer> {
    let Some(import) = host.wasi_asks.wait_until else { return Err(refused("no clock was imported")) };
    let mut params = Vec::with_capacity(10);
    put_unsigned(&mut params, when);
    host.ask(import, &params, &[])
}

fn time_of(value: BorrowedValue) -> Result<u64> {
    // SAFETY: the ABI has the host keep these bytes valid until its next callback; they are read here.
    let (head, body) = unsafe { (value.0.head.slice(), value.0.body.slice()) };
    let mut cursor = Cursor::new(head, body);
    let time = cursor.unsigned(64).and_then(|time| cursor.end().map(|()| time));
    time.map_err(|malformed| bad_reply(&wait_until("wasi:clocks/monotonic-clock"), malformed))
}

fn now(store: &mut StoreContextMut<'_, Host>) -> Result<u64> {
    match ask_to_wait(store.data(), 0)? {
        Answer::Now(value) => time_of(value),
        Answer::Pending => Err(not_suspending(&wait_until("wasi:clocks/monotonic-clock"))),
    }
}

/// Waits until at least one is ready, and says which are.
async fn poll(mut store: impl AsContextMut<Data = Host>, pollables: Vec<Resource<Pollable>>, waits: bool) -> Result<Vec<u32>> {
    let mut store = store.as_context_mut();
    if pollables.is_empty() {
        return Err(refused("the guest polled nothing, which would never end"));
    }
    let deadlines: Vec<Option<u64>> = pollables.iter().map(|p| deadline_of(store.data_mut(), p)).collect();
    let ready_at = |time: u64| -> Vec<u32> {
        let ready = deadlines.iter().enumerate().filter(|(_, deadline)| deadline.is_none_or(|deadline| deadline <= time));
        ready.map(|(place, _)| place as u32).collect()
    };
    let Some(first) = deadlines.iter().flatten().min() else { return Ok(ready_at(0)) };
    // Those that wait for nothing do not keep the others from being looked at.
    let when = if deadlines.contains(&None) { 0 } else { *first };
    loop {
        let time = match ask_to_wait(store.data(), when)? {
            Answer::Now(value) => time_of(value)?,
            Answer::Pending if waits => time_of(suspended(&mut store, "wasi:io/poll").await?)?,
            Answer::Pending => return Err(not_suspending(&wait_until("wasi:clocks/monotonic-clock"))),
        };
        let ready = ready_at(time);
        if !ready.is_empty() {
            return Ok(ready);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wasi_0_2_of_the_closed_packages_is_answered_here() {
        for name in ["wasi:cli/exit@0.2.0", "wasi:io/streams@0.2.12", "wasi:random/random@0.2.3"] {
            assert!(is_wasi(name), "{name}");
        }
        for name in ["wasi:cli/exit", "wasi:cli/exit@0.3.0", "wasi:cli/exit@0.20.0", "wasi:http/types@0.2.0", "a:cli/exit@0.2.0"]
        {
            assert!(!is_wasi(name), "{name}");
        }
    }

    #[test]
    fn a_cut_never_goes_through_a_character() {
        assert_eq!(whole_chars("ab".as_bytes()), 2);
        assert_eq!(whole_chars(&"aä".as_bytes()[..2]), 1);
        assert_eq!(whole_chars(b"a\xff"), 2);
    }
}
