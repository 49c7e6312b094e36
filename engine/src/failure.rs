//! Errors: what the caller of the C ABI gets, and how a trap is told apart from the rest.

use crate::abi::{TeStatus, TeTrap};
use std::fmt;
use wasmtime::{Trap, WasmBacktrace};

/// A status with words for a person.
#[derive(Debug)]
pub struct Failure {
    pub status: TeStatus,
    pub message: String,
}

impl Failure {
    pub fn new(status: TeStatus, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }

    pub fn argument(message: impl Into<String>) -> Failure {
        Failure::new(TeStatus::InvalidArgument, message)
    }

    /// The error with its causes on one line, outermost first.
    pub fn caused(status: TeStatus, error: &wasmtime::Error) -> Failure {
        Failure::new(status, describe(error))
    }
}

pub type Outcome<T> = Result<T, Failure>;

/// The host callback asked for a trap, or its reply was unusable.
#[derive(Debug)]
pub struct HostTrap(pub String);

impl fmt::Display for HostTrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostTrap {}

/// A value from the guest is over the instance's `value_bytes`.
#[derive(Debug)]
pub struct ValueTooLarge {
    pub size: usize,
    pub limit: u64,
}

impl fmt::Display for ValueTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of {} bytes is over the limit of {} bytes", self.size, self.limit)
    }
}

impl std::error::Error for ValueTooLarge {}

/// A trap in the form the C ABI reports it.
pub struct TrapReport {
    pub code: TeTrap,
    pub message: String,
    pub backtrace: String,
}

impl TrapReport {
    pub fn of(error: &wasmtime::Error) -> TrapReport {
        let code = trap_code(error);
        let message = match (code, error.downcast_ref::<Trap>()) {
            // wasmtime adds the address where a guard page caught the access, and has none where a check did: which of the
            // two it is differs between machines, and a chain must not.
            (TeTrap::MemoryOutOfBounds, Some(trap)) => trap.to_string(),
            // wasmtime's own words for this speak of its accounting.
            (TeTrap::ValueTooLarge, _) if !error.is::<ValueTooLarge>() => {
                "a value from the guest is over its limit in bytes".into()
            }
            _ => describe(error),
        };
        TrapReport { code, message, backtrace: error.downcast_ref::<WasmBacktrace>().map(backtrace_lines).unwrap_or_default() }
    }
}

/// The causes joined by ": ", without the backtrace, which wasmtime keeps among them.
fn describe(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let line = cause.to_string();
        if line.starts_with("error while executing at wasm backtrace") || text.ends_with(&line) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&line);
    }
    text
}

/// One line a frame, innermost first; source positions, where the component has them, are indented under their frame.
fn backtrace_lines(backtrace: &WasmBacktrace) -> String {
    let text = backtrace.to_string();
    let frames = text.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line));
    frames.collect::<Vec<_>>().join("\n")
}

fn trap_code(error: &wasmtime::Error) -> TeTrap {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return match trap {
            Trap::UnreachableCodeReached => TeTrap::Unreachable,
            Trap::OutOfFuel => TeTrap::OutOfFuel,
            Trap::Interrupt => TeTrap::Interrupted,
            Trap::StackOverflow => TeTrap::StackOverflow,
            Trap::MemoryOutOfBounds | Trap::HeapMisaligned => TeTrap::MemoryOutOfBounds,
            Trap::TableOutOfBounds => TeTrap::TableOutOfBounds,
            Trap::IndirectCallToNull | Trap::BadSignature => TeTrap::IndirectCall,
            Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger => TeTrap::Arithmetic,
            Trap::CannotEnterComponent | Trap::CannotLeaveComponent => TeTrap::Abi,
            _ => TeTrap::Other,
        };
    }
    if error.is::<HostTrap>() {
        return TeTrap::Host;
    }
    // wasmtime keeps the type of this error to itself, so it is known by its text; a test holds on to it.
    if error.is::<ValueTooLarge>() || error.root_cause().to_string().contains("fuel allocated for hostcalls") {
        return TeTrap::ValueTooLarge;
    }
    TeTrap::Abi
}
