//! The wasmtime engine of this process: compiler settings, the pool that instances come
//! from, and the clock that interrupts guests. Every host in the
//! process shares it, because a pool reserves address space. What a single component may use is
//! decided elsewhere, per instance.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// How often a guest that computes gives way to the other requests of its core.
const TICK: Duration = Duration::from_millis(5);

/// How many instances may be alive at once in the process. Beyond it, requests are answered 503.
///
/// Each has a stack in reserve, and each stack takes a system call when the pool is made.
pub(crate) const MAX_INSTANCES: u32 = 1024;

/// The most that one linear memory can address: 4 GiB, all that a 32-bit guest can name. The
/// real limit is the memory cap of each instance.
const ADDRESSABLE_MEMORY: usize = 1 << 32;

/// One engine that interrupts guests, and one that does not. Hosts share them.
static SHARED: Mutex<[Option<Engine>; 2]> = Mutex::new([None, None]);

/// Why the engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine did not start: {0:#}")]
pub struct EngineError(wasmtime::Error);

/// The process's engine, made at the first call.
pub(crate) fn shared(interrupts: bool) -> Result<Engine, EngineError> {
    let mut shared = SHARED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let [plain, interrupting] = &mut *shared;
    let place = if interrupts { interrupting } else { plain };
    if let Some(engine) = place {
        return Ok(engine.clone());
    }
    let engine = start(interrupts).map_err(EngineError)?;
    *place = Some(engine.clone());
    Ok(engine)
}

fn start(interrupts: bool) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(interrupts)
        .cranelift_opt_level(OptLevel::Speed);
    let engine = Engine::new(config.allocation_strategy(pool())).or_else(|error| {
        // Where the address space is limited (ulimit -v, some sandboxes), slower instances are
        // better than none.
        tracing::warn!("no instance pool, instances will start slower: {error:#}");
        Engine::new(config.allocation_strategy(InstanceAllocationStrategy::OnDemand))
    })?;
    if interrupts {
        start_ticking(&engine)?;
    }
    Ok(engine)
}

fn pool() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(8 * MAX_INSTANCES)
        .total_memories(2 * MAX_INSTANCES)
        .total_tables(4 * MAX_INSTANCES)
        .total_stacks(2 * MAX_INSTANCES)
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .max_core_instances_per_component(200)
        .max_memories_per_component(32)
        .max_tables_per_component(64)
        .max_memories_per_module(2)
        .max_tables_per_module(2)
        .max_memory_size(ADDRESSABLE_MEMORY)
        // What a slot keeps between two instances is reset with memset instead of a system
        // call. More than this costs resident memory for every slot ever used.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(16 << 10)
        .max_unused_warm_slots(64);
    InstanceAllocationStrategy::Pooling(pool)
}

/// A plain thread ticks: a timer on the async runtime would come late exactly when a guest
/// hogs that runtime's thread. It ends with the engine, which lives as long as the process.
fn start_ticking(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("epoch-ticker".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })?;
    Ok(())
}
