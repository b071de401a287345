//! What all resources share: an id, an owner, a kind with its path.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Compute, ComputeChunk, NetworkChunk, NetworkService, NetworkServiceInstance, PhysicalNetwork, RadioChunk,
    RadioService, RanInfrastructure, Slice, User,
};

/// The id of a resource; clients take it as opaque text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Id(String);

impl Id {
    /// An id with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $path:literal;)*) => {
        /// What a resource is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The last part of its collection's path, as the API spells it.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$kind => $path,)*
                }
            }

            /// Name of its type, which is that of its schema.
            pub const fn type_name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }

            /// The kind whose collection has this path.
            pub fn from_path(path: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.path() == path)
            }
        }

        /// Any resource.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Resource {
            $($(#[$doc])* $kind($kind),)*
        }

        $(impl Typed for $kind {
            const KIND: Kind = Kind::$kind;

            fn of(resource: &Resource) -> Option<&Self> {
                if let Resource::$kind(resource) = resource { Some(resource) } else { None }
            }
        })*

        impl Resource {
            /// What it is.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                }
            }

            /// Its id.
            pub const fn id(&self) -> &Id {
                match self {
                    $(Self::$kind(resource) => &resource.id,)*
                }
            }

            /// Gives it an id.
            pub fn set_id(&mut self, id: Id) {
                match self {
                    $(Self::$kind(resource) => resource.id = id,)*
                }
            }

            /// Its name; need not be unique.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$kind(resource) => &resource.name,)*
                }
            }

            /// Reads a resource of `kind` from any source of data.
            ///
            /// # Errors
            /// It is none.
            pub fn deserialize<'de, D: serde::Deserializer<'de>>(kind: Kind, source: D) -> Result<Self, D::Error> {
                match kind {
                    $(Kind::$kind => $kind::deserialize(source).map(Self::$kind),)*
                }
            }

            /// Reads a stored resource of `kind`.
            ///
            /// # Errors
            /// The text is not one.
            pub fn from_json(kind: Kind, json: &str) -> Result<Self, serde_json::Error> {
                match kind {
                    $(Kind::$kind => serde_json::from_str(json).map(Self::$kind),)*
                }
            }
        }
    };
}

kinds! {
    /// Whoever owns chunks and slices.
    User = "user";
    /// A computing infrastructure that chunks are cut from.
    Compute = "compute";
    /// A network that network chunks are cut from.
    PhysicalNetwork = "physical_network";
    /// A radio access infrastructure.
    RanInfrastructure = "ran_infrastructure";
    /// A share of a compute.
    ComputeChunk = "compute_chunk";
    /// A share of a physical network.
    NetworkChunk = "network_chunk";
    /// A share of a radio access infrastructure.
    RadioChunk = "radio_chunk";
    /// A radio service on a radio chunk of a slice.
    RadioService = "radio_service";
    /// A slice: chunks of one user that belong together.
    Slice = "slic3";
    /// What can be run in a slice.
    NetworkService = "network_service";
    /// A network service that runs in a slice.
    NetworkServiceInstance = "network_service_instance";
}

/// A resource type of the API.
pub trait Typed: Sized + 'static {
    /// Its kind.
    const KIND: Kind;

    /// `resource` if it is of this type.
    fn of(resource: &Resource) -> Option<&Self>;
}

impl Resource {
    /// Who owns it; a user owns itself.
    pub const fn owner(&self) -> &Id {
        match self {
            Self::User(user) => &user.id,
            Self::Compute(compute) => &compute.user_id,
            Self::PhysicalNetwork(network) => &network.user_id,
            Self::RanInfrastructure(ran) => &ran.user_id,
            Self::ComputeChunk(chunk) => &chunk.user_id,
            Self::NetworkChunk(chunk) => &chunk.user_id,
            Self::RadioChunk(chunk) => &chunk.user_id,
            Self::RadioService(service) => &service.user_id,
            Self::Slice(slice) => &slice.user_id,
            Self::NetworkService(service) => &service.user_id,
            Self::NetworkServiceInstance(instance) => &instance.user_id,
        }
    }
}
