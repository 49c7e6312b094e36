//! Calls of exported functions, typed where the signature is a known shape.

use crate::canon::{Cursor, Read};
use crate::direct::{self, MAX_FLAT_PARAMS, flat_params, flat_result};
use crate::dynamic::{decode, encode};
use crate::host::Host;
use crate::link::LinkedExport;
use crate::types::{Function, Ty};
use wasmtime::component::{ComponentNamedList, Func, Instance, Lift, TypedFunc, Val};
use wasmtime::{Result, Store};

/// Which path calls an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signature {
    /// A handler with these parameters that returns the state alone, or the state and an optional byte list.
    Handler(HandlerParams, bool),
    /// Any other whose parameters are not passed in memory; with this kind of result.
    Direct(DirectResult),
    Dynamic,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectResult {
    Nothing,
    /// One flat value.
    One,
    Many,
    Handler,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandlerParams {
    Bytes,
    Text,
    TextBytes,
}

impl Signature {
    pub fn of(function: &Function) -> Signature {
        if let Some(typed) = Signature::typed(function) {
            return typed;
        }
        if flat_params(function) > MAX_FLAT_PARAMS {
            return Signature::Dynamic;
        }
        Signature::Direct(match flat_result(function) {
            _ if function.is_handler() => DirectResult::Handler,
            0 => DirectResult::Nothing,
            1 => DirectResult::One,
            _ => DirectResult::Many,
        })
    }

    fn typed(function: &Function) -> Option<Signature> {
        let (params, results) = function.handler_parts()?;
        let params = match params {
            [Ty::String] => HandlerParams::Text,
            [bytes] if bytes.is_bytes() => HandlerParams::Bytes,
            [Ty::String, bytes] if bytes.is_bytes() => HandlerParams::TextBytes,
            _ => return None,
        };
        match results {
            [] => Some(Signature::Handler(params, false)),
            [Ty::Tuple(items)] if matches!(items.as_slice(), [item] if item.is_optional_bytes()) => {
                Some(Signature::Handler(params, true))
            }
            _ => None,
        }
    }
}

type Handler<P, R> = TypedFunc<(Option<&'static [u8]>, P), (std::result::Result<R, String>,)>;
type State = (Option<Vec<u8>>,);
type StateAndReply = (Option<Vec<u8>>, (Option<Vec<u8>>,));

/// An export of one instance, resolved and type-checked.
#[derive(Clone, Copy)]
pub enum Callee {
    Bytes(Handler<(&'static [u8],), State>),
    BytesReply(Handler<(&'static [u8],), StateAndReply>),
    Text(Handler<(&'static str,), State>),
    TextReply(Handler<(&'static str,), StateAndReply>),
    TextBytes(Handler<(&'static str, &'static [u8]), State>),
    TextBytesReply(Handler<(&'static str, &'static [u8]), StateAndReply>),
    DirectNothing(TypedFunc<direct::Arguments<'static>, ()>),
    DirectOne(TypedFunc<direct::Arguments<'static>, direct::Results<1>>),
    DirectMany(TypedFunc<direct::Arguments<'static>, direct::Results<2>>),
    DirectHandler(TypedFunc<direct::Arguments<'static>, direct::HandlerResults>),
    Dynamic(Func),
}

impl Callee {
    pub fn resolve(
        store: &mut Store<Host>,
        instance: Instance,
        index: &wasmtime::component::ComponentExportIndex,
        signature: Signature,
    ) -> Result<Callee> {
        let func = instance
            .get_func(&mut *store, index)
            .ok_or_else(|| wasmtime::Error::msg("the component exports a function's type under this name, and no function"))?;
        let store = &*store;
        use HandlerParams as P;
        Ok(match signature {
            Signature::Dynamic => Callee::Dynamic(func),
            Signature::Direct(DirectResult::Nothing) => Callee::DirectNothing(func.typed(store)?),
            Signature::Direct(DirectResult::One) => Callee::DirectOne(func.typed(store)?),
            Signature::Direct(DirectResult::Many) => Callee::DirectMany(func.typed(store)?),
            Signature::Direct(DirectResult::Handler) => Callee::DirectHandler(func.typed(store)?),
            Signature::Handler(P::Bytes, false) => Callee::Bytes(func.typed(store)?),
            Signature::Handler(P::Bytes, true) => Callee::BytesReply(func.typed(store)?),
            Signature::Handler(P::Text, false) => Callee::Text(func.typed(store)?),
            Signature::Handler(P::Text, true) => Callee::TextReply(func.typed(store)?),
            Signature::Handler(P::TextBytes, false) => Callee::TextBytes(func.typed(store)?),
            Signature::Handler(P::TextBytes, true) => Callee::TextBytesReply(func.typed(store)?),
        })
    }
}

/// What came back, copied out of the guest.
#[derive(Default, Debug)]
pub struct Returned {
    pub state: Option<Vec<u8>>,
    pub payload: Payload,
}

#[derive(Default, Debug)]
pub enum Payload {
    #[default]
    Nothing,
    /// The canonical bytes of a tuple of one optional byte list.
    OptionalBytes(Option<Vec<u8>>),
    Canonical(Vec<u8>),
    GuestError(String),
}

impl Payload {
    /// Bytes that this value takes in canonical form, but for a count and a tag.
    pub fn size(&self) -> usize {
        match self {
            Payload::Nothing | Payload::OptionalBytes(None) => 0,
            Payload::OptionalBytes(Some(bytes)) | Payload::Canonical(bytes) => bytes.len(),
            Payload::GuestError(text) => text.len(),
        }
    }
}

/// Parameters of one call, borrowed.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    pub state: Option<&'a [u8]>,
    pub head: &'a [u8],
    pub body: &'a [u8],
}

/// Decoded parameters, ready to be lowered.
pub enum Arguments<'a> {
    Bytes((&'a [u8],)),
    Text((&'a str,)),
    TextBytes((&'a str, &'a [u8])),
    Direct(direct::Arguments<'a>),
    Dynamic(Vec<Val>),
}

impl<'a> Arguments<'a> {
    /// `joined` is used if the pieces meet inside a byte run.
    #[inline]
    pub fn read(export: &LinkedExport, params: &Params<'a>, joined: &'a mut Vec<u8>) -> Read<Arguments<'a>> {
        match export.signature {
            Signature::Dynamic => read_dynamic(&export.function, params).map(Arguments::Dynamic),
            Signature::Direct(_) => {
                direct::Arguments::read(&export.function, export.handler, params, joined).map(Arguments::Direct)
            }
            Signature::Handler(shape, _) => {
                crate::canon::read_all(params.head, params.body, joined, |cursor| Arguments::read_shape(shape, cursor))
            }
        }
    }

    #[inline]
    fn read_shape(shape: HandlerParams, cursor: &mut Cursor<'a>) -> Read<Arguments<'a>> {
        Ok(match shape {
            HandlerParams::Bytes => Arguments::Bytes((cursor.bytes()?,)),
            HandlerParams::Text => Arguments::Text((cursor.text()?,)),
            HandlerParams::TextBytes => Arguments::TextBytes((cursor.text()?, cursor.bytes()?)),
        })
    }
}

fn read_dynamic(function: &Function, params: &Params<'_>) -> Read<Vec<Val>> {
    let mut joined = Vec::new();
    let read = |cursor: &mut Cursor<'_>| function.params_to_pass().map(|ty| decode(ty, cursor)).collect();
    let mut values: Vec<Val> = crate::canon::read_all(params.head, params.body, &mut joined, read)?;
    if function.is_handler() {
        let bytes = |bytes: &[u8]| Box::new(Val::List(bytes.iter().map(|b| Val::U8(*b)).collect()));
        values.insert(0, Val::Option(params.state.map(bytes)));
    }
    Ok(values)
}

trait HandlerResult: Lift + ComponentNamedList + 'static {
    fn into_returned(self) -> Returned;
}

impl HandlerResult for State {
    fn into_returned(self) -> Returned {
        Returned { state: self.0, payload: Payload::Nothing }
    }
}

impl HandlerResult for StateAndReply {
    fn into_returned(self) -> Returned {
        Returned { state: self.0, payload: Payload::OptionalBytes(self.1.0) }
    }
}

#[inline]
fn returned<R: HandlerResult>((result,): (std::result::Result<R, String>,)) -> Returned {
    match result {
        Ok(value) => value.into_returned(),
        Err(text) => Returned { state: None, payload: Payload::GuestError(text) },
    }
}

/// Calls on this stack (`call`) or on a fiber (`call_async`, `await`).
macro_rules! dispatch {
    ($callee:expr, $function:expr, $store:expr, $state:expr, $arguments:expr, $method:ident $(, $await:tt)?) => {
        match ($callee, $arguments) {
            (Callee::Bytes(f), Arguments::Bytes(p)) => returned(f.$method(&mut *$store, ($state, p))$(.$await)??),
            (Callee::BytesReply(f), Arguments::Bytes(p)) => returned(f.$method(&mut *$store, ($state, p))$(.$await)??),
            (Callee::Text(f), Arguments::Text(p)) => returned(f.$method(&mut *$store, ($state, p))$(.$await)??),
            (Callee::TextReply(f), Arguments::Text(p)) => returned(f.$method(&mut *$store, ($state, p))$(.$await)??),
            (Callee::TextBytes(f), Arguments::TextBytes(p)) => {
                returned(f.$method(&mut *$store, ($state, p))$(.$await)??)
            }
            (Callee::TextBytesReply(f), Arguments::TextBytes(p)) => {
                returned(f.$method(&mut *$store, ($state, p))$(.$await)??)
            }
            (Callee::DirectHandler(f), Arguments::Direct(a)) => f.$method(&mut *$store, a)$(.$await)??.0,
            (Callee::DirectNothing(f), Arguments::Direct(a)) => {
                f.$method(&mut *$store, a)$(.$await)??;
                Returned::default()
            }
            (Callee::DirectOne(f), Arguments::Direct(a)) => canonical(f.$method(&mut *$store, a)$(.$await)??.0),
            (Callee::DirectMany(f), Arguments::Direct(a)) => canonical(f.$method(&mut *$store, a)$(.$await)??.0),
            (Callee::Dynamic(f), Arguments::Dynamic(values)) => {
                let mut results = [Val::Bool(false)];
                let count = usize::from($function.result.is_some());
                f.$method(&mut *$store, &values, &mut results[..count])$(.$await)??;
                dynamic_returned($function, &results[..count])
            }
            _ => wasmtime::bail!("the arguments were read for another signature"),
        }
    };
}

#[inline]
pub fn call_sync(
    callee: Callee,
    function: &Function,
    store: &mut Store<Host>,
    state: Option<&[u8]>,
    arguments: Arguments<'_>,
) -> Result<Returned> {
    Ok(dispatch!(callee, function, store, state, arguments, call))
}

pub async fn call_on_fiber(
    callee: Callee,
    function: &Function,
    store: &mut Store<Host>,
    state: Option<&'static [u8]>,
    arguments: Arguments<'static>,
) -> Result<Returned> {
    Ok(dispatch!(callee, function, store, state, arguments, call_async, await))
}

fn canonical(bytes: Vec<u8>) -> Returned {
    Returned { state: None, payload: Payload::Canonical(bytes) }
}

fn dynamic_returned(function: &Function, results: &[Val]) -> Returned {
    let (Some(value), Some(ty)) = (results.first(), function.result.as_ref()) else { return Returned::default() };
    let Some((_, types)) = function.handler_parts() else {
        let mut out = Vec::new();
        encode(value, ty, &mut out);
        return Returned { state: None, payload: Payload::Canonical(out) };
    };
    match value {
        Val::Result(Ok(Some(items))) => match items.as_ref() {
            Val::Tuple(items) => handler_returned(items, types),
            _ => Returned::default(),
        },
        Val::Result(Err(Some(text))) => match text.as_ref() {
            Val::String(text) => Returned { state: None, payload: Payload::GuestError(text.clone()) },
            _ => Returned::default(),
        },
        _ => Returned::default(),
    }
}

fn handler_returned(items: &[Val], types: &[Ty]) -> Returned {
    let state = match items.first() {
        Some(Val::Option(Some(bytes))) => match bytes.as_ref() {
            Val::List(items) => Some(items.iter().map(|item| if let Val::U8(byte) = item { *byte } else { 0 }).collect()),
            _ => None,
        },
        _ => None,
    };
    let mut out = Vec::new();
    items.iter().skip(1).zip(types).for_each(|(item, ty)| encode(item, ty, &mut out));
    Returned { state, payload: Payload::Canonical(out) }
}

/// Writes what `TeOutcome::result` shows: into `head` what is small, the rest stays where it is.
pub fn split_payload(payload: Payload, head: &mut Vec<u8>) -> Vec<u8> {
    head.clear();
    match payload {
        Payload::Nothing => Vec::new(),
        Payload::OptionalBytes(None) => {
            head.push(0);
            Vec::new()
        }
        Payload::OptionalBytes(Some(bytes)) => {
            head.push(1);
            crate::canon::put_unsigned(head, bytes.len() as u64);
            bytes
        }
        Payload::Canonical(bytes) => {
            *head = bytes;
            Vec::new()
        }
        Payload::GuestError(text) => {
            *head = text.into_bytes();
            Vec::new()
        }
    }
}
