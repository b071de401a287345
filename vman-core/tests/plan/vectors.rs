//! `tests/vectors/plan.json`: boards, requests and what the planner answers.
//!
//! `AIVIRT_REWRITE=1 cargo test -p vman-core --test plan vectors` writes the file anew from a fixed seed. Numbers of 64
//! bits are strings in hexadecimal, for not every JSON reader keeps them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use vman_core::id::{ByteSize, CpuSet, PhysAddr, PhysRange};
use vman_core::plan::{PlanError, ResourceRequest, World, plan};

use crate::cases::{Board, Case, case};

/// Cases of each kind of answer.
const PER_ANSWER: usize = 16;
/// Every name of an answer that the file must hold.
const ANSWERS: [&str; 13] = [
    "BadGranule",
    "Fragmented",
    "NoCores",
    "NoMemory",
    "NoPool",
    "NotAMultiple",
    "NotEnoughCores",
    "NotEnoughMemory",
    "NotEnoughSharedCores",
    "NotSorted",
    "Ok",
    "SharedNotSecure",
    "SharedWithManagement",
];

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/plan.json")
}

fn committed() -> Vec<Value> {
    let text = std::fs::read_to_string(path()).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn committed_cases() -> Vec<Case> {
    committed().iter().map(decode).collect()
}

#[test]
fn planner_answers_the_vectors() {
    if std::env::var_os("AIVIRT_REWRITE").is_some() {
        rewrite();
    }
    let mut seen = BTreeMap::new();
    for vector in committed() {
        let expected = &vector["answer"];
        assert_eq!(answer(&decode(&vector)), *expected, "{vector}");
        *seen.entry(expected["status"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert!(seen.keys().map(String::as_str).eq(ANSWERS), "{seen:?}");
    assert!(seen.values().all(|count| *count >= PER_ANSWER), "{seen:?}");
}

/// Keeps the first cases of each kind of answer, and more of those that succeed.
fn rewrite() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    while counts.len() < ANSWERS.len() || counts.values().any(|count| *count < PER_ANSWER) {
        let case = case().new_tree(&mut runner).unwrap().current();
        let answer = answer(&case);
        let status = answer["status"].as_str().unwrap().to_owned();
        let count = counts.entry(status.clone()).or_insert(0);
        if *count < if status == "Ok" { 8 * PER_ANSWER } else { PER_ANSWER } {
            *count += 1;
            lines.push(encode(&case, &answer).to_string());
        }
    }
    std::fs::write(path(), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}

fn hex(value: u64) -> Value {
    json!(format!("{value:#x}"))
}

fn set(set: CpuSet) -> Value {
    set.words().map(hex).to_vec().into()
}

fn range(range: &PhysRange) -> Value {
    json!([hex(range.base().0), hex(range.size().0)])
}

fn encode(case: &Case, answer: &Value) -> Value {
    let Case { board, request } = case;
    json!({
        "free": set(board.free),
        "management": set(board.management),
        "clusters": board.clusters,
        "pool": board.pool.iter().map(range).collect::<Vec<_>>(),
        "secure_pool": board.secure_pool.iter().map(range).collect::<Vec<_>>(),
        "used": board.used.iter().map(range).collect::<Vec<_>>(),
        "granule": hex(board.granule.0),
        "cores": request.cores,
        "memory": hex(request.memory.0),
        "secure": request.world == World::Secure,
        "shared": request.shared.map(set),
        "answer": answer,
    })
}

fn answer(case: &Case) -> Value {
    match plan(&case.board.inventory(), &case.request) {
        Ok(grant) => json!({ "status": "Ok", "cpus": set(grant.cpus), "memory": range(&grant.memory) }),
        Err(error) => refusal(error),
    }
}

fn refusal(error: PlanError) -> Value {
    let debug = format!("{error:?}");
    let status = debug.split([' ', '{']).next().unwrap();
    let mut value = json!({ "status": status, "kind": error.kind().name(), "text": error.to_string() });
    let figures = match error {
        PlanError::NotEnoughCores { wanted, free } => vec![("wanted", wanted.into()), ("free", free.into())],
        PlanError::NotEnoughSharedCores { wanted, shared } => {
            vec![("wanted", wanted.into()), ("free", shared.into())]
        }
        PlanError::NotEnoughMemory { wanted, free, largest, .. }
        | PlanError::Fragmented { wanted, free, largest, .. } => {
            vec![("wanted", wanted.0), ("free", free.0), ("largest", largest.0)]
        }
        _ => Vec::new(),
    };
    for (name, figure) in figures {
        value[name] = hex(figure);
    }
    value
}

fn decode(vector: &Value) -> Case {
    let world = if vector["secure"].as_bool().unwrap() { World::Secure } else { World::NonSecure };
    Case {
        board: Board {
            free: decode_set(&vector["free"]),
            management: decode_set(&vector["management"]),
            clusters: list(&vector["clusters"], |cluster| u8::try_from(cluster.as_u64().unwrap()).unwrap()),
            pool: list(&vector["pool"], decode_range),
            secure_pool: list(&vector["secure_pool"], decode_range),
            used: list(&vector["used"], decode_range),
            granule: ByteSize(unhex(&vector["granule"])),
        },
        request: ResourceRequest {
            cores: u32::try_from(vector["cores"].as_u64().unwrap()).unwrap(),
            memory: ByteSize(unhex(&vector["memory"])),
            world,
            shared: Some(&vector["shared"]).filter(|shared| !shared.is_null()).map(decode_set),
        },
    }
}

fn list<T>(value: &Value, decode: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap().iter().map(decode).collect()
}

fn unhex(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}

fn decode_set(value: &Value) -> CpuSet {
    CpuSet::from_words(list(value, unhex).try_into().unwrap())
}

fn decode_range(value: &Value) -> PhysRange {
    PhysRange::new(PhysAddr(unhex(&value[0])), ByteSize(unhex(&value[1]))).unwrap()
}
