/// C ABI of the engine: a narrow, WIT-generic bridge to wasmtime.
///
/// Values cross as canonical bytes: the component model's value encoding. Numbers: bool, u8, s8 one byte;
/// u16..u64 unsigned LEB128, s16..s64 signed LEB128; f32, f64 little-endian IEEE 754 with canonical NaNs; char as
/// UTF-8; string and list a LEB128 count and the items; record and tuple their fields in order; option 0 or
/// 1 and the value; result 0 (ok) or 1 (error) and the payload if it has one; variant and enum a LEB128 case index and
/// the payload if it has one; flags ceil(n/8) bytes, bit 0 first. No padding, no names.
///
/// Memory: what the engine hands out by te_buffer is released by te_buffer_free; everything else says until when it
/// is valid. Threads: te_engine, te_component and te_linked may be used by any thread at once; a te_instance by one
/// thread at a time. No function unwinds into its caller: a panic inside becomes TE_ERROR_INTERNAL.
#ifndef THEATER_ENGINE_H
#define THEATER_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Raised by one at every change of this file or of the canonical bytes.
#define TE_ABI_VERSION 1u

typedef struct te_engine te_engine;        ///< one a process: settings, allocator, compiler
typedef struct te_component te_component;  ///< compiled code, shared
typedef struct te_linked te_linked;        ///< a component with its imports bound, shared
typedef struct te_instance te_instance;    ///< one live instance with its store

typedef struct {
  const uint8_t* data;
  size_t size;
} te_bytes;  ///< borrowed

typedef struct {
  uint8_t* data;
  size_t size;
  size_t capacity;
} te_buffer;  ///< owned by the caller, released by te_buffer_free

/// Canonical bytes in two pieces: their concatenation is the value. `body` is the content of a value's last byte list
/// when it stands at the value's end, so that a large message is not copied on its way; it may always be empty.
typedef struct {
  te_bytes head;
  te_bytes body;
} te_value;

typedef enum {
  TE_OK = 0,
  TE_ERROR_INVALID_COMPONENT = 1,  ///< not a component, malformed, or uses a feature that is off
  TE_ERROR_UNSUPPORTED = 2,        ///< well-formed, but e.g. imports a resource other than of WASI
  TE_ERROR_LINK = 3,               ///< an import has no binding
  TE_ERROR_RESOURCES = 4,          ///< no instance slot, no address space, no memory
  TE_ERROR_TRAP = 5,               ///< the guest trapped while it was instantiated
  TE_ERROR_INVALID_ARGUMENT = 6,   ///< bad canonical bytes, index out of range, wrong state of the instance
  TE_ERROR_BUILD = 7,              ///< bindings or componentizing failed
  TE_ERROR_INTERNAL = 8
} te_status;

/// What went wrong, in words for a person. Always released by te_buffer_free when the status is not TE_OK.
typedef struct {
  te_buffer message;
} te_error;

void te_buffer_free(te_buffer* buffer);
uint32_t te_abi_version(void);
/// The engine and wasmtime version, static, e.g. "theater-engine 0.1.0 (wasmtime 48.0.8)".
te_bytes te_version(void);

typedef struct {
  bool pooling;             ///< preallocated slots; otherwise on demand
  uint32_t pool_instances;  ///< slots for component instances, and memories, when pooling
  uint32_t pool_stacks;     ///< fibers' stacks when pooling; each takes two memory mappings from the start
  /// Pooling: address space for each memory, at most 4 GiB, which saves bounds checks; no memory grows beyond.
  /// Otherwise: what to reserve for each memory, which may grow beyond; 0: what is quickest.
  uint64_t pool_memory_bytes;
  bool memory_copy_on_write;  ///< initialise memories by mapping: one more mapping an instance
  bool fuel;                  ///< compile code that counts fuel
  uint64_t stack_bytes;       ///< the guest's stack; deeper recursion traps
  bool parallel_compilation;
} te_engine_config;

te_status te_engine_new(const te_engine_config* config, te_engine** out, te_error* error);
void te_engine_free(te_engine* engine);
/// Any thread: one epoch has passed. Instances whose deadline is reached trap with TE_TRAP_INTERRUPTED.
void te_engine_tick(const te_engine* engine);
/// Equal only for engines that may share compiled code. Static text, freed by the caller.
te_buffer te_engine_compatibility(const te_engine* engine);

