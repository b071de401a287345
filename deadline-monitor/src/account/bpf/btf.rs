//! Where things are in the running kernel, from its own type information (`Documentation/bpf/btf.rst`).

use std::fs;

use super::Error;

/// What the program needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// `task_struct.se.sum_exec_runtime`, in bytes from the task's beginning.
    pub(super) executed: i16,
    /// `task_struct.sched_info.run_delay`.
    pub(super) waited: i16,
    /// `task_struct.start_boottime`.
    pub(super) start: i16,
    /// The functions by which a program takes and returns a task.
    pub(super) task_from_pid: i32,
    pub(super) task_release: i32,
}

const PATH: &str = "/sys/kernel/btf/vmlinux";
const MAGIC: u16 = 0xeb9f;
/// Kinds of types.
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const FUNCTION: u32 = 12;
/// Offsets of members are in bits.
const BITS: u32 = 8;

impl Layout {
    /// Reads it.
    pub(super) fn read() -> Result<Layout, Error> {
        let bytes = fs::read(PATH).map_err(|error| Error::NoTypes(format!("{PATH}: {error}")))?;
        let types =
            Types::parse(&bytes).ok_or_else(|| Error::NoTypes(format!("{PATH} is of another format")))?;
        let task = types.named(STRUCT, "task_struct").ok_or(Error::Missing("struct task_struct"))?;
        let field = |path: &[&str], name| types.offset(task, path).ok_or(Error::Missing(name));
        let function = |name| {
            let id = types.named(FUNCTION, name).and_then(|id| i32::try_from(id).ok());
            id.ok_or(Error::Missing(name))
        };
        Ok(Layout {
            executed: field(&["se", "sum_exec_runtime"], "task_struct.se.sum_exec_runtime")?,
            waited: field(&["sched_info", "run_delay"], "task_struct.sched_info.run_delay")?,
            start: field(&["start_boottime"], "task_struct.start_boottime")?,
            task_from_pid: function("bpf_task_from_pid")?,
            task_release: function("bpf_task_release")?,
        })
    }
}

/// The types of the kernel, by their ids from 1 on.
struct Types<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins.
    begins: Vec<usize>,
}

impl<'a> Types<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Types<'a>> {
        let magic = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
        let head = |place: usize| usize::try_from(word(bytes, place)?).ok();
        let (length, type_offset, type_length) = (head(4)?, head(8)?, head(12)?);
        let (string_offset, string_length) = (head(16)?, head(20)?);
        let section = |offset: usize, size: usize| {
            let begin = length.checked_add(offset)?;
            bytes.get(begin..begin.checked_add(size)?)
        };
        let types = section(type_offset, type_length)?;
        let strings = section(string_offset, string_length)?;
        let (mut begins, mut at) = (vec![0], 0);
        while at < types.len() {
            begins.push(at);
            at += 12 + extra(word(types, at + 4)?)?;
        }
        (magic == MAGIC).then_some(Types { types, strings, begins })
    }

    fn word(&self, id: usize, place: usize) -> Option<u32> {
        word(self.types, self.begins.get(id).filter(|_| id > 0)? + place)
    }

    fn kind(&self, id: usize) -> Option<u32> {
        self.word(id, 4).map(kind)
    }

    fn name(&self, offset: u32) -> &[u8] {
        let rest =
            usize::try_from(offset).ok().and_then(|offset| self.strings.get(offset..)).unwrap_or_default();
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// The first type of this kind and name.
    fn named(&self, kind: u32, name: &str) -> Option<usize> {
        (1..self.begins.len()).find(|id| {
            self.kind(*id) == Some(kind)
                && self.word(*id, 0).is_some_and(|offset| self.name(offset) == name.as_bytes())
        })
    }

    /// Bytes from the beginning of a structure to a field of a field of it.
    fn offset(&self, structure: usize, path: &[&str]) -> Option<i16> {
        let (mut id, mut bits) = (structure, 0);
        for name in path {
            let (offset, inner) = self.member(id, name)?;
            (bits, id) = (bits + offset, inner);
        }
        i16::try_from(bits / BITS).ok()
    }

    /// Offset in bits and type of a member, also of one in a structure without a name inside.
    fn member(&self, id: usize, name: &str) -> Option<(u32, usize)> {
        let info = self.word(id, 4)?;
        let members = (0..usize::try_from(info & 0xffff).ok()?).filter_map(|index| {
            let at = 12 + 12 * index;
            let offset = self.word(id, at + 8)?;
            // With bit fields in the structure the upper byte is a width.
            let offset = if info >> 31 == 1 { offset & 0x00ff_ffff } else { offset };
            Some((self.name(self.word(id, at)?), usize::try_from(self.word(id, at + 4)?).ok()?, offset))
        });
        for (member, inner, offset) in members {
            if member == name.as_bytes() {
                return Some((offset, inner));
            }
            let unnamed = member.is_empty() && matches!(self.kind(inner), Some(STRUCT | UNION));
            if let Some((deeper, found)) = unnamed.then(|| self.member(inner, name)).flatten() {
                return Some((offset + deeper, found));
            }
        }
        None
    }
}

