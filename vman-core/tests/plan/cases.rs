//! Boards and requests, likely and absurd.

use proptest::prelude::*;
use vman_core::id::{ByteSize, CpuSet, MAX_CPUS, PhysAddr, PhysRange};
use vman_core::plan::{Inventory, ResourceRequest, World};

/// An [`Inventory`] that owns its lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Board {
    pub(crate) free: CpuSet,
    pub(crate) management: CpuSet,
    pub(crate) clusters: Vec<u8>,
    pub(crate) pool: Vec<PhysRange>,
    pub(crate) secure_pool: Vec<PhysRange>,
    pub(crate) used: Vec<PhysRange>,
    pub(crate) granule: ByteSize,
}

impl Board {
    pub(crate) fn inventory(&self) -> Inventory<'_> {
        Inventory {
            free: self.free,
            management: self.management,
            clusters: &self.clusters,
            pool: &self.pool,
            secure_pool: &self.secure_pool,
            used: &self.used,
            granule: self.granule,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) board: Board,
    pub(crate) request: ResourceRequest,
}

fn cpu_set() -> impl Strategy<Value = CpuSet> {
    prop_oneof![
        4 => (0usize..=16).prop_map(CpuSet::first),
        2 => (0u64..1 << 16).prop_map(|bits| CpuSet::from_words([bits, 0, 0, 0])),
        1 => any::<[u64; 4]>().prop_map(CpuSet::from_words),
        1 => Just(CpuSet::first(MAX_CPUS)),
    ]
}

fn clusters() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => Just(Vec::new()),
        3 => (1usize..9).prop_map(|size| (0u8..=255).map(|cpu| cpu / u8::try_from(size).unwrap()).collect()),
        2 => prop::collection::vec(0u8..4, 0..20),
        1 => prop::collection::vec(any::<u8>(), 0..=MAX_CPUS),
    ]
}

/// Sorted, disjoint ranges in units of `unit` bytes; some touch, some are empty.
pub(crate) fn sorted(unit: u64, max: usize) -> impl Strategy<Value = Vec<PhysRange>> {
    let gap = prop_oneof![2 => Just(0u64), 3 => 1u64..5, 1 => 0u64..200];
    let size = prop_oneof![1 => Just(0u64), 4 => 1u64..9, 1 => 0u64..300];
    prop::collection::vec((gap, size), 0..max).prop_map(move |steps| {
        let mut base = 0;
        let range = |(gap, size)| {
            let range = PhysRange::new(PhysAddr((base + gap) * unit), ByteSize(size * unit));
            base += gap + size;
            range.unwrap()
        };
        steps.into_iter().map(range).collect()
    })
}

/// Mostly sorted; sometimes two are swapped, sometimes the last one reaches up to the last address.
fn ranges(unit: u64) -> impl Strategy<Value = Vec<PhysRange>> {
    (sorted(unit, 10), 0..40u8, any::<prop::sample::Index>()).prop_map(|(mut ranges, how, index)| {
        if how == 0 && ranges.len() > 1 {
            let index = index.index(ranges.len() - 1);
            ranges.swap(index, index + 1);
        } else if how == 1 {
            ranges.extend(PhysRange::new(PhysAddr(1 << 62), ByteSize(u64::MAX - (1 << 62))));
        }
        ranges
    })
}

fn granule() -> impl Strategy<Value = ByteSize> {
    let usual = prop::sample::select(vec![12u32, 16, 21, 21, 21, 25, 30]).prop_map(|bits| 1u64 << bits);
    prop_oneof![12 => usual, 1 => Just(0u64), 1 => Just(3u64 << 20), 1 => Just(1u64 << 63)].prop_map(ByteSize)
}

fn board() -> impl Strategy<Value = Board> {
    let unit = prop::sample::select(vec![1u64 << 12, 1 << 20, 1 << 21, 3 << 20, 1 << 25]);
    (unit, granule()).prop_flat_map(|(unit, granule)| {
        let management = prop_oneof![3 => Just(CpuSet::first(1)), 1 => Just(CpuSet::EMPTY), 1 => cpu_set()];
        (cpu_set(), management, clusters(), ranges(unit), ranges(unit), ranges(unit)).prop_map(
            move |(free, management, clusters, pool, secure_pool, used)| Board {
                free,
                management,
                clusters,
                pool,
                secure_pool,
                used,
                granule,
            },
        )
    })
}

fn request(granule: ByteSize) -> impl Strategy<Value = ResourceRequest> {
    let cores = prop_oneof![16 => 1u32..12, 1 => Just(0u32), 1 => any::<u32>()];
    let memory = prop_oneof![
        16 => (1u64..12).prop_map(move |granules| granule.0.saturating_mul(granules)),
        1 => Just(0u64),
        1 => any::<u64>(),
        1 => (0u64..64).prop_map(|mib| mib << 20),
    ];
    let world = prop_oneof![3 => Just(World::NonSecure), 2 => Just(World::Secure)];
    let shared = prop_oneof![5 => Just(None), 1 => cpu_set().prop_map(Some)];
    (cores, memory, world, shared).prop_map(|(cores, memory, world, shared)| ResourceRequest {
        cores,
        memory: ByteSize(memory),
        world,
        shared,
    })
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    board().prop_flat_map(|board| {
        request(board.granule).prop_map(move |request| Case { board: board.clone(), request })
    })
}
