//! Which cores and which memory a request gets: the planner of vmand, the simulator and the kernel driver as a pure
//! function, for dry runs.

use vman_core::id::{ByteSize, CpuSet, PhysAddr, PhysRange};
use vman_core::plan::{Inventory, PlanError, ResourceGrant, ResourceRequest, World};

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::guard;
use crate::partition::VMAN_CREATE_SECURE;
use crate::pointer::items;
use crate::query::VMAN_CPU_WORDS;
use crate::sized::{extensible, read_sized, sized_out};
use crate::status::vman_status;

/// In `flags` of vman_request: it shares the CPUs that `shared` names.
pub const VMAN_REQUEST_SHARED: u32 = 2;

/// A range of physical memory in bytes.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_range {
    /// First address.
    pub base: u64,
    /// Length.
    pub length: u64,
}

/// What a board has, and what of it is taken. Set `size` to sizeof. Lists of memory are sorted and disjoint; a list
/// of length 0 may be NULL.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_inventory {
    /// sizeof(vman_inventory).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Memory is given in multiples of this many bytes, a power of two.
    pub granule: u64,
    /// CPUs that no partition owns.
    pub free: [u64; VMAN_CPU_WORDS],
    /// The management partition's CPUs: never given away.
    pub management: [u64; VMAN_CPU_WORDS],
    /// Cluster of each CPU by its index; CPUs behind the end are in cluster 0.
    pub clusters: *const u8,
    /// Length of `clusters`.
    pub cluster_count: usize,
    /// Non-secure memory that partitions are made of.
    pub pool: *const vman_range,
    /// Length of `pool`.
    pub pool_count: usize,
    /// Secure memory that critical partitions are made of.
    pub secure_pool: *const vman_range,
    /// Length of `secure_pool`.
    pub secure_pool_count: usize,
    /// Memory that is taken or reserved.
    pub used: *const vman_range,
    /// Length of `used`.
    pub used_count: usize,
}
extensible!(vman_inventory, 144, {
    size: u32, reserved: u32, granule: u64, free: [u64; VMAN_CPU_WORDS], management: [u64; VMAN_CPU_WORDS],
    clusters: *const u8, cluster_count: usize, pool: *const vman_range, pool_count: usize,
    secure_pool: *const vman_range, secure_pool_count: usize, used: *const vman_range, used_count: usize,
});

/// What a new partition shall have. Set `size` to sizeof.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_request {
    /// sizeof(vman_request).
    pub size: u32,
    /// Number of CPUs.
    pub cores: u32,
    /// Bytes, a multiple of the granule.
    pub memory: u64,
    /// VMAN_CREATE_SECURE, VMAN_REQUEST_SHARED, or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// With VMAN_REQUEST_SHARED: the CPUs of the non-secure partition.
    pub shared: [u64; VMAN_CPU_WORDS],
}
extensible!(vman_request, 56, {
    size: u32, cores: u32, memory: u64, flags: u32, reserved: u32, shared: [u64; VMAN_CPU_WORDS],
});

/// What a new partition gets. Set `size` to sizeof.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_grant {
    /// sizeof(vman_grant).
    pub size: u32,
    /// 1 if the CPUs are another partition's, which keeps them.
    pub shared: u32,
    /// Its CPUs.
    pub cpus: [u64; VMAN_CPU_WORDS],
    /// Its memory, contiguous.
    pub memory: vman_range,
}
extensible!(vman_grant, 56, { size: u32, shared: u32, cpus: [u64; VMAN_CPU_WORDS], memory: vman_range });

