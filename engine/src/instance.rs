//! One live instance: making it, calling it, and going on after a host call that had to wait.

use crate::abi::{TeBytes, TeCallArgs, TeCallStatus, TeInstanceConfig, TeOutcome, TeStatus, TeTrap, TeValue};
use crate::canon::Malformed;
use crate::exports::{Arguments, Callee, Params, Payload, Returned, call_on_fiber, call_sync, split_payload};
use crate::failure::{Failure, HostTrap, Outcome, TrapReport, ValueTooLarge};
use crate::host::{BorrowedValue, Host, Resumption, Shared};
use crate::link::{Linked, LinkedExport};
use crate::wasi;
use std::ffi::c_void;
use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, WasmBacktrace, component};

type Run = Pin<Box<dyn Future<Output = (Store<Host>, wasmtime::Result<Returned>)>>>;

enum Phase {
    Ready(Store<Host>),
    /// The call owns the store until it ends.
    Suspended(Run),
    Poisoned,
}

pub struct Instance {
    // Declared first, so that a suspended call is dropped before the arguments it borrows.
    phase: Phase,
    linked: Arc<Linked>,
    shared: Arc<Shared>,
    handle: component::Instance,
    callees: Box<[Option<Callee>]>,
    /// Arguments of a call on a fiber, which outlive the caller's.
    arguments: Vec<u8>,
    joined: Vec<u8>,
    value_bytes: u64,
    fuel_given: u64,
    state: Vec<u8>,
    head: Vec<u8>,
    body: Vec<u8>,
    message: String,
    backtrace: String,
}

impl Instance {
    pub fn new(linked: Arc<Linked>, config: &TeInstanceConfig, context: *mut c_void, shared: Arc<Shared>) -> Outcome<Instance> {
        let host = Host::new(linked.callback, context, *config, linked.counts_fuel, linked.wasi_asks, Arc::clone(&shared));
        let mut store = Store::new(linked.pre.engine(), host);
        store.limiter(|host| host);
        let cost = config.value_bytes.saturating_mul(linked.value_cost);
        store.set_hostcall_fuel(usize::try_from(cost).unwrap_or(usize::MAX));
        arm(&mut store, &linked, config.fuel, config.deadline_ticks);
        let made = if linked.suspends {
            ready_now(linked.pre.instantiate_async(&mut store))
        } else {
            linked.pre.instantiate(&mut store)
        };
        let handle = made.map_err(|e| instantiation_failure(&e))?;
        store.data_mut().instantiating = false;
        Ok(Instance {
            phase: Phase::Ready(store),
            callees: vec![None; linked.exports.len()].into_boxed_slice(),
            linked,
            shared,
            handle,
            arguments: Vec::new(),
            joined: Vec::new(),
            value_bytes: config.value_bytes,
            fuel_given: 0,
            state: Vec::new(),
            head: Vec::new(),
            body: Vec::new(),
            message: String::new(),
            backtrace: String::new(),
        })
    }

    #[inline]
    pub fn call(&mut self, args: &TeCallArgs, out: &mut MaybeUninit<TeOutcome>) -> Outcome<()> {
        let index = args.export_index as usize;
        let linked = &*self.linked;
        let Some(export) = linked.exports.get(index) else {
            return Err(Failure::argument(format!("no export {index}: there are {}", linked.exports.len())));
        };
        let Phase::Ready(store) = &mut self.phase else { return Err(not_ready(&self.phase)) };
        if args.has_state && !export.handler {
            return Err(Failure::argument(format!("`{}` takes no state", export.function.path())));
        }
        let callee = match self.callees[index] {
            Some(callee) => callee,
            None => {
                // The store is whole, so this is no internal error, after which the instance would be given up.
                let resolved = Callee::resolve(store, self.handle, &export.index, export.signature)
                    .map_err(|e| Failure::new(TeStatus::Unsupported, format!("`{}`: {e}", export.function.path())))?;
                self.callees[index] = Some(resolved);
                resolved
            }
        };
        if linked.suspends {
            return self.call_suspending(index, callee, args, out);
        }
        // SAFETY: the ABI has the caller keep the arguments valid during this call, and nothing below keeps them longer.
        let params = unsafe { borrow(args) };
        let arguments = Arguments::read(export, &params, &mut self.joined).map_err(|m| bad_parameters(export, m))?;
        store.data_mut().deadline_ticks = args.deadline_ticks;
        arm(store, linked, args.fuel, args.deadline_ticks);
        self.fuel_given = args.fuel;
        let result = call_sync(callee, &export.function, store, params.state, arguments);
        let fuel_left = fuel_left(store, linked, args.fuel);
        self.finish(result, fuel_left, out);
        Ok(())
    }

