//! Random calls from random CPUs, in any order with what the CPUs do, against what must always hold.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;
use vman_core::abi::smc::{Completion, FaultReason, FunctionId, SmcCall, Status};
use vman_core::id::{CpuId, CpuSet, PartitionId, PhysRange};
use vman_core::state::{Next, Operation, PartitionState};

use crate::fake::{CPUS, Core, MIB, POOL, POOL_SIZE, Rig, SECURE, SECURE_SIZE, mpidr, range};

#[derive(Debug, Clone)]
enum Step {
    /// An SMC of a CPU that runs.
    Smc(u16, SmcCall),
    /// A call of the management partition for the n-th partition (modulo their number), with good addresses.
    Operate(FunctionId, usize),
    /// A CPU of a partition starts the n-th CPU of the board in its own memory.
    CpuOn(u16, u16),
    /// A CPU does what it was told.
    Obey(u16),
    /// A link between the n-th and the m-th partition.
    Link(usize, usize, u64),
    Fault(u16),
    /// Entries that no sane platform makes.
    SpuriousKick(u16),
    SpuriousLook(u16),
}

fn small_or_wild() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0u64..6,
        1 => any::<u64>(),
        1 => Just(u64::MAX),
        1 => Just(1 << 32),
    ]
}

fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => (0u64..40).prop_map(|n| POOL + n * 2 * MIB),
        2 => (0u64..10).prop_map(|n| SECURE + n * 2 * MIB),
        1 => any::<u64>(),
        1 => Just(0x4020_0000),
    ]
}

fn create() -> impl Strategy<Value = SmcCall> {
    let flags = prop_oneof![6 => Just(0u64), 1 => Just(1), 1 => any::<u64>()];
    let size = prop_oneof![6 => (1u64..6).prop_map(|n| n * 2 * MIB), 1 => any::<u64>()];
    let cpus = prop_oneof![8 => 1u64..256, 1 => any::<u64>()];
    let high = prop_oneof![9 => Just(0u64), 1 => any::<u64>()];
    (flags, address(), size, cpus, high).prop_map(|(flags, base, size, cpus, high)| {
        SmcCall::new(FunctionId::PartCreate, &[flags, base, size, cpus, high])
    })
}

fn service() -> impl Strategy<Value = SmcCall> {
    let functions = prop::sample::select(FunctionId::ALL.to_vec());
    (functions, small_or_wild(), address(), address())
        .prop_map(|(function, a, b, c)| SmcCall::new(function, &[a, b, c]))
}

/// Sensible operations on one of the partitions that exist.
fn operation() -> impl Strategy<Value = Step> {
    use FunctionId::{PartDestroy, PartResume, PartStart, PartStop, PartSuspend};
    let functions = [PartStart, PartStart, PartStart, PartStop, PartSuspend, PartResume, PartDestroy];
    (prop::sample::select(functions.to_vec()), any::<u8>())
        .prop_map(|(function, which)| Step::Operate(function, which.into()))
}

fn psci() -> impl Strategy<Value = SmcCall> {
    let functions = prop::sample::select(std::vec![
        0x8400_0000u64,
        0xc400_0001,
        0x8400_0002,
        0xc400_0003,
        0xc400_0003,
        0x8400_0003,
        0xc400_0004,
        0x8400_0006,
        0x8400_0008,
        0x8400_0009,
        0x8400_000a,
        0x8000_0000,
        0x8000_0001,
    ]);
    let target = prop_oneof![8 => (0u64..8).prop_map(|cpu| ((cpu / 4) << 8) | (cpu % 4)), 1 => any::<u64>()];
    (functions, target, address(), any::<u64>())
        .prop_map(|(function, a, b, c)| SmcCall { function, args: [a, b, c, 0, 0, 0, 0] })
}

fn wild() -> impl Strategy<Value = SmcCall> {
    (any::<u64>(), any::<[u64; 7]>()).prop_map(|(function, args)| SmcCall { function, args })
}

fn step() -> impl Strategy<Value = Step> {
    let call = prop_oneof![3 => create(), 6 => service(), 6 => psci(), 1 => wild()];
    let caller = prop_oneof![3 => Just(0u16), 2 => 0..CPUS];
    prop_oneof![
        10 => (caller, call).prop_map(|(cpu, call)| Step::Smc(cpu, call)),
        10 => operation(),
        3 => (0..CPUS, 0..CPUS).prop_map(|(caller, target)| Step::CpuOn(caller, target)),
        20 => (0..CPUS).prop_map(Step::Obey),
        3 => (any::<u8>(), any::<u8>(), address())
            .prop_map(|(one, other, base)| Step::Link(one.into(), other.into(), base)),
        1 => (1..CPUS).prop_map(Step::Fault),
        1 => (0..CPUS).prop_map(Step::SpuriousKick),
        1 => (0..CPUS + 2).prop_map(Step::SpuriousLook),
    ]
}