/// Compiles a binary component. Text is refused.
te_status te_component_compile(const te_engine* engine, te_bytes wasm, te_component** out, te_error* error);
/// The compiled form, to be stored where only its owner can write.
te_status te_component_serialize(const te_component* component, te_buffer* out, te_error* error);
/// Loads a compiled form by mapping the file. The caller vouches for the file's content: it is machine code. One that
/// another engine version or other settings made is an error.
te_status te_component_deserialize_file(const te_engine* engine, te_bytes path, te_component** out, te_error* error);
void te_component_free(te_component* component);

/// JSON: {"imports":[{"interface":"a:b/c","function":"f","params":[{"name":"x","type":T}],"result":T|null}],
/// "exports":[the same, with "handler":true when it takes option<list<u8>> first and a tuple second and returns
/// result<tuple<option<list<u8>>, …>, string>], "empty_interfaces":["a:b/types"]}. A function at the world's top level
/// has interface "". Functions are numbered by their place in these lists. T is a name ("u8", "string", …) or
/// {"list":T} {"option":T} {"result":{"ok":T|null,"err":T|null}} {"tuple":[T…]} {"record":[{"name","type"}…]}
/// {"variant":[{"name","type":T|null}…]} {"enum":[names]} {"flags":[names]}.
///
/// Of WASI 0.2 (cli, clocks, filesystem, io, random, sockets) only functions of the clocks and of random that have no
/// resources stand there. The library answers the rest itself, always in the same way: there is nothing to read, open
/// or reach. What it needs the host for stands there as well, though no guest can call it: write-line(line: string) of
/// wasi:cli/stdout and stderr, for each line that is printed, at the end of a call those that were begun; and
/// wait-until(when: u64) -> u64 of wasi:clocks/monotonic-clock, which answers with the time once it is `when`, or
/// earlier to be asked again. With 0 for `when` it answers now; otherwise it may be pending, if it was bound so.
te_status te_component_describe(const te_component* component, te_buffer* out, te_error* error);

typedef enum { TE_HOST_DONE = 0, TE_HOST_PENDING = 1, TE_HOST_TRAP = 2 } te_host_status;

typedef struct {
  /// TE_HOST_DONE: the result's canonical bytes (empty for a function without one); must stay valid and unchanged until
  /// the next callback of this instance or the end of the call, whichever is first. TE_HOST_TRAP: head is the message.
  te_value value;
} te_host_reply;

/// Called on the thread that called te_instance_*; `params` is valid during the callback only, its body may lie in
/// guest memory. The callback must not call te_instance_* of the same instance, nor throw. TE_HOST_PENDING is allowed
/// only for imports bound with TE_IMPORT_SUSPENDS and not during instantiation: there it becomes a trap.
typedef te_host_status (*te_host_fn)(void* host_context, uint32_t import_index, te_value params, te_host_reply* reply);

#define TE_IMPORT_SUSPENDS 1u       ///< may answer TE_HOST_PENDING; makes every call run on a fiber
#define TE_IMPORT_DYNAMIC 2u        ///< never the typed path (tests compare the two)
#define TE_LINK_EXPORTS_DYNAMIC 1u  ///< never the typed path for exports

/// Binds all imports of the component to `host`; `import_flags` has one entry for each described import.
te_status te_link(const te_component* component, te_host_fn host, const uint32_t* import_flags, size_t import_count,
                  uint32_t link_flags, te_linked** out, te_error* error);
void te_linked_free(te_linked* linked);
bool te_linked_suspends(const te_linked* linked);

typedef struct {
  uint64_t memory_bytes;    ///< all memories of the instance together; growth beyond fails (-1) in the guest
  uint32_t table_elements;  ///< likewise
  uint64_t value_bytes;     ///< bound on what one call may make the host allocate by values from the guest
  uint64_t fuel;            ///< for instantiation (start functions); UINT64_MAX: no bound
  uint64_t deadline_ticks;  ///< for instantiation; UINT64_MAX: none
} te_instance_config;

te_status te_instance_new(const te_linked* linked, const te_instance_config* config, void* host_context,
                          te_instance** out, te_error* error);