    fn call_suspending(
        &mut self,
        index: usize,
        callee: Callee,
        args: &TeCallArgs,
        out: &mut MaybeUninit<TeOutcome>,
    ) -> Outcome<()> {
        let linked = &*self.linked;
        let export = &linked.exports[index];
        // SAFETY: the caller keeps the arguments valid during this call; they are copied here.
        let given = unsafe { borrow(args) };
        self.arguments.clear();
        for piece in [given.state.unwrap_or_default(), given.head, given.body] {
            append(&mut self.arguments, piece);
        }
        // SAFETY: `arguments` is changed and released only when no call is suspended: this function is reached in the ready
        // phase alone, and fields are dropped in order, `phase` first. The same goes for `joined`, which only
        // calls that start change.
        let (owned, joined): (&'static [u8], &'static mut Vec<u8>) =
            unsafe { (&*std::ptr::from_ref(self.arguments.as_slice()), &mut *std::ptr::from_mut(&mut self.joined)) };
        let (state, params) = owned.split_at(given.state.map_or(0, <[u8]>::len));
        let params = Params { state: given.state.map(|_| state), head: params, body: &[] };
        let arguments = Arguments::read(export, &params, joined).map_err(|m| bad_parameters(export, m))?;
        let Phase::Ready(mut store) = std::mem::replace(&mut self.phase, Phase::Poisoned) else {
            return Err(not_ready(&self.phase));
        };
        store.data_mut().deadline_ticks = args.deadline_ticks;
        arm(&mut store, linked, args.fuel, args.deadline_ticks);
        self.fuel_given = args.fuel;
        let function = Arc::clone(&export.function);
        let run: Run = Box::pin(async move {
            let result = call_on_fiber(callee, &function, &mut store, params.state, arguments).await;
            (store, result)
        });
        self.poll(run, out);
        Ok(())
    }

    /// `value` needs to be valid during this call only: the guest gets a copy before it runs.
    pub fn resume(&mut self, value: TeValue, out: &mut MaybeUninit<TeOutcome>) -> Outcome<()> {
        self.go_on(Resumption::Reply(BorrowedValue(value)), out)
    }

    pub fn abort(&mut self, message: String, out: &mut MaybeUninit<TeOutcome>) -> Outcome<()> {
        self.go_on(Resumption::Abort(message), out)
    }

    fn go_on(&mut self, resumption: Resumption, out: &mut MaybeUninit<TeOutcome>) -> Outcome<()> {
        match std::mem::replace(&mut self.phase, Phase::Poisoned) {
            Phase::Suspended(run) => {
                self.shared.resume(resumption);
                self.poll(run, out);
                Ok(())
            }
            other => {
                self.phase = other;
                Err(Failure::argument("no call is suspended"))
            }
        }
    }