/// What the test remembers from step to step.
#[derive(Default)]
struct Model {
    states: BTreeMap<PartitionId, PartitionState>,
    highest: u32,
}

fn run(rig: &mut Rig, step: &Step) {
    match step {
        Step::Smc(cpu, call) => {
            if matches!(rig.cores[usize::from(*cpu)], Core::Running(_)) && !ends_the_test(rig, *cpu, call) {
                rig.smc(*cpu, *call);
            }
        }
        Step::Operate(function, which) => operate(rig, *function, *which),
        Step::CpuOn(caller, target) => {
            if let Core::Running(owner) = rig.cores[usize::from(*caller)] {
                let entry =
                    rig.recorder.memory.get(&owner).map_or(0x4020_0000, |(memory, _)| memory.base().0);
                rig.psci(*caller, 0xc400_0003, [mpidr(*target).0, entry, 0]);
            }
        }
        Step::Obey(cpu) => {
            rig.obey_one(CpuId(*cpu));
        }
        Step::Link(one, other, base) => {
            let ids: Vec<u64> = rig.recorder.memory.keys().map(|id| id.0.into()).collect();
            if !ids.is_empty() {
                let ends = [one, other].map(|which| ids[which % ids.len()]);
                let _ = rig.call(FunctionId::LinkCreate, &[ends[0], ends[1], *base]);
            }
        }
        Step::Fault(cpu) => {
            if matches!(rig.cores[usize::from(*cpu)], Core::Running(_)) {
                rig.fault(*cpu, FaultReason::Memory);
            }
        }
        Step::SpuriousKick(cpu) => match rig.cores[usize::from(*cpu)] {
            Core::Running(owner) | Core::Held(owner) => rig.ask(CpuId(*cpu), owner),
            Core::Parked | Core::Parking => {
                let kick = rig.monitor.on_kick(CpuId(*cpu), &mut rig.recorder);
                if rig.cores[usize::from(*cpu)] == Core::Parked {
                    assert_eq!(kick, crate::monitor::Kick::Park);
                }
            }
        },
        Step::SpuriousLook(cpu) => {
            if rig.cores.get(usize::from(*cpu)).is_none_or(|core| *core == Core::Parked) {
                if usize::from(*cpu) < rig.cores.len() {
                    rig.look(CpuId(*cpu));
                } else {
                    assert_eq!(rig.monitor.on_parked(CpuId(*cpu)), None);
                }
            }
        }
    }
}

/// What the management partition would not do to itself: it turns the machine off, or the CPU off that checks.
fn ends_the_test(rig: &Rig, cpu: u16, call: &SmcCall) -> bool {
    let managed = rig.cores[usize::from(cpu)] == Core::Running(PartitionId::MANAGEMENT);
    match call.function & 0xffff_ffff {
        0x8400_0008 | 0x8400_0009 => managed,
        0x8400_0002 => cpu == 0,
        _ => false,
    }
}

fn operate(rig: &mut Rig, function: FunctionId, which: usize) {
    let count = rig.recorder.memory.len().max(1);
    if let Some((id, (memory, _))) = rig.recorder.memory.iter().nth(which % count) {
        let (id, base) = (u64::from(id.0), memory.base().0);
        let _ = rig.call(function, &[id, base, base]);
    }
}

/// Some operation of the table leads there, or a power-off by the partition itself.
fn is_legal(from: PartitionState, to: PartitionState) -> bool {
    from == to || Operation::ALL.into_iter().any(|operation| from.after(operation) == Ok(Next::State(to)))
}

fn cpus_of(rig: &mut Rig, id: u64) -> CpuSet {
    let [w0, w1, w2] = rig.ok(FunctionId::PartInfo, &[id, 1]);
    let [w3, ..] = rig.ok(FunctionId::PartInfo, &[id, 2]);
    CpuSet::from_words([w0, w1, w2, w3])
}

