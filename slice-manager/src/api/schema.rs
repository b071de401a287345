//! Schemas of values that are written in another way than they are kept.

use utoipa::Number;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::quantity::SizeObject;
use super::{CpuQuota, Cpus, RamQuota, StorageQuota};

impl PartialSchema for Cpus {
    fn schema() -> RefOr<Schema> {
        cores().into()
    }
}

impl ToSchema for Cpus {}

impl PartialSchema for CpuQuota {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().property("required", cores()).required("required");
        OneOfBuilder::new().item(object).item(cores()).into()
    }
}

impl ToSchema for CpuQuota {}

impl PartialSchema for RamQuota {
    fn schema() -> RefOr<Schema> {
        SizeObject::schema()
    }
}

impl ToSchema for RamQuota {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SizeObject::schemas(schemas);
    }
}

impl PartialSchema for StorageQuota {
    fn schema() -> RefOr<Schema> {
        SizeObject::schema()
    }
}

impl ToSchema for StorageQuota {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SizeObject::schemas(schemas);
    }
}

/// A number of cores with at most three decimals.
fn cores() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Number))
        .minimum(Some(Number::UInt(0)))
        .maximum(Some(Number::UInt(4_294_967)))
        .multiple_of(Some(Number::Float(0.001)))
}
