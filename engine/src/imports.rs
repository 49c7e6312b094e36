//! Typed host imports: byte lists go from guest memory to the callback and from its reply to guest memory with no copy between.

use crate::canon::{Cursor, Malformed, Read, put_bytes, put_unsigned, read_all};
use crate::failure::HostTrap;
use crate::host::{Answer, BorrowedValue, Host, suspended};
use crate::types::{Function, Ty};
use std::borrow::Cow;
use std::future::ready;
use std::sync::Arc;
use wasmtime::component::{ComponentNamedList, Lift, LinkerInstance, Lower, WasmList, WasmStr};
use wasmtime::{Error, Result, StoreContextMut};

/// Binds the function by a typed shape; false if its signature has none.
pub fn bind_typed(to: &mut LinkerInstance<'_, Host>, function: &Arc<Function>, index: u32, suspends: bool) -> Result<bool> {
    let params: Vec<&Ty> = function.params.iter().map(|(_, ty)| ty).collect();
    let result = Shape::of(function.result.as_ref());
    match (params.as_slice(), result) {
        ([], Some(Shape::U64)) => bind::<(), (u64,)>(to, function, index, suspends)?,
        ([], Some(Shape::Strings)) => bind::<(), (Vec<&'static str>,)>(to, function, index, suspends)?,
        ([Ty::U64], Some(Shape::Done)) => bind::<(u64,), (Done,)>(to, function, index, suspends)?,
        ([Ty::String], Some(Shape::Nothing)) => bind::<(WasmStr,), ()>(to, function, index, suspends)?,
        ([Ty::String], Some(Shape::Done)) => bind::<(WasmStr,), (Done,)>(to, function, index, suspends)?,
        ([Ty::String, bytes], Some(shape)) if bytes.is_bytes() => match shape {
            Shape::Done => bind::<(WasmStr, WasmList<u8>), (Done,)>(to, function, index, suspends)?,
            Shape::Bytes => bind::<(WasmStr, WasmList<u8>), (Bytes,)>(to, function, index, suspends)?,
            Shape::Text => bind::<(WasmStr, WasmList<u8>), (Text,)>(to, function, index, suspends)?,
            _ => return Ok(false),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

type Done = std::result::Result<(), &'static str>;
type Bytes = std::result::Result<&'static [u8], &'static str>;
type Text = std::result::Result<&'static str, &'static str>;

/// The results that have a typed shape.
#[derive(Clone, Copy)]
enum Shape {
    Nothing,
    U64,
    Strings,
    Done,
    Bytes,
    Text,
}

impl Shape {
    fn of(result: Option<&Ty>) -> Option<Shape> {
        match result {
            None => Some(Shape::Nothing),
            Some(Ty::U64) => Some(Shape::U64),
            Some(Ty::List(item)) if **item == Ty::String => Some(Shape::Strings),
            Some(Ty::Result(ok, Some(err))) if **err == Ty::String => match ok.as_deref() {
                None => Some(Shape::Done),
                Some(Ty::String) => Some(Shape::Text),
                Some(ok) if ok.is_bytes() => Some(Shape::Bytes),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What parameters have in guest memory: a text, and a last byte list, which stays there.
#[derive(Default)]
struct Pieces<'a> {
    text: &'a [u8],
    body: &'a [u8],
}

/// Parameters that are written to `head`, except for the body.
trait Params: ComponentNamedList + Lift + 'static {
    fn write<'a>(&self, store: &'a StoreContextMut<'_, Host>, head: &mut Vec<u8>) -> Result<Pieces<'a>>;
}

impl Params for () {
    fn write<'a>(&self, _: &'a StoreContextMut<'_, Host>, _: &mut Vec<u8>) -> Result<Pieces<'a>> {
        Ok(Pieces::default())
    }
}

impl Params for (u64,) {
    fn write<'a>(&self, _: &'a StoreContextMut<'_, Host>, head: &mut Vec<u8>) -> Result<Pieces<'a>> {
        put_unsigned(head, self.0);
        Ok(Pieces::default())
    }
}

impl Params for (WasmStr,) {
    fn write<'a>(&self, store: &'a StoreContextMut<'_, Host>, head: &mut Vec<u8>) -> Result<Pieces<'a>> {
        let text = self.0.to_str(store)?;
        put_bytes(head, text.as_bytes());
        Ok(Pieces { text: in_guest(&text), body: &[] })
    }
}

impl Params for (WasmStr, WasmList<u8>) {
    #[inline]
    fn write<'a>(&self, store: &'a StoreContextMut<'_, Host>, head: &mut Vec<u8>) -> Result<Pieces<'a>> {
        let text = self.0.to_str(store)?;
        put_bytes(head, text.as_bytes());
        let body = self.1.as_le_slice(store);
        put_unsigned(head, body.len() as u64);
        Ok(Pieces { text: in_guest(&text), body })
    }
}

/// The text's bytes if they were not converted from another encoding.
fn in_guest<'a>(text: &Cow<'a, str>) -> &'a [u8] {
    match text {
        Cow::Borrowed(text) => text.as_bytes(),
        Cow::Owned(_) => &[],
    }
}

/// A result that borrows from the reply. `'static` stands for "until the reply's lender is called again"; it is lowered into
/// the guest before that.
trait Reply: ComponentNamedList + Lower + Sized + 'static {
    fn read(cursor: &mut Cursor<'static>) -> Read<Self>;
}

impl Reply for () {
    fn read(_: &mut Cursor<'static>) -> Read<Self> {
        Ok(())
    }
}

impl Reply for (u64,) {
    fn read(cursor: &mut Cursor<'static>) -> Read<Self> {
        cursor.unsigned(64).map(|n| (n,))
    }
}

impl Reply for (Vec<&'static str>,) {
    fn read(cursor: &mut Cursor<'static>) -> Read<Self> {
        let count = cursor.count()?;
        (0..count).map(|_| cursor.text()).collect::<Read<Vec<_>>>().map(|all| (all,))
    }
}

#[inline]
fn read_result<T>(
    cursor: &mut Cursor<'static>,
    ok: impl Fn(&mut Cursor<'static>) -> Read<T>,
) -> Read<(std::result::Result<T, &'static str>,)> {
    Ok((if cursor.tag()? { Err(cursor.text()?) } else { Ok(ok(cursor)?) },))
}

impl Reply for (Done,) {
    #[inline]
    fn read(cursor: &mut Cursor<'static>) -> Read<Self> {
        read_result(cursor, |_| Ok(()))
    }
}

impl Reply for (Bytes,) {
    #[inline]
    fn read(cursor: &mut Cursor<'static>) -> Read<Self> {
        read_result(cursor, Cursor::bytes)
    }
}

impl Reply for (Text,) {
    #[inline]
    fn read(cursor: &mut Cursor<'static>) -> Read<Self> {
        read_result(cursor, Cursor::text)
    }
}

fn bind<P: Params, R: Reply>(
    to: &mut LinkerInstance<'_, Host>,
    function: &Arc<Function>,
    index: u32,
    suspends: bool,
) -> Result<()> {
    let function = Arc::clone(function);
    let name = function.name.clone();
    if !suspends {
        return to.func_wrap(&name, move |mut store, params: P| match ask(&mut store, index, &params)? {
            Answer::Now(value) => read_reply::<R>(store.data_mut(), value, &function),
            Answer::Pending => Err(not_suspending(&function)),
        });
    }
    to.func_wrap_async(&name, move |mut store, params: P| match ask(&mut store, index, &params) {
        Ok(Answer::Now(value)) => Box::new(ready(read_reply::<R>(store.data_mut(), value, &function))),
        Ok(Answer::Pending) => {
            let function = Arc::clone(&function);
            Box::new(async move {
                let value = suspended(&mut store, &function.path()).await?;
                read_reply::<R>(store.data_mut(), value, &function)
            })
        }
        Err(error) => Box::new(ready(Err(error))),
    })
}

#[inline]
fn ask<P: Params>(store: &mut StoreContextMut<'_, Host>, index: u32, params: &P) -> Result<Answer> {
    let mut head = std::mem::take(&mut store.data_mut().scratch);
    head.clear();
    let mut touched = [std::ptr::null(); 2];
    let answer = params.write(store, &mut head).and_then(|pieces| {
        touched = [pieces.text.as_ptr(), pieces.body.as_ptr()];
        store.data().ask(index, &head, pieces.body)
    });
    let host = store.data_mut();
    host.scratch = head;
    host.touched = touched;
    answer
}

#[inline]
fn read_reply<R: Reply>(host: &mut Host, value: BorrowedValue, function: &Function) -> Result<R> {
    // SAFETY: the ABI has the host keep these bytes valid and unchanged until the next callback of this instance or the end of
    // the call. They are copied into the guest right after this returns: the guest code that runs until then, its allocator, may
    // not leave the component, so there is no callback.
    let (head, body) = unsafe { (value.0.head.slice(), value.0.body.slice()) };
    // SAFETY: `joined` belongs to the store's data, which outlives the lowering; it changes at the next reply only.
    let joined = unsafe { &mut *std::ptr::from_mut(&mut host.joined) };
    read_all(head, body, joined, R::read).map_err(|malformed| bad_reply(function, malformed))
}

pub fn bad_reply(function: &Function, malformed: Malformed) -> Error {
    Error::new(HostTrap(format!("the host's reply to `{}` is malformed: {malformed}", function.path())))
}

pub fn not_suspending(function: &Function) -> Error {
    Error::new(HostTrap(format!("the host answered `{}` with pending, but did not bind it so", function.path())))
}