/// Everything that must hold after every step, as the management partition sees it.
fn check(rig: &mut Rig, model: &mut Model) {
    let mut owned = CpuSet::EMPTY;
    let mut ranges = Vec::new();
    let mut states = BTreeMap::new();
    let mut id = 0;
    loop {
        [id, ..] = rig.ok(FunctionId::PartNext, &[id]);
        if id == 0 {
            break;
        }
        let partition = PartitionId(u32::try_from(id).unwrap());
        let [status, base, size] = rig.ok(FunctionId::PartInfo, &[id, 0]);
        let status = Status::from_register(status).expect("a legal status");
        let memory = range(base, size);
        assert!(range(POOL, POOL_SIZE).encloses(memory) || range(SECURE, SECURE_SIZE).encloses(memory));
        assert!(ranges.iter().all(|other| !memory.overlaps(*other)), "memory with two owners");
        ranges.push(memory);
        let cpus = cpus_of(rig, id);
        assert!(!cpus.is_empty() && owned.intersection(&cpus).is_empty(), "a CPU with two owners");
        owned = owned.union(&cpus);
        check_cores(rig, partition, &cpus, status);
        let open = status.state == PartitionState::Ready && status.pending.is_none();
        assert_eq!(rig.recorder.memory[&partition], (memory, open));
        match model.states.get(&partition) {
            Some(before) => assert!(is_legal(*before, status.state), "{before} became {}", status.state),
            None => assert!(partition.0 > model.highest, "a number was used again"),
        }
        model.highest = model.highest.max(partition.0);
        states.insert(partition, status.state);
    }
    for (gone, state) in &model.states {
        assert!(states.contains_key(gone) || *state == PartitionState::Ready, "{state} partition vanished");
    }
    assert_eq!(rig.recorder.memory.len(), states.len());
    check_links(rig, &ranges, &states);
    for cpu in 0..CPUS {
        let [_, owner, _] = rig.ok(FunctionId::CpuInfo, &[cpu.into()]);
        assert_eq!(owner != 0, owned.contains(CpuId(cpu)));
    }
    assert!(!owned.contains(CpuId(0)), "the boot CPU was given away");
    model.states = states;
}

/// Links lie in the pool, in nobody's memory, and join partitions that exist.
fn check_links(rig: &mut Rig, ranges: &[PhysRange], states: &BTreeMap<PartitionId, PartitionState>) {
    let mut links = Vec::new();
    loop {
        let [ends, base, size] = rig.ok(FunctionId::LinkInfo, &[links.len() as u64]);
        if ends == 0 {
            break;
        }
        let memory = range(base, size);
        assert!(range(POOL, POOL_SIZE).encloses(memory));
        assert!(ranges.iter().chain(&links).all(|other| !memory.overlaps(*other)), "a link with other uses");
        let ends = [ends, ends >> 32].map(|end| PartitionId(u32::try_from(end & 0xffff_ffff).unwrap()));
        assert!(ends[0] != ends[1] && ends.iter().all(|end| states.contains_key(end)), "a link with nobody");
        assert_eq!(rig.recorder.links[&memory].0, ends);
        links.push(memory);
    }
    assert_eq!(rig.recorder.links.len(), links.len());
}

/// No CPU runs another partition's code, or code of a partition that does not run.
fn check_cores(rig: &Rig, id: PartitionId, cpus: &CpuSet, status: Status) {
    for cpu in cpus.iter() {
        let core = rig.cores[cpu.index()];
        if let Core::Running(owner) | Core::Held(owner) = core {
            assert_eq!(owner, id);
        }
        match status.state {
            PartitionState::Ready => assert_eq!(core, Core::Parked, "a CPU of a READY partition"),
            PartitionState::Suspended => assert!(!matches!(core, Core::Running(_))),
            PartitionState::Deployed => {}
        }
    }
}

/// Once every CPU has done what it was told, nothing is under way any more and everything can be released.
fn release_everything(rig: &mut Rig) {
    rig.obey();
    loop {
        let [id, ..] = rig.ok(FunctionId::PartNext, &[0]);
        if id == 0 {
            break;
        }
        let [status, ..] = rig.ok(FunctionId::PartInfo, &[id, 0]);
        let pending = Status::from_register(status).unwrap().pending;
        assert!(matches!(pending, None | Some(Operation::Destroy)), "{pending:?} never completes");
        let _ = rig.call(FunctionId::PartStop, &[id]);
        rig.obey();
        let mut calls = 0;
        while rig.call(FunctionId::PartDestroy, &[id]).expect("a stopped partition") == Completion::Pending {
            calls += 1;
            assert!(calls <= POOL_SIZE / (2 * MIB), "destroy never completes");
        }
    }
    assert!(rig.recorder.memory.is_empty() && rig.recorder.links.is_empty());
    assert!(
        rig.cores.iter().all(|core| matches!(core, Core::Parked | Core::Running(PartitionId::MANAGEMENT)))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_calls_breaks_a_rule(steps in prop::collection::vec(step(), 1..120)) {
        let mut rig = Rig::new();
        let mut model = Model::default();
        for step in &steps {
            run(&mut rig, step);
            check(&mut rig, &mut model);
        }
        release_everything(&mut rig);
    }
}
