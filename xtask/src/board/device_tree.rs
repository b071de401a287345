//! The management partition's device tree: QEMU's own description of the board, with what the firmware adds and without
//! what it keeps for itself.

use anyhow::{Context, Result, anyhow};
use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{Node, Property, ToPropertyValue};

use super::memory_map::{
    CONSOLE_SPI, CONSOLES_BASE, CONSOLES_SIZE, EL2_BASE, EL2_SIZE, EVENT_SPI, MANAGEMENT_INITRD, POOL_BASE,
    POOL_COMPATIBLE, POOL_SIZE, VMANAGER_COMPATIBLE,
};

/// Edge-triggered SPI in an `interrupts` property of the GIC.
const GIC_SPI: u32 = 0;
const EDGE_RISING: u32 = 1;
/// INTID of SPI 0.
const FIRST_SPI: u32 = 32;

/// The tree, flattened.
///
/// # Errors
/// QEMU's tree cannot be read, or lacks what every board has.
pub(super) fn for_management(blank: &[u8], initramfs_size: u64, command_line: &str) -> Result<Vec<u8>> {
    let fdt = Fdt::new(blank).map_err(|error| anyhow!("QEMU's device tree is broken: {error}"))?;
    let mut tree = DeviceTree::from_fdt(&fdt);
    remove_hidden(&mut tree.root);
    add_psci(&mut tree.root)?;
    add_chosen(&mut tree.root, initramfs_size, command_line)?;
    tree.root.add_child(reserved_memory()?);
    tree.root.add_child(vmanager()?);
    Ok(tree.to_dtb())
}

fn node(name: &str) -> Result<DeviceTreeNode> {
    DeviceTreeNode::new(name).map_err(|error| anyhow!("Node {name}: {error}"))
}

fn set(node: &mut DeviceTreeNode, name: &str, value: impl ToPropertyValue) -> Result<()> {
    let property =
        DeviceTreeProperty::new(name, value).map_err(|error| anyhow!("Property {name}: {error}"))?;
    node.remove_property(name);
    node.add_property(property);
    Ok(())
}

fn cells(values: [u64; 2]) -> Vec<u32> {
    let halves = values.into_iter().flat_map(|value| [value >> 32, value & 0xffff_ffff]);
    halves.map(|half| u32::try_from(half).expect("half of 64 bits fits in 32")).collect()
}

/// Secure devices are the firmware's; PCIe is left out because its windows lie beyond what stage 2 maps.
fn remove_hidden(root: &mut DeviceTreeNode) {
    let hidden = |node: &DeviceTreeNode| {
        let disabled =
            node.property("status").is_some_and(|status| status.value_as::<&str>() == Ok("disabled"));
        disabled || node.name_without_address() == "pcie"
    };
    let names: Vec<_> =
        root.children().filter(|node| hidden(node)).map(|node| node.name().to_owned()).collect();
    for name in names {
        root.remove_child(&name);
    }
}

/// CPUs are turned on and off by the firmware.
fn add_psci(root: &mut DeviceTreeNode) -> Result<()> {
    let mut psci = node("psci")?;
    set(&mut psci, "compatible", &["arm,psci-1.0", "arm,psci-0.2"] as &[&str])?;
    set(&mut psci, "method", "smc")?;
    root.add_child(psci);
    let cpus = root.child_mut("cpus").context("QEMU's device tree has no CPUs")?;
    for cpu in cpus.children_mut().filter(|node| node.name().starts_with("cpu@")) {
        set(cpu, "enable-method", "psci")?;
    }
    Ok(())
}

fn add_chosen(root: &mut DeviceTreeNode, initramfs_size: u64, command_line: &str) -> Result<()> {
    let chosen = root.child_mut("chosen").context("QEMU's device tree has no node chosen")?;
    set(chosen, "linux,initrd-start", MANAGEMENT_INITRD)?;
    set(chosen, "linux,initrd-end", MANAGEMENT_INITRD + initramfs_size)?;
    set(chosen, "bootargs", command_line)
}

/// Memory that Linux sees in the board's description and must never use as its own.
fn reserved_memory() -> Result<DeviceTreeNode> {
    let mut reserved = node("reserved-memory")?;
    set(&mut reserved, "#address-cells", 2u32)?;
    set(&mut reserved, "#size-cells", 2u32)?;
    set(&mut reserved, "ranges", &[] as &[u8])?;
    let ranges = [
        ("vmanager-pool", Some(POOL_COMPATIBLE), POOL_BASE, POOL_SIZE),
        ("firmware", None, EL2_BASE, EL2_SIZE),
        ("vmanager-consoles", None, CONSOLES_BASE, CONSOLES_SIZE),
    ];
    for (name, compatible, base, size) in ranges {
        let mut range = node(&format!("{name}@{base:x}"))?;
        if let Some(compatible) = compatible {
            set(&mut range, "compatible", compatible)?;
        }
        set(&mut range, "reg", cells([base, size]))?;
        set(&mut range, "no-map", &[] as &[u8])?;
        reserved.add_child(range);
    }
    Ok(reserved)
}

/// The vManager service and the interrupt that tells of its events.
fn vmanager() -> Result<DeviceTreeNode> {
    let mut vmanager = node("vmanager")?;
    set(&mut vmanager, "compatible", VMANAGER_COMPATIBLE)?;
    set(&mut vmanager, "interrupts", [GIC_SPI, EVENT_SPI, EDGE_RISING])?;
    set(&mut vmanager, "console-interrupts", FIRST_SPI + CONSOLE_SPI)?;
    let mut firmware = node("firmware")?;
    firmware.add_child(vmanager);
    Ok(firmware)
}
