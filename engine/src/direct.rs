//! Functions of any signature by `lift` and `lower`, for imports and exports.

use crate::canon::{Cursor, Malformed, Read, read_all};
use crate::exports::{Payload, Returned};
use crate::host::{Answer, BorrowedValue, Host, suspended};
use crate::imports::{bad_reply, not_suspending};
use crate::lift::{lift_flat, lift_memory};
use crate::lower::{lower_flat, lower_memory, lower_optional_bytes};
use crate::types::{Function, Ty};
use crate::validate::validate;
use std::future::ready;
use std::mem::MaybeUninit;
use std::sync::Arc;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower};
use wasmtime::{Result, StoreContextMut, ValRaw, bail};

/// The component model's bound on parameters that are passed one by one rather than in memory.
pub const MAX_FLAT_PARAMS: usize = 16;

/// The types here stand for whatever the component declares, so their static layout says nothing: wasmtime passes a function's
/// flat values through `Lower`, and otherwise a place in memory, whose layout is then read from the declared type.
const NO_LAYOUT: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

/// The place in memory that wasmtime hands over as a slice of `SIZE32`, here 0, bytes.
fn offset_of(cx: &LiftContext<'_>, place: &[u8]) -> usize {
    place.as_ptr() as usize - cx.memory().as_ptr() as usize
}

fn tuple_types<'a>(
    types: &'a wasmtime::component::__internal::ComponentTypes,
    ty: &InterfaceType,
) -> Result<&'a [InterfaceType]> {
    match ty {
        InterfaceType::Tuple(i) => Ok(&types[*i].types),
        _ => bail!("parameters and results are tuples"),
    }
}

fn flat_of(ty: &InterfaceType, types: &InstanceType<'_>) -> Option<usize> {
    types.types.canonical_abi(ty).flat_count(MAX_FLAT_PARAMS)
}

/// Appends the items of a tuple that starts at `offset`; its bounds and alignment are checked first.
fn lift_tuple(cx: &mut LiftContext<'_>, ty: InterfaceType, offset: usize, out: &mut Vec<u8>) -> Result<()> {
    let abi = cx.types.canonical_abi(&ty);
    if !offset.is_multiple_of(abi.align32 as usize) {
        bail!("pointer not aligned");
    }
    if cx.memory().get(offset..).is_none_or(|rest| rest.len() < abi.size32 as usize) {
        bail!("pointer out of bounds of memory");
    }
    lift_memory(cx, ty, offset, out)
}

/// All parameters of an import, `N` flat values or one pointer.
struct Params<const N: usize>(Vec<u8>);

// SAFETY: `Lower` is a sequence of N ValRaw. A signature with another number of flat values does not pass the type check; one with
// too many is passed in memory, and read there by its declared layout with every access checked.
unsafe impl<const N: usize> ComponentType for Params<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = NO_LAYOUT;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        match flat_of(ty, types) {
            Some(count) if count != N => bail!("expected {N} flat values, found {count}"),
            _ => Ok(()),
        }
    }
}

// SAFETY: the type check asks for a tuple's flat values, and the trait adds no promise of its own.
unsafe impl<const N: usize> ComponentNamedList for Params<N> {}

// SAFETY: reads no more than the declared type has, from initialised flat values or checked memory.
unsafe impl<const N: usize> Lift for Params<N> {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &[ValRaw; N]) -> Result<Self> {
        let mut out = Vec::with_capacity(64);
        lift_flat(cx, ty, &mut src.iter(), &mut out)?;
        Ok(Params(out))
    }

    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, place: &[u8]) -> Result<Self> {
        let mut out = Vec::with_capacity(64);
        let offset = offset_of(cx, place);
        lift_tuple(cx, ty, offset, &mut out)?;
        Ok(Params(out))
    }
}

/// The result of an import: validated canonical bytes. `'static` stands for "until the host is called again".
struct Reply(&'static [u8], &'static [u8]);

// SAFETY: `Lower` is one ValRaw, written if the declared result is one flat value; a larger result goes to memory.
unsafe impl ComponentType for Reply {
    type Lower = [ValRaw; 1];
    const ABI: CanonicalAbiInfo = NO_LAYOUT;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        if flat_of(ty, types) == Some(0) { bail!("expected a result") } else { Ok(()) }
    }
}

// SAFETY: as for `Params`.
unsafe impl ComponentNamedList for Reply {}

// SAFETY: initialises the one flat value, or writes within checked memory by the declared layout.
unsafe impl Lower for Reply {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; 1]>,
    ) -> Result<()> {
        let mut slots = [MaybeUninit::new(ValRaw::u64(0))];
        lower_flat(cx, ty, &mut Cursor::new(self.0, self.1), &mut slots.iter_mut())?;
        // SAFETY: initialised above.
        dst.write([unsafe { slots[0].assume_init() }]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(&self, cx: &mut LowerContext<'_, T>, ty: InterfaceType, offset: usize) -> Result<()> {
        lower_memory(cx, ty, &mut Cursor::new(self.0, self.1), offset)
    }
}

/// A function's result, or nothing.
trait DirectReply: ComponentNamedList + Lower + Sized + 'static {
    fn of(head: &'static [u8], body: &'static [u8]) -> Self;
}

