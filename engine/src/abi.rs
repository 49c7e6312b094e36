//! The types of `include/theater_engine.h`, field by field.

use std::ffi::c_void;

pub const ABI_VERSION: u32 = 1;

/// Borrowed bytes. A null pointer goes with size 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TeBytes {
    pub data: *const u8,
    pub size: usize,
}

impl TeBytes {
    pub const EMPTY: TeBytes = TeBytes { data: std::ptr::null(), size: 0 };

    pub fn of(bytes: &[u8]) -> TeBytes {
        TeBytes { data: bytes.as_ptr(), size: bytes.len() }
    }

    /// # Safety
    /// `data` must be readable for `size` bytes, and unchanged, for all of `'a`.
    pub unsafe fn slice<'a>(self) -> &'a [u8] {
        if self.size == 0 || self.data.is_null() {
            return &[];
        }
        // SAFETY: promised by the caller; null was handled above.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

/// Bytes owned by the caller of the library: the parts of a `Vec<u8>`.
#[repr(C)]
pub struct TeBuffer {
    pub data: *mut u8,
    pub size: usize,
    pub capacity: usize,
}

impl TeBuffer {
    pub const EMPTY: TeBuffer = TeBuffer { data: std::ptr::null_mut(), size: 0, capacity: 0 };

    pub fn from_vec(bytes: Vec<u8>) -> TeBuffer {
        if bytes.capacity() == 0 {
            return TeBuffer::EMPTY;
        }
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        TeBuffer { data: bytes.as_mut_ptr(), size: bytes.len(), capacity: bytes.capacity() }
    }

    /// # Safety
    /// The buffer must be one that `from_vec` made, not released before.
    pub unsafe fn release(&mut self) {
        if !self.data.is_null() {
            // SAFETY: these are the parts that `from_vec` took from a Vec, and they are used once.
            drop(unsafe { Vec::from_raw_parts(self.data, self.size, self.capacity) });
        }
        *self = TeBuffer::EMPTY;
    }
}

/// A value's canonical bytes in two pieces.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TeValue {
    pub head: TeBytes,
    pub body: TeBytes,
}

impl TeValue {
    pub const EMPTY: TeValue = TeValue { head: TeBytes::EMPTY, body: TeBytes::EMPTY };
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TeStatus {
    Ok = 0,
    InvalidComponent = 1,
    Unsupported = 2,
    Link = 3,
    Resources = 4,
    Trap = 5,
    InvalidArgument = 6,
    Build = 7,
    Internal = 8,
}

#[repr(C)]
pub struct TeError {
    pub message: TeBuffer,
}

#[repr(C)]
pub struct TeEngineConfig {
    pub pooling: bool,
    pub pool_instances: u32,
    pub pool_stacks: u32,
    pub pool_memory_bytes: u64,
    pub memory_copy_on_write: bool,
    pub fuel: bool,
    pub stack_bytes: u64,
    pub parallel_compilation: bool,
}

/// What a host callback answers; kept as a number because it comes from outside.
pub const HOST_DONE: u32 = 0;
pub const HOST_PENDING: u32 = 1;

#[repr(C)]
pub struct TeHostReply {
    pub value: TeValue,
}

pub type TeHostFn =
    unsafe extern "C" fn(context: *mut c_void, import_index: u32, params: TeValue, reply: *mut TeHostReply) -> u32;

pub const IMPORT_SUSPENDS: u32 = 1;
pub const IMPORT_DYNAMIC: u32 = 2;
pub const LINK_EXPORTS_DYNAMIC: u32 = 1;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct TeInstanceConfig {
    pub memory_bytes: u64,
    pub table_elements: u32,
    pub value_bytes: u64,
    pub fuel: u64,
    pub deadline_ticks: u64,
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TeCallStatus {
    Returned = 0,
    GuestError = 1,
    Trapped = 2,
    Suspended = 3,
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TeTrap {
    None = 0,
    Unreachable = 1,
    OutOfFuel = 2,
    Interrupted = 3,
    StackOverflow = 4,
    MemoryOutOfBounds = 5,
    TableOutOfBounds = 6,
    IndirectCall = 7,
    Arithmetic = 8,
    Host = 9,
    Abi = 10,
    ValueTooLarge = 11,
    Other = 12,
}

#[repr(C)]
pub struct TeOutcome {
    pub status: TeCallStatus,
    pub trap: TeTrap,
    pub has_state: bool,
    pub state: TeBytes,
    pub result: TeValue,
    pub message: TeBytes,
    pub backtrace: TeBytes,
    pub fuel_used: u64,
    /// Instance, store, last text, last bytes: addresses for prefetching.
    pub touched: [*const c_void; 4],
}

impl TeOutcome {
    pub fn of(status: TeCallStatus, fuel_used: u64) -> TeOutcome {
        TeOutcome {
            status,
            trap: TeTrap::None,
            has_state: false,
            state: TeBytes::EMPTY,
            result: TeValue::EMPTY,
            message: TeBytes::EMPTY,
            backtrace: TeBytes::EMPTY,
            fuel_used,
            touched: [std::ptr::null(); 4],
        }
    }
}

#[repr(C)]
pub struct TeCallArgs {
    pub export_index: u32,
    pub has_state: bool,
    pub state: TeBytes,
    pub params: TeValue,
    pub fuel: u64,
    pub deadline_ticks: u64,
}

pub type TeFileFn = unsafe extern "C" fn(context: *mut c_void, name: TeBytes, content: TeBytes);
