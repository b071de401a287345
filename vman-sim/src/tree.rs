//! The board's own device tree.

use vm_fdt::{Error, FdtWriter};
use vman_core::id::CpuId;

use crate::config::SimConfig;

/// Writes the board's tree, shaped like that of the emulated ARMv8 board.
pub(crate) fn board_tree(config: &SimConfig) -> Result<Vec<u8>, Error> {
    let mut fdt = FdtWriter::new()?;
    let root = fdt.begin_node("")?;
    fdt.property_string("model", &config.model)?;
    fdt.property_string("compatible", "linux,dummy-virt")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    let cpus = fdt.begin_node("cpus")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 0)?;
    for cpu in config.all_cpus().iter() {
        cpu_node(&mut fdt, config, cpu)?;
    }
    fdt.end_node(cpus)?;
    let range = config.management_range();
    let memory = fdt.begin_node(&format!("memory@{:x}", range.base().0))?;
    fdt.property_string("device_type", "memory")?;
    fdt.property_array_u64("reg", &[range.base().0, range.size().0])?;
    fdt.end_node(memory)?;
    let psci = fdt.begin_node("psci")?;
    fdt.property_string_list("compatible", vec!["arm,psci-1.0".into(), "arm,psci-0.2".into()])?;
    fdt.property_string("method", "smc")?;
    fdt.end_node(psci)?;
    fdt.end_node(root)?;
    fdt.finish()
}

fn cpu_node(fdt: &mut FdtWriter, config: &SimConfig, cpu: CpuId) -> Result<(), Error> {
    let mpidr = config.mpidr(cpu);
    let node = fdt.begin_node(&format!("cpu@{:x}", mpidr.0))?;
    fdt.property_string("device_type", "cpu")?;
    fdt.property_string("compatible", "arm,cortex-a76")?;
    fdt.property_u64("reg", mpidr.0)?;
    fdt.property_string("enable-method", "psci")?;
    fdt.end_node(node)
}
