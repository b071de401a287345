use super::*;
use crate::id::PhysAddr;

const MIB: u64 = 1 << 20;

fn range(base_mib: u64, size_mib: u64) -> PhysRange {
    PhysRange::new(PhysAddr(base_mib * MIB), ByteSize(size_mib * MIB)).unwrap()
}

fn request(cores: u32, memory_mib: u64) -> ResourceRequest {
    ResourceRequest { cores, memory: ByteSize(memory_mib * MIB), world: World::NonSecure, shared: None }
}

fn board<'a>(pool: &'a [PhysRange], used: &'a [PhysRange]) -> Inventory<'a> {
    Inventory {
        free: CpuSet::first(8),
        management: CpuSet::first(1),
        clusters: &[0, 0, 0, 0, 1, 1, 1, 1],
        pool,
        used,
        granule: ByteSize(2 * MIB),
        ..Inventory::default()
    }
}

#[test]
fn partition_lies_in_the_cluster_that_fits_best() {
    let pool = [range(1024, 1024)];
    let board = board(&pool, &[]);
    let cpus = |cores| plan(&board, &request(cores, 2)).unwrap().cpus.to_string();
    assert_eq!([1, 3, 4, 5, 7].map(cpus), ["1", "1-3", "4-7", "1,4-7", "1-7"]);
}

#[test]
fn smallest_hole_that_is_large_enough_is_taken() {
    let pool = [range(0, 64)];
    let used = [range(16, 2), range(22, 2), range(30, 2)];
    let memory = |mib| plan(&board(&pool, &used), &request(1, mib)).unwrap().memory;
    assert_eq!([2, 4, 6, 8, 16, 18].map(memory).map(|range| range.base().0 / MIB), [18, 18, 24, 0, 0, 32]);
}

#[test]
fn pools_that_touch_are_one() {
    let pool = [range(0, 4), range(4, 0), range(4, 4), range(16, 4)];
    let grant = plan(&board(&pool, &[]), &request(1, 8)).unwrap();
    assert_eq!(grant.memory, range(0, 8));
}

#[test]
fn empty_pool_range_hides_no_range_in_use() {
    let pool = [range(4, 0), range(8, 8)];
    let refused = plan(&board(&pool, &[range(2, 14)]), &request(1, 2));
    assert!(matches!(refused, Err(PlanError::NotEnoughMemory { free: ByteSize::ZERO, .. })), "{refused:?}");
}

#[test]
fn refusals_name_rule_and_figures() {
    let pool = [range(0, 8)];
    let used = [range(2, 2)];
    let text = |cores, mib| plan(&board(&pool, &used), &request(cores, mib)).unwrap_err().to_string();
    assert_eq!(text(0, 2), "A partition needs at least one core");
    assert_eq!(text(1, 0), "A partition needs memory");
    assert_eq!(text(1, 3), "Memory of 3 MiB is not a multiple of 2 MiB");
    assert_eq!(text(8, 2), "8 cores asked, 7 free");
    assert_eq!(text(1, 8), "8 MiB of non-secure memory asked, 6 MiB free, 4 MiB in one piece");
    assert_eq!(
        text(1, 6),
        "6 MiB of non-secure memory asked in one piece, the largest of 6 MiB free is 4 MiB"
    );
}

#[test]
fn unsorted_lists_are_refused() {
    let sorted = [range(0, 8), range(8, 8)];
    let unsorted = [range(8, 8), range(0, 8)];
    let refused = |pool, used| plan(&board(pool, used), &request(1, 2)).unwrap_err();
    assert_eq!(refused(&unsorted, &sorted), PlanError::NotSorted { list: List::Pool, index: 1 });
    assert_eq!(refused(&sorted, &unsorted), PlanError::NotSorted { list: List::Used, index: 1 });
}

#[test]
fn critical_partition_shares_the_lowest_cpus_of_the_other() {
    let secure_pool = [range(0, 16)];
    let board = Inventory { secure_pool: &secure_pool, ..board(&[], &[]) };
    let shared = Some([4, 5, 6].into_iter().map(crate::id::CpuId).collect());
    let request = ResourceRequest { world: World::Secure, shared, ..request(2, 16) };
    let grant = plan(&board, &request).unwrap();
    assert_eq!((grant.cpus.to_string().as_str(), grant.shared), ("4-5", true));
    let world = World::NonSecure;
    assert_eq!(plan(&board, &ResourceRequest { world, ..request }), Err(PlanError::SharedNotSecure));
}

#[test]
fn granules_are_taken_from_the_top_and_given_back() {
    let pool = [range(0, 6)];
    let mut book = Book::new(&board(&pool, &[range(2, 2)])).unwrap();
    let first = book.take_granule();
    assert_eq!((first, book.take_granule()), (Some(range(4, 2)), Some(range(0, 2))));
    assert_eq!(book.take_granule(), None);
    assert_eq!(book.memory(World::NonSecure).free, ByteSize::ZERO);
    book.give_granule_back(range(4, 2));
    book.give_granule_back(range(6, 2));
    assert_eq!(book.take_granule(), first);
}