/// Also ends a suspended call.
void te_instance_free(te_instance* instance);
/// Bytes of linear memory now in use.
uint64_t te_instance_memory_bytes(const te_instance* instance);

typedef enum {
  TE_CALL_RETURNED = 0,     ///< `state` and `result` hold what came back
  TE_CALL_GUEST_ERROR = 1,  ///< a handler returned its error string: result.head is that text (no length before it)
  TE_CALL_TRAPPED = 2,      ///< the instance is poisoned: only te_instance_free is left
  TE_CALL_SUSPENDED = 3     ///< an import answered TE_HOST_PENDING: te_instance_resume goes on
} te_call_status;

typedef enum {
  TE_TRAP_NONE = 0,
  TE_TRAP_UNREACHABLE = 1,
  TE_TRAP_OUT_OF_FUEL = 2,
  TE_TRAP_INTERRUPTED = 3,  ///< epoch deadline
  TE_TRAP_STACK_OVERFLOW = 4,
  TE_TRAP_MEMORY_OUT_OF_BOUNDS = 5,
  TE_TRAP_TABLE_OUT_OF_BOUNDS = 6,
  TE_TRAP_INDIRECT_CALL = 7,
  TE_TRAP_ARITHMETIC = 8,        ///< division by zero, integer overflow, bad conversion
  TE_TRAP_HOST = 9,              ///< the host callback asked for it
  TE_TRAP_ABI = 10,              ///< the guest broke the canonical ABI: bad pointer, invalid UTF-8, bad discriminant…
  TE_TRAP_VALUE_TOO_LARGE = 11,  ///< more than value_bytes
  TE_TRAP_OTHER = 12
} te_trap;

typedef struct {
  te_call_status status;
  te_trap trap;
  bool has_state;  ///< handler exports: the new state is some(state)
  te_bytes state;
  te_value result;     ///< handlers: canonical bytes of the items after the state; others: of the result
  te_bytes message;    ///< trapped: what happened, in words
  te_bytes backtrace;  ///< trapped: WebAssembly backtrace with function names, a line a frame, innermost first
  uint64_t fuel_used;  ///< by this call so far
  /// Where this call found the instance, its store, and the last text and byte list that went to the host: the next
  /// call will probably touch the same memory. For prefetching only: may be null, must not be read.
  const void* touched[4];
} te_outcome;  ///< all pointers are valid until the next te_instance_* call on that instance

typedef struct {
  uint32_t export_index;
  bool has_state;  ///< handler exports only: pass some(state), otherwise none
  te_bytes state;
  te_value params;          ///< handlers: canonical bytes of the tuple; others: of all parameters in order
  uint64_t fuel;            ///< bound for this call; UINT64_MAX: no bound
  uint64_t deadline_ticks;  ///< epochs that the guest may run before each suspension or its end; UINT64_MAX: none
} te_call_args;

/// Starts a call. `params` and `state` need to be valid during this call only. An argument error
/// (TE_ERROR_INVALID_ARGUMENT) leaves the instance usable.
te_status te_instance_call(te_instance* instance, const te_call_args* args, te_outcome* outcome, te_error* error);
/// Answers the host call that is pending with the canonical bytes of its result and runs on.
te_status te_instance_resume(te_instance* instance, te_value value, te_outcome* outcome, te_error* error);
/// Makes the pending host call trap with this message and unwinds the guest; the outcome is TE_CALL_TRAPPED.
te_status te_instance_abort(te_instance* instance, te_bytes message, te_outcome* outcome, te_error* error);

/// One generated file; `name` is relative.
typedef void (*te_file_fn)(void* context, te_bytes name, te_bytes content);
/// C bindings (header, source, object with the component type) for `world` of the WIT text files in `wit_directory`
/// (with its `deps/`), or of that one file.
te_status te_bindgen_c(te_bytes wit_path, te_bytes world, te_file_fn emit, void* context, te_error* error);
/// Makes a component of a core module that carries its component type.
te_status te_componentize(te_bytes module, te_buffer* out, te_error* error);
/// WebAssembly text to binary, core or component; for tests and tools, never for what a manifest names.
te_status te_wat_to_wasm(te_bytes text, te_buffer* out, te_error* error);

#ifdef __cplusplus
}
#endif
#endif
