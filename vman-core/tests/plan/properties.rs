//! Rules that hold for any board and request, against models that try everything.

use std::collections::BTreeMap;

use proptest::prelude::*;
use vman_core::id::{ByteSize, CpuId, CpuSet, PhysAddr, PhysRange};
use vman_core::plan::{
    BASE_ALIGNMENT, Book, Inventory, PlanError, ResourceGrant, ResourceRequest, World, plan,
};

use crate::cases::{Case, case, sorted};

const MIB: u64 = 1 << 20;

fn lies_in(pool: &[PhysRange], range: PhysRange) -> bool {
    let mut covered = range.base();
    for part in pool.iter().filter(|part| part.overlaps(range)) {
        if part.base() > covered {
            return false;
        }
        covered = covered.max(part.end());
    }
    covered >= range.end()
}

/// What is wrong with a grant, if anything.
fn fault(case: &Case, grant: &ResourceGrant) -> Option<&'static str> {
    let Case { board, request } = case;
    let pool = if request.world == World::Secure { &board.secure_pool } else { &board.pool };
    let from = request.shared.unwrap_or(board.free);
    let alignment = board.granule.max(BASE_ALIGNMENT).0;
    [
        (grant.cpus.len() != usize::try_from(request.cores).unwrap(), "another number of cores"),
        (!grant.cpus.difference(&from).is_empty(), "cores that are not free"),
        (!grant.cpus.intersection(&board.management).is_empty(), "cores of the management partition"),
        (grant.memory.size() != request.memory, "another size"),
        (!grant.memory.base().0.is_multiple_of(alignment), "memory that is not aligned"),
        (!lies_in(pool, grant.memory), "memory outside the pool"),
        (board.used.iter().any(|used| used.overlaps(grant.memory)), "memory in use"),
    ]
    .into_iter()
    .find_map(|(wrong, what)| wrong.then_some(what))
}

/// Whether there is room, by trying every base.
fn has_room(pool: &[PhysRange], used: &[PhysRange], granule: u64, wanted: u64) -> bool {
    let alignment = granule.max(BASE_ALIGNMENT.0);
    let end = pool.last().map_or(0, |range| range.end().0);
    (0..end).step_by(usize::try_from(alignment).unwrap()).any(|base| {
        let range = PhysRange::new(PhysAddr(base), ByteSize(wanted)).unwrap();
        lies_in(pool, range) && !used.iter().any(|used| used.overlaps(range))
    })
}

/// The fewest clusters that have `wanted` CPUs of `available` together.
fn fewest_clusters(clusters: &[u8], available: CpuSet, wanted: usize) -> usize {
    let mut counts: Vec<_> = by_cluster(clusters, available).into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0;
    let enough = counts.iter().position(|count| {
        sum += count;
        sum >= wanted
    });
    enough.map_or(0, |index| index + 1)
}

