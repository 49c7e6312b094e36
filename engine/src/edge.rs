//! The exported functions. Nothing unwinds out of them: a panic becomes an internal error.

use crate::abi::*;
use crate::component::Compiled;
use crate::engine::{compatibility, new_engine};
use crate::failure::{Failure, Outcome};
use crate::host::Shared;
use crate::instance::Instance;
use crate::link::Linked;
use crate::tools;
use std::cell::{Cell, UnsafeCell};
use std::ffi::{OsStr, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wasmtime::Engine;

pub struct TeEngine(Engine);

pub struct TeComponent(Compiled);

pub struct TeLinked(Arc<Linked>);

pub struct TeInstance {
    /// Set while a call runs, to refuse the host callback's attempts to enter again.
    busy: Cell<bool>,
    shared: Arc<Shared>,
    inner: UnsafeCell<Instance>,
}

/// Runs `body`; turns its failure, or a panic, into a status and a message.
///
/// # Safety
/// `error` must be null or writable.
unsafe fn guarded(error: *mut TeError, body: impl FnOnce() -> Outcome<()>) -> TeStatus {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return TeStatus::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(TeStatus::Internal, format!("a defect in the engine: {}", panic_text(&*panic))),
    };
    if !error.is_null() {
        // SAFETY: promised by the caller.
        unsafe { error.write(TeError { message: TeBuffer::from_vec(failure.message.into_bytes()) }) };
    }
    failure.status
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn text(bytes: &[u8]) -> Outcome<&str> {
    std::str::from_utf8(bytes).map_err(|_| Failure::argument("a text is not valid UTF-8"))
}

/// # Safety
/// `buffer` must be null or a buffer of this library, not released before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_buffer_free(buffer: *mut TeBuffer) {
    if !buffer.is_null() {
        // SAFETY: promised by the caller.
        unsafe { (*buffer).release() };
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn te_abi_version() -> u32 {
    ABI_VERSION
}

#[unsafe(no_mangle)]
pub extern "C" fn te_version() -> TeBytes {
    TeBytes::of(crate::VERSION.as_bytes())
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_engine_new(config: *const TeEngineConfig, out: *mut *mut TeEngine, error: *mut TeError) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            let engine = new_engine(&*config)?;
            out.write(Box::into_raw(Box::new(TeEngine(engine))));
            Ok(())
        })
    }
}

/// # Safety
/// `engine` must be null or an engine that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_engine_free(engine: *mut TeEngine) {
    // SAFETY: promised by the caller.
    unsafe { release(engine) };
}

/// # Safety
/// `object` must be null or come from `Box::into_raw`, not released before.
unsafe fn release<T>(object: *mut T) {
    if !object.is_null() {
        // SAFETY: promised by the caller. A panic in a destructor has nobody to go to.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(object) })));
    }
}

/// # Safety
/// `engine` must be valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_engine_tick(engine: *const TeEngine) {
    // SAFETY: promised by the caller.
    unsafe { &*engine }.0.increment_epoch();
}

/// # Safety
/// `engine` must be valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_engine_compatibility(engine: *const TeEngine) -> TeBuffer {
    // SAFETY: promised by the caller.
    let engine = unsafe { &(*engine).0 };
    let text = catch_unwind(AssertUnwindSafe(|| compatibility(engine))).unwrap_or_default();
    TeBuffer::from_vec(text.into_bytes())
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_component_compile(
    engine: *const TeEngine,
    wasm: TeBytes,
    out: *mut *mut TeComponent,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            let compiled = Compiled::compile(&(*engine).0, wasm.slice())?;
            out.write(Box::into_raw(Box::new(TeComponent(compiled))));
            Ok(())
        })
    }
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_component_serialize(
    component: *const TeComponent,
    out: *mut TeBuffer,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            let component = &*component;
            out.write(TeBuffer::from_vec(component.0.serialize()?));
            Ok(())
        })
    }
}

/// # Safety
/// The pointers must be valid, and the file's content trusted; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_component_deserialize_file(
    engine: *const TeEngine,
    path: TeBytes,
    out: *mut *mut TeComponent,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            let compiled = Compiled::load(&(*engine).0, Path::new(OsStr::from_bytes(path.slice())))?;
            out.write(Box::into_raw(Box::new(TeComponent(compiled))));
            Ok(())
        })
    }
}

