/// Linked where a program has global constructors: the host calls it once when it makes an instance.
void __wasm_call_ctors(void);

__attribute__((export_name("_initialize"))) void theater_initialize(void) { __wasm_call_ctors(); }