fn by_cluster(clusters: &[u8], cpus: CpuSet) -> BTreeMap<u8, usize> {
    let mut counts = BTreeMap::new();
    for cpu in cpus.iter() {
        *counts.entry(clusters.get(cpu.index()).copied().unwrap_or(0)).or_insert(0) += 1;
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn grant_overlaps_nothing_and_takes_nothing_that_is_reserved(case in case()) {
        if let Ok(grant) = plan(&case.board.inventory(), &case.request) {
            prop_assert_eq!(fault(&case, &grant), None);
        }
    }

    #[test]
    fn same_question_gets_the_same_answer(case in case()) {
        let copy = case.clone();
        prop_assert_eq!(
            plan(&case.board.inventory(), &case.request),
            plan(&copy.board.inventory(), &copy.request)
        );
    }

    #[test]
    fn room_is_found_whenever_there_is_room(
        pool in sorted(MIB, 6), used in sorted(MIB, 8), granule_bits in 18u32..24, granules in 1u64..12,
    ) {
        let granule = 1 << granule_bits;
        let wanted = granules * granule;
        let board = Inventory {
            free: CpuSet::first(1),
            pool: &pool,
            used: &used,
            granule: ByteSize(granule),
            ..Inventory::default()
        };
        let request =
            ResourceRequest { cores: 1, memory: ByteSize(wanted), world: World::NonSecure, shared: None };
        let found = plan(&board, &request);
        prop_assert_eq!(found.is_ok(), has_room(&pool, &used, granule, wanted), "{:?}", found);
    }

    #[test]
    fn cores_lie_in_as_few_clusters_as_possible(case in case()) {
        let available = case.board.free.difference(&case.board.management);
        if let (Ok(grant), None) = (plan(&case.board.inventory(), &case.request), case.request.shared) {
            let clusters = &case.board.clusters;
            let fewest = fewest_clusters(clusters, available, grant.cpus.len());
            prop_assert_eq!(by_cluster(clusters, grant.cpus).len(), fewest);
        }
    }

    #[test]
    fn figures_of_a_refusal_are_true(case in case()) {
        let inventory = case.board.inventory();
        if let Err(PlanError::Fragmented { wanted, free, largest, world }
            | PlanError::NotEnoughMemory { wanted, free, largest, world }) = plan(&inventory, &case.request)
        {
            let figures = inventory.memory(world).unwrap();
            prop_assert_eq!((figures.free, figures.largest), (free, largest));
            prop_assert!(largest < wanted && largest <= free && free <= figures.total);
            let alone = ResourceRequest { memory: largest, ..case.request };
            prop_assert!(largest == ByteSize::ZERO || plan(&inventory, &alone).is_ok());
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Take(u32, u64, World, bool),
    GiveBack(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let world = prop_oneof![4 => Just(World::NonSecure), 1 => Just(World::Secure)];
    prop_oneof![
        3 => (1u32..6, 1u64..20, world, any::<bool>()).prop_map(|(cores, granules, world, shares)| {
            Step::Take(cores, granules * 2 * MIB, world, shares)
        }),
        2 => any::<prop::sample::Index>().prop_map(Step::GiveBack),
    ]
}

fn range(base_mib: u64, size_mib: u64) -> PhysRange {
    PhysRange::new(PhysAddr(base_mib * MIB), ByteSize(size_mib * MIB)).unwrap()
}

fn new_book() -> Book {
    let clusters: Vec<u8> = (0..32).map(|cpu| cpu / 4).collect();
    let inventory = Inventory {
        free: CpuSet::first(32),
        management: [CpuId(0), CpuId(5)].into_iter().collect(),
        clusters: &clusters,
        pool: &[range(1024, 101), range(2048, 64), range(2112, 32)],
        secure_pool: &[range(14, 16)],
        used: &[range(1030, 3)],
        granule: ByteSize(2 * MIB),
    };
    Book::new(&inventory).unwrap()
}

/// Two grants have nothing in common, but CPUs if one shares.
fn are_apart(one: &ResourceGrant, other: &ResourceGrant) -> bool {
    let cpus = one.shared || other.shared || one.cpus.intersection(&other.cpus).is_empty();
    cpus && !one.memory.overlaps(other.memory)
}

fn take(book: &mut Book, live: &mut Vec<ResourceGrant>, step: (u32, u64, World, bool)) {
    let (cores, memory, world, shares) = step;
    let host = live.iter().find(|grant| !grant.shared).filter(|_| shares && world == World::Secure);
    let request =
        ResourceRequest { cores, memory: ByteSize(memory), world, shared: host.map(|host| host.cpus) };
    let before = book.clone();
    match book.take(&request) {
        Ok(grant) => {
            assert!(live.iter().all(|other| are_apart(&grant, other)), "{grant:?} {live:?}");
            live.push(grant);
        }
        Err(_) => assert_eq!(*book, before),
    }
}

proptest! {
    #[test]
    fn book_never_gives_twice_and_everything_comes_back(steps in prop::collection::vec(step(), 0..60)) {
        let (mut book, mut live) = (new_book(), Vec::new());
        for step in steps {
            match step {
                Step::Take(cores, memory, world, shares) => {
                    take(&mut book, &mut live, (cores, memory, world, shares));
                }
                Step::GiveBack(index) if !live.is_empty() => {
                    let grant = live.swap_remove(index.index(live.len()));
                    book.give_back(&grant).unwrap();
                    prop_assert!(book.give_back(&grant).is_err());
                }
                Step::GiveBack(_) => {}
            }
        }
        for grant in live {
            book.give_back(&grant).unwrap();
        }
        prop_assert_eq!(book, new_book());
    }
}