/// # Safety
/// `component` must be null or a component that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_component_free(component: *mut TeComponent) {
    // SAFETY: promised by the caller.
    unsafe { release(component) };
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_component_describe(
    component: *const TeComponent,
    out: *mut TeBuffer,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            let component = &*component;
            out.write(TeBuffer::from_vec(component.0.describe().into_bytes()));
            Ok(())
        })
    }
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_link(
    component: *const TeComponent,
    host: TeHostFn,
    import_flags: *const u32,
    import_count: usize,
    link_flags: u32,
    out: *mut *mut TeLinked,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            let empty = import_count == 0 || import_flags.is_null();
            let flags = if empty { &[] } else { std::slice::from_raw_parts(import_flags, import_count) };
            let linked = Linked::new(&(*component).0, host, flags, link_flags)?;
            out.write(Box::into_raw(Box::new(TeLinked(Arc::new(linked)))));
            Ok(())
        })
    }
}

/// # Safety
/// `linked` must be null or one that is not used any more; instances keep what they need of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_linked_free(linked: *mut TeLinked) {
    // SAFETY: promised by the caller.
    unsafe { release(linked) };
}

/// # Safety
/// `linked` must be valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_linked_suspends(linked: *const TeLinked) -> bool {
    // SAFETY: promised by the caller.
    unsafe { &*linked }.0.suspends
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_instance_new(
    linked: *const TeLinked,
    config: *const TeInstanceConfig,
    host_context: *mut c_void,
    out: *mut *mut TeInstance,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            let shared = Arc::new(Shared::default());
            let inner = Instance::new(Arc::clone(&(*linked).0), &*config, host_context, Arc::clone(&shared))?;
            let instance = TeInstance { busy: Cell::new(false), shared, inner: UnsafeCell::new(inner) };
            out.write(Box::into_raw(Box::new(instance)));
            Ok(())
        })
    }
}

/// # Safety
/// `instance` must be null or one that is not used any more, and not be running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_instance_free(instance: *mut TeInstance) {
    // SAFETY: promised by the caller.
    unsafe { release(instance) };
}

/// # Safety
/// `instance` must be valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_instance_memory_bytes(instance: *const TeInstance) -> u64 {
    // SAFETY: promised by the caller.
    unsafe { &*instance }.shared.memory_bytes.load(Ordering::Relaxed)
}

/// Runs the guest and shows its outcome.
///
/// # Safety
/// The pointers must be valid; see the header.
#[inline]
unsafe fn run(
    instance: *mut TeInstance,
    outcome: *mut TeOutcome,
    error: *mut TeError,
    body: impl FnOnce(&mut Instance, &mut MaybeUninit<TeOutcome>) -> Outcome<()>,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers; only `busy` is touched until it is known that no call runs.
    let instance = unsafe { &*instance };
    if instance.busy.replace(true) {
        let refuse = || Err(Failure::argument("the instance is running: a host callback may not enter it"));
        // SAFETY: as above.
        return unsafe { guarded(error, refuse) };
    }
    // SAFETY: `busy` was clear, and the ABI allows one thread at a time, so nobody else holds this reference.
    let inner = unsafe { &mut *instance.inner.get() };
    // SAFETY: the header asks for a valid `outcome` and `error`.
    let status = unsafe { guarded(error, || body(inner, &mut *outcome.cast())) };
    if status == TeStatus::Internal {
        inner.abandon();
    }
    instance.busy.set(false);
    status
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_instance_call(
    instance: *mut TeInstance,
    args: *const TeCallArgs,
    outcome: *mut TeOutcome,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe { run(instance, outcome, error, |inner, out| inner.call(&*args, out)) }
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_instance_resume(
    instance: *mut TeInstance,
    value: TeValue,
    outcome: *mut TeOutcome,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe { run(instance, outcome, error, |inner, out| inner.resume(value, out)) }
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_instance_abort(
    instance: *mut TeInstance,
    message: TeBytes,
    outcome: *mut TeOutcome,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        let message = String::from_utf8_lossy(message.slice()).into_owned();
        run(instance, outcome, error, |inner, out| inner.abort(message, out))
    }
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_bindgen_c(
    wit_path: TeBytes,
    world: TeBytes,
    emit: TeFileFn,
    context: *mut c_void,
    error: *mut TeError,
) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            let path = Path::new(OsStr::from_bytes(wit_path.slice()));
            for (name, content) in tools::bindgen_c(path, text(world.slice())?)? {
                emit(context, TeBytes::of(name.as_bytes()), TeBytes::of(&content));
            }
            Ok(())
        })
    }
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_componentize(module: TeBytes, out: *mut TeBuffer, error: *mut TeError) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            out.write(TeBuffer::from_vec(tools::componentize(module.slice())?));
            Ok(())
        })
    }
}

/// # Safety
/// The pointers must be valid; see the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn te_wat_to_wasm(wat: TeBytes, out: *mut TeBuffer, error: *mut TeError) -> TeStatus {
    // SAFETY: the header asks for valid pointers.
    unsafe {
        guarded(error, || {
            out.write(TeBuffer::from_vec(tools::wat_to_wasm(text(wat.slice())?)?));
            Ok(())
        })
    }
}
