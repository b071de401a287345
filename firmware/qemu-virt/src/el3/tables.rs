//! Translation-table pages without a heap: every table hierarchy has its own fixed run of pages.

use core::ptr::NonNull;

use aarch64_paging::descriptor::{PagingAttributes, PhysicalAddress};
use aarch64_paging::paging::{PageTable, Translation};
use qemu_virt::memory_map::TABLE_SIZE;
use qemu_virt::native;

/// A run of at most 32 pages at a fixed address; the address is physical and virtual.
#[derive(Debug)]
pub(crate) struct PagePool {
    base: u64,
    count: u32,
    used: u32,
}

impl PagePool {
    /// The pages at `base`.
    ///
    /// # Safety
    /// The pages must be normal memory that nothing else uses as long as a table of this pool exists.
    pub(crate) const unsafe fn new(base: u64, count: u32) -> Self {
        assert!(count <= u32::BITS);
        Self { base, count, used: 0 }
    }

    fn index_of(&self, address: u64) -> u64 {
        (address - self.base) / TABLE_SIZE
    }
}

fn pointer<A: PagingAttributes>(address: u64) -> NonNull<PageTable<A>> {
    NonNull::new(address as *mut PageTable<A>).expect("no pool lies at address 0")
}

impl<A: PagingAttributes> Translation<A> for PagePool {
    fn allocate_table(&mut self) -> (NonNull<PageTable<A>>, PhysicalAddress) {
        let index = self.used.trailing_ones();
        assert!(index < self.count, "translation tables need more pages than the memory map gives them");
        self.used |= 1 << index;
        let address = self.base + u64::from(index) * TABLE_SIZE;
        let table = pointer::<A>(address);
        // SAFETY: the page lies in the pool, is not used (its bit was clear) and is aligned to its size.
        unsafe { table.cast::<[u64; (TABLE_SIZE / 8) as usize]>().write([0; (TABLE_SIZE / 8) as usize]) }
        (table, PhysicalAddress(native(address)))
    }

    unsafe fn deallocate_table(&mut self, table: NonNull<PageTable<A>>) {
        self.used &= !(1 << self.index_of(table.as_ptr() as u64));
    }

    fn physical_to_virtual(&self, address: PhysicalAddress) -> NonNull<PageTable<A>> {
        pointer(address.0 as u64)
    }
}
