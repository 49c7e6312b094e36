//! The process-wide part: compiler settings and the allocator of instances.

use crate::abi::{TeEngineConfig, TeStatus};
use crate::failure::{Failure, Outcome};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

/// Beside the guest's own frames a fiber's stack holds the host callback and all that it calls.
const HOST_STACK_BYTES: usize = 512 << 10;
/// All that a 32-bit memory can be. With this much address space it needs no bounds checks in compiled code.
const LARGEST_MEMORY_BYTES: u64 = 4 << 30;
/// Address space between memories; it lets compiled code leave out checks of small constant offsets.
const GUARD_BYTES: u64 = 64 << 10;
/// The largest table of a pooled component: 512 KiB of address space each, touched only as far as it is used.
const POOL_TABLE_ELEMENTS: usize = 65_536;
const MAX_BACKTRACE_FRAMES: usize = 64;

pub fn new_engine(wanted: &TeEngineConfig) -> Outcome<Engine> {
    let stack = usize::try_from(wanted.stack_bytes).unwrap_or(usize::MAX);
    if !(16 << 10..=256 << 20).contains(&stack) {
        return Err(Failure::argument("stack_bytes must be between 16 KiB and 256 MiB"));
    }
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack + HOST_STACK_BYTES)
        .consume_fuel(wanted.fuel)
        .epoch_interruption(true)
        .memory_init_cow(wanted.memory_copy_on_write)
        .concurrency_support(false)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(MAX_BACKTRACE_FRAMES))
        .parallel_compilation(wanted.parallel_compilation);
    if wanted.pooling {
        pool(&mut config, wanted)?;
    } else if wanted.pool_memory_bytes != 0 {
        config.memory_reservation(wanted.pool_memory_bytes.next_multiple_of(64 << 10)).memory_guard_size(GUARD_BYTES);
    }
    Engine::new(&config).map_err(|e| Failure::caused(TeStatus::Resources, &e))
}

fn pool(config: &mut Config, wanted: &TeEngineConfig) -> Outcome<()> {
    let memory = wanted.pool_memory_bytes.next_multiple_of(64 << 10);
    if wanted.pool_instances == 0 || memory == 0 || memory > LARGEST_MEMORY_BYTES {
        return Err(Failure::argument("pool_instances must not be 0; pool_memory_bytes must be 1 byte to 4 GiB"));
    }
    config.memory_reservation(memory).memory_guard_size(GUARD_BYTES).guard_before_linear_memory(false);
    let mut pool = PoolingAllocationConfig::new();
    let many = wanted.pool_instances.saturating_mul(2).max(64);
    pool.total_component_instances(wanted.pool_instances)
        // A component is a few core instances: its module and the shims of its imports. They are counted, not preallocated.
        .total_core_instances(wanted.pool_instances.saturating_mul(8).max(256))
        .total_memories(wanted.pool_instances)
        .total_tables(many)
        .total_stacks(wanted.pool_stacks)
        .max_memory_size(memory as usize)
        .table_elements(POOL_TABLE_ELEMENTS)
        .max_tables_per_module(8)
        .max_memories_per_module(4)
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(16 << 20)
        .pagemap_scan(Enabled::No);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(())
}

/// Text that is equal only for engines that may share compiled code.
pub fn compatibility(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{}-{:016x}", crate::VERSION, hasher.finish())
}