fn word(bytes: &[u8], place: usize) -> Option<u32> {
    let word = bytes.get(place..place.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

fn kind(info: u32) -> u32 {
    info >> 24 & 0x1f
}

/// Bytes that follow a type's first twelve; `None` for a kind that is not known.
fn extra(info: u32) -> Option<usize> {
    let count = usize::try_from(info & 0xffff).ok()?;
    Some(match kind(info) {
        // Integers, variables, tags of declarations; arrays.
        1 | 14 | 17 => 4,
        3 => 12,
        // Structures, unions, data sections, 64-bit enumerations; enumerations, prototypes.
        STRUCT | UNION | 15 | 19 => 12 * count,
        6 | 13 => 8 * count,
        // Pointers, forward declarations, typedefs, qualifiers, functions, floats, tags of types.
        2 | 7..=FUNCTION | 16 | 18 => 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct task { int pid; struct { int :8; struct se { long run; } se; }; }`, as a kernel would write it.
    fn blob() -> Vec<u8> {
        let strings = b"\0task\0pid\0se\0run\0f\0";
        let struct_of = |count: u32| STRUCT << 24 | count;
        let types: Vec<u32> = [
            vec![0, 1 << 24, 4, 32],                      // 1: int
            vec![10, struct_of(1), 8, 13, 1, 64],         // 2: struct se { run at 64 bits }
            vec![0, struct_of(1), 16, 10, 2, 32],         // 3: struct { se at 32 bits }
            vec![1, struct_of(2), 24, 6, 1, 0, 0, 3, 64], // 4: struct task { pid; unnamed at 64 bits }
            vec![17, FUNCTION << 24, 0],                  // 5: f
        ]
        .concat();
        let types: Vec<u8> = types.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let (type_length, string_length) =
            (u32::try_from(types.len()).unwrap(), u32::try_from(strings.len()).unwrap());
        let mut blob = [&MAGIC.to_ne_bytes()[..], &[1, 0]].concat();
        for word in [24, 0, type_length, type_length, string_length] {
            blob.extend(u32::to_ne_bytes(word));
        }
        blob.extend(types);
        blob.extend(strings);
        blob
    }

    #[test]
    fn fields_are_found_also_inside_structures_without_a_name() {
        let blob = blob();
        let types = Types::parse(&blob).unwrap();
        let task = types.named(STRUCT, "task").unwrap();
        assert_eq!(types.offset(task, &["se", "run"]), Some((64 + 32 + 64) / 8));
        assert_eq!(types.offset(task, &["pid"]), Some(0));
        assert_eq!(types.offset(task, &["nothing"]), None);
        assert_eq!((types.named(FUNCTION, "f"), types.named(FUNCTION, "task")), (Some(5), None));
    }

    #[test]
    fn what_is_cut_or_foreign_is_refused() {
        let whole = blob();
        for length in 0..whole.len() {
            assert!(Types::parse(&whole[..length]).is_none(), "{length}");
        }
        let mut other = blob();
        other[0] = 0;
        assert!(Types::parse(&other).is_none());
    }
}
