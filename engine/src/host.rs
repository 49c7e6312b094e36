//! What a store knows of its host: the callback, its limits, and the pending call while it is suspended.

use crate::abi::{HOST_DONE, HOST_PENDING, TeBytes, TeHostFn, TeHostReply, TeInstanceConfig, TeValue};
use crate::failure::{HostTrap, ValueTooLarge};
use crate::wasi;
use std::ffi::c_void;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use wasmtime::{AsContextMut, Error, ResourceLimiter, Result};

/// The store's data.
pub struct Host {
    callback: TeHostFn,
    context: *mut c_void,
    pub limits: TeInstanceConfig,
    /// Epochs the guest may run until it suspends or ends.
    pub deadline_ticks: u64,
    /// Nothing may suspend while the instance is made.
    pub instantiating: bool,
    counts_fuel: bool,
    pub shared: Arc<Shared>,
    /// Heads of parameters, reused by every host call.
    pub scratch: Vec<u8>,
    /// Where in guest memory the last host call's text and bytes lay: a guest that does the same again and again touches the same
    /// lines. Addresses only.
    pub touched: [*const u8; 2],
    /// Replies whose pieces had to be joined.
    pub joined: Vec<u8>,
    table_elements: u64,
    pub wasi_asks: wasi::Asks,
    pub wasi: Option<Box<wasi::State>>,
}

// SAFETY: `context` is only handed back to the callback, on the thread that runs the instance; the ABI asks the caller to
// use an instance from one thread at a time.
unsafe impl Send for Host {}

/// What must be reachable while a suspended call owns the store.
#[derive(Default)]
pub struct Shared {
    pub memory_bytes: AtomicU64,
    /// When the call was suspended.
    pub fuel_left: AtomicU64,
    resumption: Mutex<Option<Resumption>>,
}

/// How a pending host call goes on.
pub enum Resumption {
    Reply(BorrowedValue),
    Abort(String),
}

/// A value that its lender keeps alive until the guest runs again and beyond, see `Shared::resume`.
#[derive(Clone, Copy)]
pub struct BorrowedValue(pub TeValue);

// SAFETY: plain pointers to bytes that nobody changes while they are lent; they are read on the lender's thread.
unsafe impl Send for BorrowedValue {}

impl Shared {
    /// What the pending host call gets at the next poll, which must follow while a reply is still alive.
    pub fn resume(&self, resumption: Resumption) {
        *self.resumption.lock().unwrap_or_else(PoisonError::into_inner) = Some(resumption);
    }

    fn take(&self) -> Option<Resumption> {
        self.resumption.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Resumed<'a>(&'a Shared);

impl Future for Resumed<'_> {
    type Output = Resumption;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Resumption> {
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

pub enum Answer {
    Now(BorrowedValue),
    Pending,
}

impl Host {
    pub fn new(
        callback: TeHostFn,
        context: *mut c_void,
        limits: TeInstanceConfig,
        counts_fuel: bool,
        wasi_asks: wasi::Asks,
        shared: Arc<Shared>,
    ) -> Host {
        Host {
            callback,
            context,
            limits,
            deadline_ticks: limits.deadline_ticks,
            instantiating: true,
            counts_fuel,
            shared,
            scratch: Vec::new(),
            touched: [std::ptr::null(); 2],
            joined: Vec::new(),
            table_elements: 0,
            wasi_asks,
            wasi: None,
        }
    }

    pub fn wasi_state(&mut self) -> &mut wasi::State {
        self.wasi.get_or_insert_default()
    }

    /// Asks the host. The bytes need to live during this call only.
    #[inline]
    pub fn ask(&self, import: u32, head: &[u8], body: &[u8]) -> Result<Answer> {
        self.check_size(head.len() + body.len())?;
        let params = TeValue { head: TeBytes::of(head), body: TeBytes::of(body) };
        let mut reply = TeHostReply { value: TeValue::EMPTY };
        // SAFETY: the callback and its context are the caller's, who promised at link time and at instantiation that they can
        // be called so; the parameters are borrowed from live slices and `reply` is ours.
        let status = unsafe { (self.callback)(self.context, import, params, &mut reply) };
        match status {
            HOST_DONE => Ok(Answer::Now(BorrowedValue(reply.value))),
            HOST_PENDING => Ok(Answer::Pending),
            _ => {
                // SAFETY: the ABI makes the head the message, valid until the next callback.
                let message = unsafe { reply.value.head.slice() };
                Err(Error::new(HostTrap(String::from_utf8_lossy(message).into_owned())))
            }
        }
    }

    #[inline]
    pub fn check_size(&self, size: usize) -> Result<()> {
        if size as u64 <= self.limits.value_bytes {
            return Ok(());
        }
        Err(Error::new(ValueTooLarge { size, limit: self.limits.value_bytes }))
    }
}

/// Waits on the fiber until the pending host call is resumed.
pub async fn suspended(mut store: impl AsContextMut<Data = Host>, path: &str) -> Result<BorrowedValue> {
    let mut store = store.as_context_mut();
    if store.data().instantiating {
        return Err(Error::new(HostTrap(format!("`{path}` cannot wait while the instance is being made"))));
    }
    let fuel_left = if store.data().counts_fuel { store.get_fuel()? } else { u64::MAX };
    let shared = Arc::clone(&store.data().shared);
    shared.fuel_left.store(fuel_left, Ordering::Relaxed);
    match Resumed(&shared).await {
        Resumption::Abort(message) => Err(Error::new(HostTrap(message))),
        Resumption::Reply(value) => {
            let ticks = store.data().deadline_ticks;
            store.set_epoch_deadline(ticks);
            Ok(value)
        }
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let used = self.shared.memory_bytes.load(Ordering::Relaxed);
        let wanted = used.saturating_add(desired.saturating_sub(current) as u64);
        if wanted > self.limits.memory_bytes || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.shared.memory_bytes.store(wanted, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let wanted = self.table_elements.saturating_add(desired.saturating_sub(current) as u64);
        if wanted > u64::from(self.limits.table_elements) || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = wanted;
        Ok(true)
    }
}