    fn poll(&mut self, mut run: Run, out: &mut MaybeUninit<TeOutcome>) {
        match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                self.phase = Phase::Suspended(run);
                let left = self.shared.fuel_left.load(Ordering::Relaxed);
                out.write(TeOutcome::of(TeCallStatus::Suspended, self.fuel_given.saturating_sub(left)));
            }
            Poll::Ready((store, result)) => {
                let fuel_left = fuel_left(&store, &self.linked, self.fuel_given);
                self.phase = Phase::Ready(store);
                self.finish(result, fuel_left, out);
            }
        }
    }

    #[inline]
    fn finish(&mut self, result: wasmtime::Result<Returned>, fuel_left: u64, out: &mut MaybeUninit<TeOutcome>) {
        let used = self.fuel_given.saturating_sub(fuel_left);
        let returned = match self.end_output(result) {
            Ok(returned) => returned,
            Err(error) => return self.show_trap(&error, used, out),
        };
        let size = returned.state.as_ref().map_or(0, Vec::len) + returned.payload.size();
        if size as u64 > self.value_bytes {
            let error = wasmtime::Error::new(ValueTooLarge { size, limit: self.value_bytes });
            return self.show_trap(&error, used, out);
        }
        self.show(returned, used, out);
    }

    /// What the guest began to print belongs to this call, unless the host ended it: then nothing may follow.
    #[inline]
    fn end_output(&mut self, result: wasmtime::Result<Returned>) -> wasmtime::Result<Returned> {
        let Phase::Ready(store) = &mut self.phase else { return result };
        if store.data().wasi.is_none() || result.as_ref().is_err_and(|error| error.is::<HostTrap>()) {
            return result;
        }
        wasi::end_lines(store.data_mut()).and(result)
    }

    #[inline]
    fn show(&mut self, returned: Returned, fuel_used: u64, out: &mut MaybeUninit<TeOutcome>) {
        let failed = matches!(returned.payload, Payload::GuestError(_));
        let status = if failed { TeCallStatus::GuestError } else { TeCallStatus::Returned };
        self.body = split_payload(returned.payload, &mut self.head);
        let has_state = returned.state.is_some();
        self.state = returned.state.unwrap_or_default();
        out.write(TeOutcome {
            touched: self.touched(),
            has_state,
            state: TeBytes::of(&self.state),
            result: TeValue { head: TeBytes::of(&self.head), body: TeBytes::of(&self.body) },
            ..TeOutcome::of(status, fuel_used)
        });
    }

    /// Where the call found what it needed, as far as that is known here.
    #[inline]
    fn touched(&self) -> [*const c_void; 4] {
        let Phase::Ready(store) = &self.phase else { return [std::ptr::null(); 4] };
        let host = store.data();
        let [text, body] = host.touched;
        [std::ptr::from_ref(self).cast(), std::ptr::from_ref(host).cast(), text.cast(), body.cast()]
    }

    #[cold]
    fn show_trap(&mut self, error: &wasmtime::Error, fuel_used: u64, out: &mut MaybeUninit<TeOutcome>) {
        let report = TrapReport::of(error);
        self.phase = Phase::Poisoned;
        self.message = report.message;
        self.backtrace = report.backtrace;
        out.write(TeOutcome {
            trap: report.code,
            message: TeBytes::of(self.message.as_bytes()),
            backtrace: TeBytes::of(self.backtrace.as_bytes()),
            ..TeOutcome::of(TeCallStatus::Trapped, fuel_used)
        });
    }

    /// After a panic inside a call nothing is known of the store, so it is not touched again, not even to release it.
    pub fn abandon(&mut self) {
        std::mem::forget(std::mem::replace(&mut self.phase, Phase::Poisoned));
    }
}

/// # Safety
/// The pointers in `args` must be valid for `'a`.
unsafe fn borrow<'a>(args: &TeCallArgs) -> Params<'a> {
    // SAFETY: promised by the caller.
    unsafe {
        Params {
            state: args.has_state.then(|| args.state.slice()),
            head: args.params.head.slice(),
            body: args.params.body.slice(),
        }
    }
}

/// Copies in pieces that stay below the size from which libc's memcpy uses `rep movsb`: at unlucky distances of the two ends that is
/// ten times slower on some processors.
fn append(to: &mut Vec<u8>, from: &[u8]) {
    const PIECE_BYTES: usize = 2048;
    to.reserve(from.len());
    from.chunks(PIECE_BYTES).for_each(|piece| to.extend_from_slice(piece));
}

#[cold]
fn bad_parameters(export: &LinkedExport, malformed: Malformed) -> Failure {
    Failure::argument(format!("parameters of `{}`: {malformed}", export.function.path()))
}

#[cold]
fn not_ready(phase: &Phase) -> Failure {
    Failure::argument(match phase {
        Phase::Poisoned => "the instance has trapped: only releasing it is left",
        _ => "a call is suspended: resume or abort it first",
    })
}

/// Sets what the guest may use up.
#[inline]
fn arm(store: &mut Store<Host>, linked: &Linked, fuel: u64, deadline_ticks: u64) {
    // wasmtime adds the ticks to the current epoch; half of the range is for ever and cannot overflow.
    store.set_epoch_deadline(deadline_ticks.min(u64::MAX / 2));
    if linked.counts_fuel {
        // Cannot fail: the engine counts fuel.
        let _ = store.set_fuel(fuel);
    }
}

/// `given` where no fuel is counted. wasmtime answers that with an error, which costs more than a call.
#[inline]
fn fuel_left(store: &Store<Host>, linked: &Linked, given: u64) -> u64 {
    if linked.counts_fuel { store.get_fuel().unwrap_or(given) } else { given }
}

/// Runs a future that has nothing to wait for: host calls that would wait are refused before, e.g. while an instance is made.
pub fn ready_now<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(wasmtime::Error::msg("waits for something that nobody may wait for here")),
    }
}

fn instantiation_failure(error: &wasmtime::Error) -> Failure {
    let report = TrapReport::of(error);
    let trapped = error.is::<Trap>() || error.is::<HostTrap>() || error.is::<WasmBacktrace>();
    if error.is::<PoolConcurrencyLimitError>() || !trapped || report.code == TeTrap::None {
        return Failure::new(TeStatus::Resources, report.message);
    }
    let separator = if report.backtrace.is_empty() { "" } else { "\n" };
    Failure::new(TeStatus::Trap, format!("{}{separator}{}", report.message, report.backtrace))
}