impl DirectReply for () {
    fn of(_: &'static [u8], _: &'static [u8]) -> Self {}
}

impl DirectReply for Reply {
    fn of(head: &'static [u8], body: &'static [u8]) -> Self {
        Reply(head, body)
    }
}

/// Number of flat values, capped just over the bound.
fn flat_count(ty: &Ty) -> usize {
    let most = |items: &mut dyn Iterator<Item = &Ty>| items.map(flat_count).max().unwrap_or(0);
    let count = match ty {
        Ty::String | Ty::List(_) => 2,
        Ty::Record(fields) => fields.iter().map(|(_, ty)| flat_count(ty)).sum(),
        Ty::Tuple(types) => types.iter().map(flat_count).sum(),
        Ty::Variant(cases) => 1 + most(&mut cases.iter().filter_map(|(_, ty)| ty.as_ref())),
        Ty::Option(ty) => 1 + flat_count(ty),
        Ty::Result(ok, err) => 1 + most(&mut ok.iter().chain(err).map(|ty| &**ty)),
        Ty::Flags(names) => names.len().div_ceil(32),
        _ => 1,
    };
    count.min(MAX_FLAT_PARAMS + 1)
}

/// Flat values of all parameters; more than `MAX_FLAT_PARAMS` means that they are passed in memory.
pub fn flat_params(function: &Function) -> usize {
    function.params.iter().map(|(_, ty)| flat_count(ty)).sum()
}

/// Which of the result types an export has.
pub fn flat_result(function: &Function) -> usize {
    function.result.as_ref().map_or(0, flat_count)
}

/// Binds an import of any signature.
pub fn bind_direct(to: &mut LinkerInstance<'_, Host>, function: &Arc<Function>, index: u32, suspends: bool) -> Result<()> {
    macro_rules! by_count {
        ($($count:literal)*) => {
            match (flat_params(function), function.result.is_some()) {
                $(
                    ($count, false) => bind::<$count, ()>(to, function, index, suspends),
                    ($count, true) => bind::<$count, Reply>(to, function, index, suspends),
                )*
                (_, false) => bind::<1, ()>(to, function, index, suspends),
                (_, true) => bind::<1, Reply>(to, function, index, suspends),
            }
        };
    }
    by_count!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

fn bind<const N: usize, R: DirectReply>(
    to: &mut LinkerInstance<'_, Host>,
    function: &Arc<Function>,
    index: u32,
    suspends: bool,
) -> Result<()> {
    let function = Arc::clone(function);
    let name = function.name.clone();
    if !suspends {
        return to.func_wrap(&name, move |mut store, Params(bytes): Params<N>| match store.data().ask(index, &bytes, &[])? {
            Answer::Now(value) => read_reply::<R>(&mut store, value, &function),
            Answer::Pending => Err(not_suspending(&function)),
        });
    }
    to.func_wrap_async(&name, move |mut store, Params(bytes): Params<N>| match store.data().ask(index, &bytes, &[]) {
        Ok(Answer::Now(value)) => Box::new(ready(read_reply::<R>(&mut store, value, &function))),
        Ok(Answer::Pending) => {
            let function = Arc::clone(&function);
            Box::new(async move {
                let value = suspended(&mut store, &function.path()).await?;
                read_reply::<R>(&mut store, value, &function)
            })
        }
        Err(error) => Box::new(ready(Err(error))),
    })
}

fn read_reply<R: DirectReply>(store: &mut StoreContextMut<'_, Host>, value: BorrowedValue, function: &Function) -> Result<R> {
    // SAFETY: as in `imports::read_reply`: the host keeps the bytes until it is called again, and they are copied into the guest
    // before that.
    let (head, body) = unsafe { (value.0.head.slice(), value.0.body.slice()) };
    // SAFETY: as there: `joined` belongs to the store's data and changes at the next reply only.
    let joined = unsafe { &mut *std::ptr::from_mut(&mut store.data_mut().joined) };
    let check = |from: &mut Cursor<'static>| {
        let start = *from;
        function.result.as_ref().map_or(Ok(()), |ty| validate(ty, from))?;
        Ok(start)
    };
    let start = read_all(head, body, joined, check).map_err(|m| bad_reply(function, m))?;
    let (head, body) = start.pieces();
    Ok(R::of(head, body))
}

/// Parameters of a call of an export: the state, for a handler, and validated canonical bytes of the rest.
pub struct Arguments<'a> {
    state: Option<Option<&'a [u8]>>,
    rest: Cursor<'a>,
}

impl<'a> Arguments<'a> {
    /// Validates the bytes and joins them if they are cut inside a byte run.
    pub fn read(
        function: &Function,
        handler: bool,
        params: &crate::exports::Params<'a>,
        joined: &'a mut Vec<u8>,
    ) -> Read<Arguments<'a>> {
        let check = |from: &mut Cursor<'a>| {
            let rest = *from;
            function.params_to_pass().try_for_each(|ty| validate(ty, from))?;
            Ok::<_, Malformed>(rest)
        };
        let rest = read_all(params.head, params.body, joined, check)?;
        Ok(Arguments { state: handler.then_some(params.state), rest })
    }
}

