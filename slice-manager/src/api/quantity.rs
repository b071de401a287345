//! Amounts of CPU, memory, storage and bandwidth, each with its unit as the API writes it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// CPU time in thousandths of a core; on the wire a number of cores with at most three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cpus {
    millicores: u32,
}

const MILLICORES_PER_CORE: u32 = 1000;

impl Cpus {
    /// Whole cores; more than four million saturate.
    pub const fn from_cores(cores: u32) -> Self {
        Self { millicores: cores.saturating_mul(MILLICORES_PER_CORE) }
    }

    /// Thousandths of a core.
    pub const fn from_millicores(millicores: u32) -> Self {
        Self { millicores }
    }

    /// In thousandths of a core.
    pub const fn millicores(self) -> u32 {
        self.millicores
    }

    /// The sum, or `None` if no count of millicores holds it.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self { millicores: self.millicores.checked_add(other.millicores)? })
    }

    /// What is left of `self` without `other`, at least nothing.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self { millicores: self.millicores.saturating_sub(other.millicores) }
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cores, rest) = (self.millicores / MILLICORES_PER_CORE, self.millicores % MILLICORES_PER_CORE);
        match rest {
            0 => write!(formatter, "{cores}"),
            _ => write!(formatter, "{}", format!("{cores}.{rest:03}").trim_end_matches('0')),
        }
    }
}

impl Serialize for Cpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.millicores % MILLICORES_PER_CORE {
            0 => serializer.serialize_u32(self.millicores / MILLICORES_PER_CORE),
            _ => serializer.serialize_f64(f64::from(self.millicores) / f64::from(MILLICORES_PER_CORE)),
        }
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        parse_cores(&number.to_string()).ok_or_else(|| {
            de::Error::custom(format_args!(
                "{number} is no number of cores from 0 to 4294967 with at most three decimals"
            ))
        })
    }
}

/// Reads decimal text exactly, without a detour over binary fractions.
fn parse_cores(text: &str) -> Option<Cpus> {
    let (cores, decimals) = text.split_once('.').unwrap_or((text, ""));
    let decimals = decimals.trim_end_matches('0');
    if decimals.len() > 3 {
        return None;
    }
    let cores: u32 = cores.parse().ok()?;
    let rest: u32 = format!("{decimals:0<3}").parse().ok()?;
    Some(Cpus { millicores: cores.checked_mul(MILLICORES_PER_CORE)?.checked_add(rest)? })
}

/// Unit of a [`Size`]; as OpenStack counts, a GB is 1024 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum SizeUnit {
    /// Megabytes.
    #[default]
    MB,
    /// Gigabytes.
    GB,
}

impl SizeUnit {
    /// How many of this unit `size` fills.
    pub const fn count(self, size: Size) -> u64 {
        match self {
            Self::MB => size.megabytes,
            Self::GB => size.megabytes / MEGABYTES_PER_GIGABYTE,
        }
    }
}

/// An amount of memory or storage, in megabytes inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size {
    megabytes: u64,
}

const MEGABYTES_PER_GIGABYTE: u64 = 1024;

impl Size {
    /// So many of `unit`, or `None` if that does not fit.
    pub const fn new(count: u64, unit: SizeUnit) -> Option<Self> {
        let factor = match unit {
            SizeUnit::MB => 1,
            SizeUnit::GB => MEGABYTES_PER_GIGABYTE,
        };
        match count.checked_mul(factor) {
            Some(megabytes) => Some(Self { megabytes }),
            None => None,
        }
    }

    /// In megabytes.
    pub const fn megabytes(self) -> u64 {
        self.megabytes
    }

    /// The sum, or `None` if it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self { megabytes: self.megabytes.checked_add(other.megabytes)? })
    }

    /// What is left of `self` without `other`, at least nothing.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self { megabytes: self.megabytes.saturating_sub(other.megabytes) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} MB", self.megabytes)
    }
}

/// `{"required": N}`, or N alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CpuQuota {
    /// Cores.
    pub required: Cpus,
}

impl<'de> Deserialize<'de> for CpuQuota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Object {
            required: Cpus,
        }
        let value = serde_json::Value::deserialize(deserializer)?;
        let required = match value.is_object() {
            true => serde_json::from_value::<Object>(value).map(|object| object.required),
            false => serde_json::from_value::<Cpus>(value),
        };
        Ok(Self { required: required.map_err(de::Error::custom)? })
    }
}