/// Chooses cores and memory. Nothing is sent and nothing is taken: the same choice as vmand's board makes.
///
/// Fails with VMAN_STATUS_NO_RESOURCES, VMAN_STATUS_INVALID_ARGUMENT (no cores, no whole granules, sharing that is
/// not secure), VMAN_STATUS_UNSUPPORTED, and VMAN_STATUS_INTERNAL for an inventory that is wrong in itself (lists that
/// are not sorted, a granule that is no power of two).
///
/// # Safety
/// `inventory` is a structure whose lists have their lengths, `request` a structure, `grant` a structure with its
/// size, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_plan(
    inventory: *const vman_inventory,
    request: *const vman_request,
    grant: *mut vman_grant,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let inventory = unsafe { read_sized(inventory, "inventory") }?;
        // SAFETY: promised by the caller.
        let request = resource_request(&unsafe { read_sized(request, "request") }?)?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(grant, "grant") }?;
        // SAFETY: the caller promises that the lists have their lengths.
        let lists = unsafe { Lists::new(&inventory) }?;
        let granted = vman_core::plan::plan(&lists.inventory(&inventory), &request)?;
        place.write(vman_grant::from(&granted));
        Ok(())
    })
}

/// The lists of an inventory in Rust.
struct Lists<'a> {
    clusters: &'a [u8],
    pool: Vec<PhysRange>,
    secure_pool: Vec<PhysRange>,
    used: Vec<PhysRange>,
}

impl<'a> Lists<'a> {
    /// # Safety
    /// The lists are NULL, or have their lengths for `'a`.
    unsafe fn new(inventory: &vman_inventory) -> Result<Self, Failure> {
        let vman_inventory { pool, pool_count, secure_pool, secure_pool_count, used, used_count, .. } =
            *inventory;
        // SAFETY: promised by the caller.
        let clusters = unsafe { items(inventory.clusters, inventory.cluster_count, "clusters") }?;
        // SAFETY: promised by the caller.
        let pool = unsafe { items(pool, pool_count, "pool") }?;
        // SAFETY: promised by the caller.
        let secure_pool = unsafe { items(secure_pool, secure_pool_count, "secure_pool") }?;
        // SAFETY: promised by the caller.
        let used = unsafe { items(used, used_count, "used") }?;
        Ok(Self {
            clusters,
            pool: ranges(pool, "pool")?,
            secure_pool: ranges(secure_pool, "secure_pool")?,
            used: ranges(used, "used")?,
        })
    }

    fn inventory(&self, inventory: &vman_inventory) -> Inventory<'_> {
        Inventory {
            free: CpuSet::from_words(inventory.free),
            management: CpuSet::from_words(inventory.management),
            clusters: self.clusters,
            pool: &self.pool,
            secure_pool: &self.secure_pool,
            used: &self.used,
            granule: ByteSize(inventory.granule),
        }
    }
}

fn ranges(list: &[vman_range], name: &str) -> Result<Vec<PhysRange>, Failure> {
    let range = |(index, range): (usize, &vman_range)| {
        let rule = || format!("entry {index} goes past the last address");
        PhysRange::new(PhysAddr(range.base), ByteSize(range.length))
            .ok_or_else(|| Failure::argument(name, rule()))
    };
    list.iter().enumerate().map(range).collect()
}

fn resource_request(request: &vman_request) -> Result<ResourceRequest, Failure> {
    let flag = |flag| request.flags & flag != 0;
    if flag(!(VMAN_CREATE_SECURE | VMAN_REQUEST_SHARED)) {
        return Err(Failure::argument("flags", format_args!("{:#x} has unknown bits", request.flags)));
    }
    Ok(ResourceRequest {
        cores: request.cores,
        memory: ByteSize(request.memory),
        world: if flag(VMAN_CREATE_SECURE) { World::Secure } else { World::NonSecure },
        shared: flag(VMAN_REQUEST_SHARED).then_some(CpuSet::from_words(request.shared)),
    })
}

impl From<&ResourceGrant> for vman_grant {
    fn from(grant: &ResourceGrant) -> Self {
        let memory = vman_range { base: grant.memory.base().0, length: grant.memory.size().0 };
        Self { size: 0, shared: grant.shared.into(), cpus: grant.cpus.words(), memory }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}
