//! A partition's life on the simulated board: create, deploy of a 1 MiB image, shutdown, destroy.
#![allow(clippy::unwrap_used, reason = "a bench")]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use uuid::Uuid;
use vman_core::device::suite::{Guest, Images as _, OwnedImage, ScriptedImages};
use vman_core::device::{CreateRequest, HostInfo, ManagerDevice, PartitionDevice as _};
use vman_core::id::ByteSize;
use vman_core::plan::World;
use vman_core::state::Operation;
use vman_sim::{SimConfig, SimDevice};

const IMAGE: usize = 1 << 20;
const MEMORY: ByteSize = ByteSize(512 << 20);
const PATIENCE: Duration = Duration::from_secs(30);

fn request() -> CreateRequest {
    CreateRequest {
        cores: 2,
        memory: MEMORY,
        world: World::NonSecure,
        shared_with: None,
        name: String::new(),
        uuid: Uuid::nil(),
    }
}

/// The image, made once: the planner gives every partition of this bench the same place.
fn image(device: &SimDevice, host: &HostInfo) -> OwnedImage {
    let partition = device.open(device.create(&request()).unwrap()).unwrap();
    let images = ScriptedImages { kernel_len: IMAGE };
    let image = images.image(host, &partition.info().unwrap(), Guest::Boot).unwrap();
    partition.control(Operation::Destroy, PATIENCE).unwrap();
    image
}

fn life_cycle(device: &SimDevice, image: &OwnedImage) {
    let partition = device.open(device.create(&request()).unwrap()).unwrap();
    partition.deploy(&image.as_load()).unwrap();
    partition.control(Operation::Shutdown, PATIENCE).unwrap();
    partition.control(Operation::Destroy, PATIENCE).unwrap();
}

/// Life cycles per second, the figure that is promised.
fn print_rate(device: &SimDevice, image: &OwnedImage) {
    const CYCLES: u32 = 2_000;
    let start = Instant::now();
    for _ in 0..CYCLES {
        life_cycle(device, image);
    }
    let rate = f64::from(CYCLES) / start.elapsed().as_secs_f64();
    println!("BENCH sim/life_cycles {rate:.0} cycles/s");
}

fn measure(criterion: &mut Criterion, device: &SimDevice, host: &HostInfo, image: &OwnedImage) {
    let mut group = criterion.benchmark_group("sim");
    group.throughput(Throughput::Elements(1));
    group.bench_function("life_cycle", |bencher| bencher.iter(|| life_cycle(device, image)));
    let partition = device.open(device.create(&request()).unwrap()).unwrap();
    group.bench_function("info", |bencher| bencher.iter(|| partition.info().unwrap()));
    group.bench_function("host", |bencher| {
        bencher.iter(|| assert!(device.host().unwrap().cpus.len() == host.cpus.len()))
    });
    group.finish();
}

fn main() {
    let device = SimDevice::new(SimConfig::default()).unwrap();
    let host = device.host().unwrap();
    let image = image(&device, &host);
    print_rate(&device, &image);
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, &device, &host, &image);
    criterion.final_summary();
}
