//! The planner on a board of 256 cores and 1 TiB: `cargo bench -p vman-core --bench plan`.
//!
//! Besides criterion's own report it prints `BENCH name value unit` lines: 10,000 creations and destructions in random
//! order, and how one of them grows with the number of partitions and of ranges in use. They are timed by the
//! thread's own CPU clock: on a busy machine the slowest of them would show who else wanted the core.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use nix::time::{ClockId, clock_gettime};
use vman_core::id::{ByteSize, CpuId, CpuSet, PhysAddr, PhysRange};
use vman_core::plan::{Book, Inventory, ResourceGrant, ResourceRequest, World, plan};

const CORES: usize = 256;
const MEMORY: u64 = 1 << 40;
const GRANULE: u64 = 2 << 20;
const OPERATIONS: usize = 10_000;
/// Live partitions; the management partition has one core, and the measured one needs one.
const PARTITIONS: [usize; 5] = [0, 32, 64, 128, 254];
/// Ranges in use, far beyond what 256 cores can have partitions.
const RANGES: [usize; 4] = [100, 1_000, 10_000, 100_000];

fn range(base: u64, size: u64) -> PhysRange {
    PhysRange::new(PhysAddr(base), ByteSize(size)).expect("the board lies far below the last address")
}

fn board() -> Book {
    let clusters: Vec<u8> = (0..=u8::MAX).map(|cpu| cpu / 8).collect();
    let inventory = Inventory {
        free: CpuSet::first(CORES),
        management: CpuSet::from_iter([CpuId(0)]),
        clusters: &clusters,
        pool: &[range(1 << 30, MEMORY - (1 << 30))],
        granule: ByteSize(GRANULE),
        ..Inventory::default()
    };
    Book::new(&inventory).expect("the lists are sorted")
}

fn request(cores: u32, granules: u64) -> ResourceRequest {
    ResourceRequest { cores, memory: ByteSize(granules * GRANULE), world: World::NonSecure, shared: None }
}

/// A board with `count` partitions of one core.
fn populated(count: usize) -> Book {
    let mut book = board();
    for _ in 0..count {
        book.take(&request(1, 3)).expect("a core and memory are free");
    }
    book
}

/// xorshift64*: the order of the operations, the same at every run.
struct Order(u64);

impl Order {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// Creates and destroys in random order; the time of each operation.
fn churn() -> Vec<Duration> {
    let (mut book, mut live, mut order) = (board(), Vec::new(), Order(42));
    let mut times = Vec::with_capacity(OPERATIONS);
    while times.len() < OPERATIONS {
        let start = cpu_time();
        step(&mut book, &mut live, &mut order);
        times.push(cpu_time() - start);
    }
    times
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every Linux has this clock").into()
}

fn step(book: &mut Book, live: &mut Vec<ResourceGrant>, order: &mut Order) {
    let cores = u32::try_from(order.below(4) + 1).expect("at most 4");
    let index = usize::try_from(order.below(256)).expect("below 256");
    match book.take(&request(cores, order.below(2048) + 1)) {
        Ok(grant) if index >= live.len() => live.push(grant),
        Ok(grant) => {
            let victim = std::mem::replace(&mut live[index], grant);
            book.give_back(&victim).expect("it is live");
        }
        Err(_) => {
            let victim = live.swap_remove(index % live.len());
            book.give_back(&victim).expect("it is live");
        }
    }
}

fn used(count: usize) -> Vec<PhysRange> {
    (0..count).map(|n| range((1 << 30) + u64::try_from(n).expect("small") * 2 * GRANULE, GRANULE)).collect()
}

fn nanoseconds(name: &str, time: Duration) {
    println!("BENCH {name} {} ns", time.as_nanos());
}

fn print_churn() {
    let mut times = churn();
    let total: Duration = times.iter().sum();
    times.sort_unstable();
    nanoseconds("plan/churn_10000/mean", total / u32::try_from(OPERATIONS).expect("10,000"));
    nanoseconds("plan/churn_10000/p99", times[OPERATIONS * 99 / 100]);
    nanoseconds("plan/churn_10000/max", times[OPERATIONS - 1]);
}

/// The mean over many repeats of `operation`.
fn mean<T>(mut operation: impl FnMut() -> T) -> Duration {
    const REPEATS: u32 = 1_000;
    let start = cpu_time();
    for _ in 0..REPEATS {
        black_box(operation());
    }
    (cpu_time() - start) / REPEATS
}

fn create_destroy(book: &mut Book) {
    let grant = book.take(black_box(&request(1, 512))).expect("room is left");
    book.give_back(&grant).expect("it was just taken");
}

fn print_growth() {
    for count in PARTITIONS {
        let mut book = populated(count);
        nanoseconds(&format!("plan/create_destroy/partitions_{count}"), mean(|| create_destroy(&mut book)));
    }
    for count in RANGES {
        let used = used(count);
        let book = board();
        let inventory = Inventory { used: &used, ..book.inventory() };
        let time = mean(|| plan(black_box(&inventory), &request(4, 512)));
        nanoseconds(&format!("plan/plan/ranges_in_use_{count}"), time);
    }
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan/create_destroy");
    for count in PARTITIONS {
        let mut book = populated(count);
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| create_destroy(&mut book));
        });
    }
    group.finish();
}

fn main() {
    print_churn();
    print_growth();
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion);
    criterion.final_summary();
}