// SAFETY: `Lower` is as many ValRaw as parameters can be; the guest reads the first ones only. Signatures with parameters in memory do
// not pass the type check.
unsafe impl ComponentType for Arguments<'_> {
    type Lower = [ValRaw; MAX_FLAT_PARAMS];
    const ABI: CanonicalAbiInfo = NO_LAYOUT;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        if flat_of(ty, types).is_none() { bail!("parameters that are passed in memory") } else { Ok(()) }
    }
}

// SAFETY: as for `Params`.
unsafe impl ComponentNamedList for Arguments<'_> {}

// SAFETY: initialises all flat values, those of the declared parameters first.
unsafe impl Lower for Arguments<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; MAX_FLAT_PARAMS]>,
    ) -> Result<()> {
        let dst = dst.write([ValRaw::u64(0); MAX_FLAT_PARAMS]);
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FLAT_PARAMS];
        let mut to = slots.iter_mut();
        let mut types = tuple_types(cx.types, &ty)?;
        if let (Some(state), [first, others @ ..]) = (self.state, types) {
            lower_optional_bytes(cx, *first, state, &mut to)?;
            types = others;
        }
        let mut from = self.rest;
        types.iter().try_for_each(|ty| lower_flat(cx, *ty, &mut from, &mut to))?;
        let used = MAX_FLAT_PARAMS - to.len();
        for (place, slot) in dst.iter_mut().zip(&slots[..used]) {
            // SAFETY: the first `used` slots were written, in order.
            *place = unsafe { slot.assume_init() };
        }
        Ok(())
    }

    fn linear_lower_to_memory<T>(&self, _: &mut LowerContext<'_, T>, _: InterfaceType, _: usize) -> Result<()> {
        bail!("parameters that are passed in memory")
    }
}

/// An export's result of `M` flat values; 2 stands for more, which come in memory.
pub struct Results<const M: usize>(pub Vec<u8>);

// SAFETY: as for `Params`.
unsafe impl<const M: usize> ComponentType for Results<M> {
    type Lower = [ValRaw; M];
    const ABI: CanonicalAbiInfo = NO_LAYOUT;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        match flat_of(ty, types) {
            Some(1) if M == 1 => Ok(()),
            Some(0 | 1) => bail!("expected {M} flat values"),
            _ if M == 2 => Ok(()),
            _ => bail!("expected {M} flat values"),
        }
    }
}

// SAFETY: as for `Params`.
unsafe impl<const M: usize> ComponentNamedList for Results<M> {}

// SAFETY: as for `Params`.
unsafe impl<const M: usize> Lift for Results<M> {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &[ValRaw; M]) -> Result<Self> {
        let mut out = Vec::with_capacity(16);
        lift_flat(cx, ty, &mut src.iter(), &mut out)?;
        Ok(Results(out))
    }

    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, place: &[u8]) -> Result<Self> {
        let mut out = Vec::with_capacity(64);
        let offset = offset_of(cx, place);
        lift_tuple(cx, ty, offset, &mut out)?;
        Ok(Results(out))
    }
}

/// A handler's result, with the state taken apart.
pub struct HandlerResults(pub Returned);

// SAFETY: as for `Results<2>`: a handler's result has more than one flat value.
unsafe impl ComponentType for HandlerResults {
    type Lower = [ValRaw; 2];
    const ABI: CanonicalAbiInfo = NO_LAYOUT;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        Results::<2>::typecheck(ty, types)
    }
}

// SAFETY: as for `Params`.
unsafe impl ComponentNamedList for HandlerResults {}

// SAFETY: as for `Params`.
unsafe impl Lift for HandlerResults {
    fn linear_lift_from_flat(_: &mut LiftContext<'_>, _: InterfaceType, _: &[ValRaw; 2]) -> Result<Self> {
        bail!("a handler's result comes in memory")
    }

    /// Lifts all of `result<tuple<option<list<u8>>, …>, string>` and cuts the bytes: what is in front of the rest is simple.
    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, place: &[u8]) -> Result<Self> {
        let Results(mut bytes) = Results::<2>::linear_lift_from_memory(cx, ty, place)?;
        let mut from = Cursor::new(&bytes, &[]);
        let cut = |_: Malformed| wasmtime::Error::msg("a lifted handler result is malformed");
        if from.tag().map_err(cut)? {
            let text = from.text().map_err(cut)?.to_string();
            return Ok(HandlerResults(Returned { state: None, payload: Payload::GuestError(text) }));
        }
        let state = if from.tag().map_err(cut)? { Some(from.bytes().map_err(cut)?.to_vec()) } else { None };
        let (rest, _) = from.pieces();
        let start = bytes.len() - rest.len();
        bytes.drain(..start);
        Ok(HandlerResults(Returned { state, payload: Payload::Canonical(bytes) }))
    }
}