macro_rules! size_quota {
    ($(#[$doc:meta])* $name:ident, $unit:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name {
            /// How much.
            pub required: Size,
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                SizeObject::new(self.required, SizeUnit::$unit).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let object = SizeObject::deserialize(deserializer)?;
                let required = Size::new(object.required, object.units.unwrap_or(SizeUnit::$unit));
                Ok(Self { required: required.ok_or_else(|| de::Error::custom("The size does not fit 64 bits"))? })
            }
        }
    };
}

size_quota! {
    /// `{"required": N, "units": "MB"}`.
    RamQuota, MB
}
size_quota! {
    /// `{"required": N, "units": "GB"}`.
    StorageQuota, GB
}

/// `{"required": N, "units": "MB"}`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SizeObject {
    required: u64,
    units: Option<SizeUnit>,
}

impl SizeObject {
    /// In `unit` if that is exact, else in megabytes.
    fn new(size: Size, unit: SizeUnit) -> Self {
        match unit {
            SizeUnit::GB if size.megabytes.is_multiple_of(MEGABYTES_PER_GIGABYTE) => {
                Self { required: size.megabytes / MEGABYTES_PER_GIGABYTE, units: Some(SizeUnit::GB) }
            }
            SizeUnit::GB | SizeUnit::MB => Self { required: size.megabytes, units: Some(SizeUnit::MB) },
        }
    }
}

/// What a compute chunk takes of its compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Requirements {
    /// Cores.
    pub cpus: CpuQuota,
    /// Memory.
    pub ram: RamQuota,
    /// Storage.
    #[serde(default)]
    pub storage: StorageQuota,
}

/// Unit of a [`Bandwidth`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum BandwidthUnit {
    /// Megabytes per second.
    #[serde(rename = "MB/s")]
    MegabytesPerSecond,
}

/// `{"required": N, "units": "MB/s"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Bandwidth {
    /// How much.
    pub required: u64,
    /// Of what.
    #[serde(default = "megabytes_per_second")]
    pub units: BandwidthUnit,
}

const fn megabytes_per_second() -> BandwidthUnit {
    BandwidthUnit::MegabytesPerSecond
}

#[cfg(test)]
mod tests {
    use super::{CpuQuota, Cpus, RamQuota, Requirements, Size, SizeUnit, StorageQuota};

    #[test]
    fn cores_are_read_exactly_with_up_to_three_decimals() {
        for (text, millicores) in [("4", 4000), ("0.5", 500), ("1.250", 1250), ("0.001", 1), ("0", 0)] {
            let cpus: Cpus = serde_json::from_str(text).unwrap();
            assert_eq!(cpus.millicores(), millicores, "{text}");
        }
        for text in ["-1", "0.0001", "4294968", "\"4\"", "null"] {
            assert!(serde_json::from_str::<Cpus>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cpu_quota_is_an_object_or_a_bare_number() {
        let object: CpuQuota = serde_json::from_str(r#"{"required":4}"#).unwrap();
        let bare: CpuQuota = serde_json::from_str("4").unwrap();
        assert_eq!(object, bare);
        assert!(serde_json::from_str::<CpuQuota>(r#"{"required":4,"more":1}"#).is_err());
    }

    #[test]
    fn whole_cores_are_written_as_integers() {
        assert_eq!(serde_json::to_string(&Cpus::from_cores(4)).unwrap(), "4");
        assert_eq!(serde_json::to_string(&Cpus::from_millicores(1250)).unwrap(), "1.25");
        assert_eq!(Cpus::from_millicores(1250).to_string(), "1.25");
    }

    #[test]
    fn sizes_keep_their_meaning_over_a_round_trip() {
        let text = r#"{"cpus":{"required":4},"ram":{"required":4096,"units":"MB"},"storage":{"required":40,"units":"GB"}}"#;
        let requirements: Requirements = serde_json::from_str(text).unwrap();
        assert_eq!(requirements.storage.required, Size::new(40, SizeUnit::GB).unwrap());
        assert_eq!(serde_json::to_string(&requirements).unwrap(), text);
    }

    #[test]
    fn storage_that_is_no_whole_number_of_gigabytes_is_written_in_megabytes() {
        let storage = StorageQuota { required: Size::new(1500, SizeUnit::MB).unwrap() };
        assert_eq!(serde_json::to_string(&storage).unwrap(), r#"{"required":1500,"units":"MB"}"#);
    }

    #[test]
    fn sizes_beyond_64_bits_are_refused() {
        let text = format!(r#"{{"required":{},"units":"GB"}}"#, u64::MAX);
        assert!(serde_json::from_str::<RamQuota>(&text).is_err());
    }
}
